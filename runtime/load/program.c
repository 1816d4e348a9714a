#include "runtime/load/program.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/load/vdso.h"
#include "runtime/sys/own_fd.h"
#include "runtime/sys/path.h"

/* Where distributions put the libraries of other architectures, before and after the architecture's
 * name. Looked at when no -L is given and the interpreter isn't found where the program says. */
static const char *const default_prefixes[][2] = {{"/usr/", "-linux-gnu"},
                                                  {"/etc/qemu-binfmt/", ""}};

enum {
    DEFAULT_STACK = 8 << 20,
    STACK_RESERVE = 128 << 20,  /* what a raised limit may grow into */
    STACK_AT_FIRST = 128 << 10, /* below the arguments (fs/exec.c, setup_arg_pages()) */
};
#define STACK_MOST ((uint64_t)1 << 30)
/* A position-independent program goes to two thirds of the address space (ELF_ET_DYN_BASE). */
#define PIE_BASE (MEM_TASK_SIZE / 3 * 2 & ~(uint64_t)0xffff)

__attribute__((format(printf, 3, 4))) static int fail(LoadError *error, int status,
                                                      const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(error->text, sizeof error->text, format, ap);
    va_end(ap);
    error->status = status;
    return -1;
}

static long read_file(void *ctx, void *buf, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        long r = host_raw4(SYS_pread64, *(int *)ctx, (char *)buf + done, n - done, offset + done);
        if (r == -EINTR) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        if (r == 0) {
            break;
        }
        done += (size_t)r;
    }
    return (long)done;
}

/* What to do about a file that isn't a program. */
static const char *advice(int err)
{
    switch (err) {
    case -ENOEXEC: return "give an AArch64 Linux program";
    case -ENOMEM: return "free some memory or raise the limit";
    default: return "check the file";
    }
}

static int open_program(const char *path, int *fd, LoadError *error)
{
    long r = host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (r < 0) {
        return fail(error, r == -ENOENT || r == -ENOTDIR ? 127 : 126,
                    "%s: cannot be opened: %s; check the path", path, strerror((int)-r));
    }
    *fd = (int)r;
    return 0;
}

/* Reads the headers of what is open as fd; checks that it is a file at all. */
static int read_headers(const Process *p, const char *path, int fd, ElfFile *elf, LoadError *error)
{
    struct stat st;
    const char *why = "cannot be read";
    if (fstat(fd, &st)) {
        return fail(error, 126, "%s: cannot be examined: %s; check the file", path,
                    strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return fail(error, 126, "%s: is %s, not a program; give a regular file", path,
                    S_ISDIR(st.st_mode) ? "a directory" : "a special file");
    }
    int err = elf_read(elf, p->frontend->elf_machine, read_file, &fd, (uint64_t)st.st_size, &why);
    if (err) {
        return fail(error, 126, "%s: %s; %s", path, why, advice(err));
    }
    return 0;
}

int program_open_interp(Process *p, const char *path, const char *interp, int *fd, LoadError *error)
{
    char buf[PATH_MAX];
    const char *name = path_lookup(p, interp, true, buf);
    long r = host_raw3(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0;
         r < 0 && !p->prefix[0] && i < sizeof default_prefixes / sizeof default_prefixes[0]; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s%s%s", default_prefixes[i][0], p->frontend->name,
                 default_prefixes[i][1]);
        snprintf(buf, sizeof buf, "%s%.4000s", prefix, interp);
        r = host_raw3(SYS_openat, AT_FDCWD, buf, O_RDONLY | O_CLOEXEC);
        if (r >= 0) {
            path_set_prefix(p, prefix);
        }
    }
    if (r < 0) {
        return fail(error, 127,
                    "%.2000s: its interpreter %.2000s is not there; give the folder that holds the "
                    "guest's libraries with -L",
                    path, interp);
    }
    *fd = (int)r;
    return 0;
}

static int make_stack(Process *p, bool executable, LoadError *error)
{
    struct rlimit limit = {DEFAULT_STACK, DEFAULT_STACK};
    getrlimit(RLIMIT_STACK, &limit);
    p->stack_limit = limit;
    uint64_t size = p->options->stack_size ? p->options->stack_size : limit.rlim_cur;
    if (size > STACK_MOST) {
        size = p->options->stack_size ? STACK_MOST : (uint64_t)STACK_RESERVE;
    }
    int err =
        mem_make_stack(p->mem, size, p->options->reserved_va ? size : STACK_RESERVE, executable);
    return err ? fail(error, 126, "no stack of %llu bytes: %s; choose another size with -s",
                      (unsigned long long)size, strerror(-err))
               : 0;
}

/* Bits for addresses, from the kernel's own random bytes. */
static uint64_t random_bits(const uint8_t *random, unsigned from, unsigned bits)
{
    uint64_t v;
    memcpy(&v, random + from, sizeof v);
    v = (v ^ v >> 29) * 0x9e3779b97f4a7c15;
    return v >> (64 - bits);
}

/* Not a file in memory, one that was deleted, or one by a mount of its own. */
static bool leads_to(const char *path, int fd)
{
    struct statx there, here;
    return !host_raw5(SYS_statx, AT_FDCWD, path, 0, STATX_INO | STATX_MNT_ID, &there) &&
           !host_raw5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &here) &&
           there.stx_ino == here.stx_ino && there.stx_mnt_id == here.stx_mnt_id &&
           there.stx_dev_major == here.stx_dev_major && there.stx_dev_minor == here.stx_dev_minor;
}

static void note_exe(Process *p, int fd, const char *path)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = host_raw4(SYS_readlinkat, AT_FDCWD, link, p->exe, sizeof p->exe - 1);
    if (n > 0) {
        p->exe[n] = 0;
    } else {
        snprintf(p->exe, sizeof p->exe, "%s", path);
    }
    if (!leads_to(p->exe, fd)) {
        long other = host_raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
        p->program_fd = other < 0 ? -1 : own_fd_high((int)other);
    }
}

/* fs/binfmt_elf.c, load_elf_binary(): what /proc calls the program's code and data. */
static void note_bounds(Mem *mem, const ElfFile *elf, uint64_t bias)
{
    mem->code_start = UINT64_MAX;
    mem->code_end = mem->data_start = mem->data_end = 0;
    for (unsigned i = 0; i < elf->phnum; i++) {
        const Elf64_Phdr *p = &elf->ph[i];
        GuestAddr start = p->p_vaddr + bias, end = start + p->p_filesz;
        if (p->p_type != PT_LOAD || !p->p_memsz) {
            continue;
        }
        if ((p->p_flags & PF_X) && start < mem->code_start) {
            mem->code_start = start;
        }
        if ((p->p_flags & PF_X) && end > mem->code_end) {
            mem->code_end = end;
        }
        mem->data_start = start > mem->data_start ? start : mem->data_start;
        mem->data_end = end > mem->data_end ? end : mem->data_end;
    }
    if (!mem->code_end) {
        mem->code_start = mem->code_end = mem->data_start;
    }
}

int program_load(Process *p, const char *path, char *const *argv, char *const *envp,
                 GuestAddr *entry, GuestAddr *sp, LoadError *error)
{
    const uint8_t *random = guest_ptr(getauxval(AT_RANDOM));
    bool shuffle = !(p->personality & ADDR_NO_RANDOMIZE);
    int fd = p->options->execfd, interp_fd = -1;
    ElfFile elf = {0}, interp = {0};
    Image image, interp_image = {0};
    const char *why = NULL;
    int result = -1;

    if (fd < 0 && open_program(path, &fd, error)) {
        return -1;
    }
    if (read_headers(p, path, fd, &elf, error)) {
        goto out;
    }
    if (elf.has_interp && (program_open_interp(p, path, elf.interp, &interp_fd, error) ||
                           read_headers(p, elf.interp, interp_fd, &interp, error))) {
        goto out;
    }
    GuestAddr hint = 0;
    if (elf.type == ET_DYN && p->options->reserved_va == 0) {
        hint = PIE_BASE + (shuffle ? random_bits(random, 8, 24) * MEM_PAGE : 0);
    }
    int err = image_map(&image, p->mem, &elf, fd, hint, &why);
    if (err) {
        fail(error, 126, "%s: %s: %s; %s", path, why, strerror(-err), advice(err));
        goto out;
    }
    note_bounds(p->mem, &elf, image.bias);
    if (elf.has_interp && (err = image_map(&interp_image, p->mem, &interp, interp_fd, 0, &why))) {
        fail(error, 126, "%s: %s: %s; %s", elf.interp, why, strerror(-err), advice(err));
        goto out;
    }
    if (make_stack(p, elf.stack_exec, error)) {
        goto out;
    }
    if ((err = vdso_map(p->mem))) {
        fail(error, 126, "%s: no room for the vDSO: %s; free some memory", path, strerror(-err));
        goto out;
    }
    mem_set_brk(p->mem,
                mem_page_up(image.end) + (shuffle ? random_bits(random, 3, 12) * MEM_PAGE : 0));
    note_exe(p, fd, path);
    StackPlan plan = {
        .frontend = p->frontend,
        .argv = argv,
        .envp = envp,
        .execfn = path,
        .program = &image,
        .phnum = elf.phnum,
        .base = elf.has_interp ? interp_image.low : 0,
        .execfd = -1,
        .random = random,
        .shuffle = shuffle,
    };
    if ((err = stack_build(&p->stack, p->mem, &plan))) {
        fail(error, 126,
             "%s: arguments and environment don't fit on the stack; raise its size with -s or "
             "ulimit -s",
             path);
        goto out;
    }
    GuestAddr shown = mem_page_down(p->stack.sp) - STACK_AT_FIRST;
    p->mem->stack_shown = shown > p->mem->stack_low ? shown : p->mem->stack_low;
    *entry = elf.has_interp ? interp_image.entry : image.entry;
    *sp = p->stack.sp;
    result = 0;
out:
    elf_free(&elf);
    elf_free(&interp);
    if (fd >= 0) {
        host_raw1(SYS_close, fd);
    }
    if (interp_fd >= 0) {
        host_raw1(SYS_close, interp_fd);
    }
    return result;
}
