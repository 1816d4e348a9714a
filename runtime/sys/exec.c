/* execve and execveat.
 *
 * A program of the guest, or a script whose interpreter is one, is started by executing xemu again:
 *
 *     xemu <options as given> -0 ARGV0 [--exec-fd N] [--exe-fd N] -- PATH args...
 *
 * so nothing depends on binfmt_misc. Everything else is the host kernel's business: host programs,
 * wrong formats, errors.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/ownmem.h"
#include "runtime/load/elf.h"
#include "runtime/sig/signal.h"
#include "runtime/sys/filter.h"
#include "runtime/sys/own_fd.h"
#include "runtime/sys/path.h"
#include "runtime/sys/sys.h"
#include "runtime/sys/tagged.h"

enum {
    HEAD_BYTES = 256, /* what the kernel looks at (BINPRM_BUF_SIZE) */
    SCRIPT_DEPTH = 5,
    EXTRA_WORDS = 20, /* beside the carried options */
};

typedef enum Kind { KIND_HOST, KIND_GUEST, KIND_SCRIPT } Kind;

typedef struct Script {
    char interp[HEAD_BYTES], arg[HEAD_BYTES];
} Script;

/* "#! interp [one argument]" (fs/binfmt_script.c). */
static bool parse_script(const char *head, size_t n, Script *s)
{
    const char *at = head + 2, *line_end = memchr(head, '\n', n);
    const char *end = line_end ? line_end : head + n;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    const char *word = at;
    while (at < end && *at != ' ' && *at != '\t' && *at) {
        at++;
    }
    if (at == word || (!line_end && at == head + n)) {
        return false; /* no name, or perhaps a cut one */
    }
    memcpy(s->interp, word, (size_t)(at - word));
    s->interp[at - word] = 0;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    memcpy(s->arg, at, (size_t)(end - at));
    s->arg[end - at] = 0;
    return true;
}

static Kind kind_of(const Process *p, int fd, Script *script)
{
    char head[HEAD_BYTES] = {0};
    long n = host_raw4(SYS_pread64, fd, head, sizeof head, 0);
    if (n > 2 && head[0] == '#' && head[1] == '!') {
        return parse_script(head, (size_t)n, script) ? KIND_SCRIPT : KIND_HOST;
    }
    return n > 0 && elf_is_for(head, (size_t)n, p->frontend->elf_machine) ? KIND_GUEST : KIND_HOST;
}

/* May this process execute the file at all? 0 or -errno. */
static long check_executable(int dirfd, const char *path, int flags)
{
    struct stat st = {0};
    long r = host_raw4(SYS_newfstatat, dirfd, path, &st, flags);
    if (r) {
        return r;
    }
    if (S_ISLNK(st.st_mode)) {
        return -ELOOP;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EACCES;
    }
    return host_raw4(SYS_faccessat2, dirfd, path, X_OK, AT_EACCESS | flags);
}

/* The words of the new command line. */
typedef struct Words {
    const char **v;
    size_t n, bytes; /* used; size of the mapping */
} Words;

static long count_words(GuestAddr v)
{
    for (long n = 0; v; n++) {
        uint64_t p;
        if (guest_read_u64(v + 8 * (uint64_t)n, &p)) {
            return -EFAULT;
        }
        if (!p) {
            return n;
        }
        if (n > 1 << 20) {
            return -E2BIG;
        }
    }
    return 0;
}

static long words_alloc(Words *w, size_t n)
{
    w->n = 0;
    w->bytes = mem_page_up(n * sizeof *w->v);
    long at = host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(w->bytes), w->bytes,
                        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    w->v = at < 0 ? NULL : guest_ptr((uint64_t)at);
    return at < 0 ? -ENOMEM : 0;
}

static void words_add(Words *w, const char *word)
{
    w->v[w->n++] = word;
}

/* Before another program takes over, the host must show what the guest set for signals that xemu
 * keeps to itself, and a parent's code isn't needed any more. */
static void hand_over(Thread *t, bool undo)
{
    static const HostSigAction ignore = {.handler = (uintptr_t)1}; /* SIG_IGN */
    if (!undo) {
        /* The children of a pipeline come here together: the slowest would be late for the others
         * to see it under its new name. */
        process_save(t->process, false);
        if (!t->process->vforked) {
            jit_close_optimizer(t->process->jit);
        }
    }
    for (int n = 1; n <= SIGNALS && !undo; n++) {
        if ((SIGNALS_SYNC & SIGNAL_BIT(n)) && t->process->sig->action[n].handler == 1) {
            host_raw4(SYS_rt_sigaction, n, &ignore, 0, sizeof(uint64_t));
        }
    }
    if (process_is_alone(t->process)) {
        (undo ? jit_exec_failed : jit_exec_prepare)(t->process->jit);
    }
    uint64_t mask = undo ? signal_host_mask(t->mask) : t->mask;
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
    if (undo) {
        signal_install_sync();
    }
}

static long exec_xemu(Thread *t, const char *const *argv, GuestAddr envp)
{
    Process *p = t->process;
    static const char *const no_env[] = {NULL};
    const void *env = envp ? guest_ptr(envp) : no_env;
    long r = -ENOENT;
    hand_over(t, false);
    if (p->exe_fd >= 0) {
        r = host_raw5(SYS_execveat, p->exe_fd, "", argv, env, AT_EMPTY_PATH);
    }
    if (r == -ENOENT || r == -EBADF) {
        r = host_raw3(SYS_execve, "/proc/self/exe", argv, env);
    }
    hand_over(t, true);
    return r;
}

/* Sets a limit as the guest has it, as far as the hard one goes; *own: what it was. */
static void bind(int resource, const struct rlimit *guest, struct rlimit *own)
{
    getrlimit(resource, own);
    struct rlimit set = {.rlim_cur = guest->rlim_cur, .rlim_max = own->rlim_max};
    set.rlim_cur = set.rlim_cur < set.rlim_max ? set.rlim_cur : set.rlim_max;
    setrlimit(resource, &set);
}

/* Tells the next xemu of a limit that it keeps for the guest. text: room for the word. */
static void add_limit(Words *w, const char *option, const struct rlimit *limit, char text[48])
{
    if (limit->rlim_max != RLIM_INFINITY || limit->rlim_cur != RLIM_INFINITY) {
        snprintf(text, 48, "%llu,%llu", (unsigned long long)limit->rlim_cur,
                 (unsigned long long)limit->rlim_max);
        words_add(w, option);
        words_add(w, text);
    }
}

static long exec_host(Thread *t, int dirfd, const char *path, GuestAddr argv, GuestAddr envp,
                      int flags)
{
    /* The limits on memory that were kept from binding xemu bind that program. */
    struct rlimit own_as, own_data;
    bind(RLIMIT_AS, &t->process->as_limit, &own_as);
    bind(RLIMIT_DATA, &t->process->data_limit, &own_data);
    hand_over(t, false);
    long r = host_raw5(SYS_execveat, dirfd, path, argv, envp, flags);
    hand_over(t, true);
    setrlimit(RLIMIT_AS, &own_as);
    setrlimit(RLIMIT_DATA, &own_data);
    return r;
}

typedef struct Target {
    int dirfd, flags;
    const char *path;  /* for the host */
    const char *shown; /* what the program is told it is called */
    GuestAddr argv, envp;
} Target;

/* A descriptor of the program itself, when its path would not lead there: kept open over the exec.
 */
static int keep_open(int fd)
{
    long high = host_raw3(SYS_fcntl, fd, F_DUPFD, 500);
    return high < 0 ? (int)host_raw3(SYS_fcntl, fd, F_DUPFD, 3) : (int)high;
}

static long exec_guest(Thread *t, const Target *target, const Script *scripts, unsigned nscripts,
                       const char *interp_path, int program_fd)
{
    const Options *o = t->process->options;
    char fd_text[16], exe_text[16], filter_text[16], as_text[48], data_text[48];
    Words w;
    long given = count_words(target->argv), r;
    if (given < 0) {
        return given;
    }
    if ((r = words_alloc(&w, (size_t)given + o->ncarry + 2 * nscripts + EXTRA_WORDS))) {
        return r;
    }
    const uint64_t *guest_argv = guest_ptr(target->argv);
    const char *first = given ? guest_ptr(guest_argv[0]) : "";
    words_add(&w, "xemu");
    for (unsigned i = 0; i < o->ncarry; i++) {
        words_add(&w, o->carry[i]);
    }
    words_add(&w, "-0");
    words_add(&w, nscripts ? scripts[nscripts - 1].interp : first);
    int kept = -1;
    if (!nscripts && program_fd >= 0) {
        kept = keep_open(program_fd);
        snprintf(fd_text, sizeof fd_text, "%d", kept);
        words_add(&w, "--exec-fd");
        words_add(&w, fd_text);
    }
    /* Without /proc xemu is found by the name that it was started by, of which the next one won't
     * know: it gets the descriptor. */
    if (host_raw4(SYS_faccessat2, AT_FDCWD, "/proc/self/exe", F_OK, 0)) {
        own_fd_keep_exe(t->process);
    }
    int self = t->process->exe_fd < 0 ? -1 : keep_open(t->process->exe_fd);
    if (self >= 0) {
        snprintf(exe_text, sizeof exe_text, "%d", self);
        words_add(&w, "--exe-fd");
        words_add(&w, exe_text);
    }
    int filters = seccomp_save(t);
    if (filters >= 0) {
        int high = keep_open(filters);
        host_raw1(SYS_close, filters);
        filters = high;
        snprintf(filter_text, sizeof filter_text, "%d", filters);
        words_add(&w, "--filters");
        words_add(&w, filter_text);
    }
    if (t->process->reaps || t->process->reaped) {
        words_add(&w, "--reaped");
    }
    add_limit(&w, "--rlimit-as", &t->process->as_limit, as_text);
    add_limit(&w, "--rlimit-data", &t->process->data_limit, data_text);
    words_add(&w, "--");
    words_add(&w, nscripts ? interp_path : target->shown);
    /* Interpreters from the innermost: each gets its argument, then the script that named it. */
    for (unsigned i = nscripts; i-- > 0;) {
        if (i + 1 < nscripts) {
            words_add(&w, scripts[i].interp);
        }
        if (scripts[i].arg[0]) {
            words_add(&w, scripts[i].arg);
        }
    }
    if (nscripts) {
        words_add(&w, target->shown);
    }
    for (long i = 1; i < given; i++) {
        words_add(&w, guest_ptr(guest_argv[i]));
    }
    words_add(&w, NULL);
    r = exec_xemu(t, w.v, target->envp);
    if (kept >= 0) {
        host_raw1(SYS_close, kept);
    }
    if (self >= 0) {
        host_raw1(SYS_close, self);
    }
    if (filters >= 0) {
        host_raw1(SYS_close, filters);
    }
    host_raw2(SYS_munmap, w.v, w.bytes);
    return r;
}

/* Would a kernel give the program rights that this process hasn't got? */
static bool gives_rights(int fd)
{
    struct stat st = {0};
    uint8_t caps[64];
    if (host_raw2(SYS_fstat, fd, &st) || host_raw5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) {
        return false;
    }
    bool setgid = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    return ((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
           (setgid && st.st_gid != getegid()) ||
           (geteuid() &&
            host_raw4(SYS_fgetxattr, fd, "security.capability", caps, sizeof caps) > 0);
}

/* Starts the program that was found. */
static long exec_found(Thread *t, const Target *target, Kind kind, const Script *scripts,
                       unsigned nscripts, const char *interp_path, int fd)
{
    /* Only the kernel can give rights, and does if it knows xemu as the interpreter of such
     * programs (binfmt_misc, flag C). */
    if (kind == KIND_HOST || (!nscripts && gives_rights(fd))) {
        long r =
            exec_host(t, target->dirfd, target->path, target->argv, target->envp, target->flags);
        if (kind == KIND_HOST || r != -ENOEXEC) {
            return r;
        }
    }
    bool path_leads = !(target->flags & AT_EMPTY_PATH) && target->dirfd == AT_FDCWD;
    return exec_guest(t, target, scripts, nscripts, interp_path, path_leads ? -1 : fd);
}

/* Follows scripts to the program that would run. */
static long exec_target(Thread *t, const Target *target)
{
    Process *p = t->process;
    Script scripts[SCRIPT_DEPTH];
    char interp_room[PATH_MAX];
    const char *interp_path = NULL;
    unsigned nscripts = 0;
    bool by_fd = target->flags & AT_EMPTY_PATH;
    long r = check_executable(target->dirfd, target->path, target->flags);
    if (r) {
        return r;
    }
    long fd = by_fd ? host_raw3(SYS_fcntl, target->dirfd, F_DUPFD_CLOEXEC, 0)
                    : host_raw3(SYS_openat, target->dirfd, target->path, O_RDONLY | O_CLOEXEC);
    if (by_fd && fd >= 0) {
        /* It may have been opened with O_PATH. */
        char link[48];
        snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
        long readable = host_raw3(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
        if (readable >= 0) {
            host_raw1(SYS_close, fd);
            fd = readable;
        }
    }
    if (fd < 0) {
        /* Executable but not readable: only the kernel can start it. */
        return fd == -EACCES ? exec_host(t, target->dirfd, target->path, target->argv, target->envp,
                                         target->flags)
                             : fd;
    }
    long look = fd;
    Kind kind;
    while ((kind = kind_of(p, (int)look, &scripts[nscripts])) == KIND_SCRIPT) {
        if (++nscripts == SCRIPT_DEPTH) {
            r = -ELOOP;
            break;
        }
        interp_path = path_lookup(p, scripts[nscripts - 1].interp, true, interp_room);
        r = check_executable(AT_FDCWD, interp_path, 0);
        if (look != fd) {
            host_raw1(SYS_close, look);
        }
        look = r ? r : host_raw3(SYS_openat, AT_FDCWD, interp_path, O_RDONLY | O_CLOEXEC);
        if (look < 0) {
            r = look;
            break;
        }
    }
    if (!r) {
        r = exec_found(t, target, kind, scripts, nscripts, interp_path, (int)fd);
    }
    if (look >= 0 && look != fd) {
        host_raw1(SYS_close, look);
    }
    host_raw1(SYS_close, fd);
    return r;
}

/* The pointers of a list without their tags; w->v is NULL for none. */
static long untag_words(Words *w, GuestAddr list)
{
    long n = count_words(list);
    *w = (Words){0};
    if (!list || n < 0 || (n = words_alloc(w, (size_t)n + 1))) {
        return n;
    }
    const uint64_t *from = guest_ptr(list);
    while (*from) {
        words_add(w, guest_ptr(untagged(*from++)));
    }
    return 0; /* (the mapping ends in zeros) */
}

static void words_free(Words *w)
{
    if (w->v) {
        host_raw2(SYS_munmap, w->v, w->bytes);
    }
}

static long exec_tagged(Thread *t, const Target *target)
{
    Words argv = {0}, envp = {0};
    long r = untag_words(&argv, target->argv);
    if (!r && !(r = untag_words(&envp, target->envp))) {
        Target plain = *target;
        plain.argv = guest_addr(argv.v);
        plain.envp = guest_addr(envp.v);
        r = exec_target(t, &plain);
    }
    words_free(&argv);
    words_free(&envp);
    return r;
}

static long start_exec(Thread *t, const Target *target)
{
    return t->tagged ? exec_tagged(t, target) : exec_target(t, target);
}

long sys_execve(Thread *t, const uint64_t a[6])
{
    PathRoom room;
    const char *path;
    if (t->queued) {
        return -HOST_ERESTART;
    }
    long r = path_arg(t->process, a[0], true, &room, &path);
    Target target = {AT_FDCWD, 0, path, path, a[1], a[2]};
    return r ? r : start_exec(t, &target);
}

enum { EXECVE_CHECK = 0x10000 }; /* AT_EXECVE_CHECK of Linux 6.14 */

long sys_execveat(Thread *t, const uint64_t a[6])
{
    PathRoom room;
    const char *path;
    char shown[PATH_MAX + 32];
    int dirfd = (int)a[0], flags = (int)a[4];
    if (t->queued) {
        return -HOST_ERESTART;
    }
    long r = path_arg(t->process, a[1], !(flags & AT_SYMLINK_NOFOLLOW), &room, &path);
    if (r) {
        return r;
    }
    if (!path[0] && !(flags & AT_EMPTY_PATH)) {
        return -ENOENT;
    }
    if (flags & EXECVE_CHECK) {
        /* Only asked whether it might, which older kernels refuse. */
        return host_call(&t->cpu, SYS_execveat, a[0], (uintptr_t)path, a[2], a[3], a[4]);
    }
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
        return -EINVAL;
    }
    /* do_open_execat(): a program found through a descriptor is called /dev/fd/N or /dev/fd/N/path.
     */
    Target target = {dirfd, flags, path, path, a[2], a[3]};
    if (!path[0]) {
        snprintf(shown, sizeof shown, "/dev/fd/%d", dirfd);
        target.shown = shown;
    } else {
        target.flags &= ~AT_EMPTY_PATH;
        if (path[0] == '/') {
            target.dirfd = AT_FDCWD;
        } else if (dirfd != AT_FDCWD) {
            snprintf(shown, sizeof shown, "/dev/fd/%d/%s", dirfd, path);
            target.shown = shown;
        }
    }
    return start_exec(t, &target);
}
