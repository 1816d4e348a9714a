/* The file: an ELF core as fs/binfmt_elf.c and the guest's register sets make it.
 *
 *     ELF header, program headers: PT_NOTE, one PT_LOAD for each mapping
 *     notes: NT_PRSTATUS of the thread that died, NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE, its
 * other register sets; NT_PRSTATUS and register sets of each other thread memory, from the next
 * page on: what differs from files, without holes' pages
 */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/core/core.h"
#include "runtime/sys/procfs_text.h"

#ifndef NT_SIGINFO
#define NT_SIGINFO 0x53494749
#define NT_FILE    0x46494c45
#endif

enum { COPY = 65536, SETS_ROOM = 1024 };

/* struct elf_prstatus up to its registers, which are of the guest's own size; an int fpvalid
 * follows them. */
typedef struct PrStatus {
    int32_t signo, code, error;
    int16_t cursig, pad;
    uint64_t pending, held;
    int32_t pid, ppid, pgrp, sid;
    struct timeval times[4];
} PrStatus;
_Static_assert(sizeof(PrStatus) == 112, "struct elf_prstatus_common");

typedef struct PrPsInfo {
    char state, sname, zombie, nice;
    uint64_t flags;
    uint32_t uid, gid;
    int32_t pid, ppid, pgrp, sid;
    char name[16], args[80];
} PrPsInfo;
_Static_assert(sizeof(PrPsInfo) == 136, "struct elf_prpsinfo");

typedef struct Bytes {
    char *at;
    size_t n, room;
} Bytes;

static void put(Bytes *b, const void *from, size_t n)
{
    if (b->n + n > b->room) {
        size_t room = (b->n + n) * 2 + 4096;
        char *at = realloc(b->at, room);
        if (!at) {
            return;
        }
        b->at = at;
        b->room = room;
    }
    memcpy(b->at + b->n, from, n);
    b->n += n;
}

static void put_note(Bytes *b, const char *name, uint32_t type, const void *data, size_t n)
{
    static const char zero[4];
    Elf64_Nhdr head = {
        .n_namesz = (uint32_t)strlen(name) + 1, .n_descsz = (uint32_t)n, .n_type = type};
    put(b, &head, sizeof head);
    put(b, name, head.n_namesz);
    put(b, zero, -head.n_namesz & 3);
    put(b, data, n);
    put(b, zero, -n & 3);
}

/* ---- threads --------------------------------------------------------------------------------- */

static uint32_t flags_of_thread(const Thread *o)
{
    uint32_t mxcsr = 0;
    if (o == thread_current) {
        __asm__("stmxcsr %0" : "=m"(mxcsr));
    }
    return mxcsr & 0x3f;
}

static void put_status(Bytes *b, const Thread *o, const siginfo_t *info)
{
    const Abi *abi = o->process->abi;
    PrStatus s = {
        .signo = info->si_signo,
        .code = info->si_code,
        .error = info->si_errno,
        .cursig = (int16_t)info->si_signo,
        .pending = o->held,
        .held = o->mask,
        .pid = o->tid,
        .ppid = (int32_t)host_raw0(SYS_getppid),
        .pgrp = (int32_t)host_raw1(SYS_getpgid, 0),
        .sid = (int32_t)host_raw1(SYS_getsid, 0),
    };
    uint8_t regs[SETS_ROOM], all[sizeof s + SETS_ROOM + 8];
    unsigned unit;
    long n = abi->get_regset(&o->cpu, 0, &o->trace, NT_PRSTATUS, regs, &unit);
    uint32_t fp_valid[2] = {1, 0};
    memcpy(all, &s, sizeof s);
    memcpy(all + sizeof s, regs, (size_t)n);
    memcpy(all + sizeof s + n, fp_valid, sizeof fp_valid);
    put_note(b, "CORE", NT_PRSTATUS, all, sizeof s + (size_t)n + sizeof fp_valid);
}

static void put_sets(Bytes *b, const Thread *o)
{
    static const struct {
        const char *name;
        uint32_t type;
    } sets[] = {{"CORE", NT_FPREGSET},
                {"LINUX", NT_ARM_TLS},
                {"LINUX", NT_ARM_HW_BREAK},
                {"LINUX", NT_ARM_HW_WATCH},
                {"LINUX", NT_ARM_SYSTEM_CALL},
                {"LINUX", NT_ARM_PAC_MASK},
                {"LINUX", 0x40a /* NT_ARM_PAC_ENABLED_KEYS */}};
    uint8_t buf[SETS_ROOM];
    unsigned unit;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        long n = o->process->abi->get_regset(&o->cpu, flags_of_thread(o), &o->trace, sets[i].type,
                                             buf, &unit);
        if (n > 0) {
            put_note(b, sets[i].name, sets[i].type, buf, (size_t)n);
        }
    }
}

/* ---- the process ----------------------------------------------------------------------------- */

static void put_psinfo(Bytes *b, const Thread *t)
{
    const StackInfo *s = &t->process->stack;
    PrPsInfo i = {
        .sname = 'R',
        .uid = (uint32_t)host_raw0(SYS_getuid),
        .gid = (uint32_t)host_raw0(SYS_getgid),
        .pid = (int32_t)host_raw0(SYS_getpid),
        .ppid = (int32_t)host_raw0(SYS_getppid),
        .pgrp = (int32_t)host_raw1(SYS_getpgid, 0),
        .sid = (int32_t)host_raw1(SYS_getsid, 0),
    };
    host_raw2(SYS_prctl, 16 /* PR_GET_NAME */, i.name);
    size_t n = s->arg_end - s->arg_start < sizeof i.args - 1 ? s->arg_end - s->arg_start
                                                             : sizeof i.args - 1;
    guest_read(i.args, s->arg_start, n);
    for (size_t k = 0; k + 1 < n; k++) {
        i.args[k] = i.args[k] ? i.args[k] : ' ';
    }
    put_note(b, "CORE", NT_PRPSINFO, &i, sizeof i);
}

/* One mapping of the file, with what the host tells of it. */
typedef struct Segment {
    MapRange r;
    uint64_t offset; /* in its file */
    char *file;      /* NULL: none */
    bool whole;
} Segment;

typedef struct Segments {
    Segment *v;
    size_t n, room;
} Segments;

/* "start-end prot offset dev inode   path", in smaps followed by its counters. */
static void read_segments(const Process *p, const ProcView *view, Segments *out)
{
    Lines l;
    uint64_t start = 0, end = 0, offset = 0;
    char file[PATH_MAX] = "";
    size_t at = 0;
    (void)p;
    if (!lines_open(&l, "/proc/self/smaps")) {
        return;
    }
    for (char *line; (line = lines_next(&l));) {
        unsigned long long a, z, o;
        int used = 0;
        if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &a, &z, &o, &used) == 3 && used) {
            start = a, end = z, offset = o;
            snprintf(file, sizeof file, "%s", line[used] == '/' ? line + used : "");
            continue;
        }
        if (sscanf(line, "Anonymous: %llu", &a) != 1) {
            continue;
        }
        for (; at < view->count && view->ranges[at].start < end; at++) {
            MapRange r = view->ranges[at];
            bool goes_on = r.end > end;
            r.start = r.start > start ? r.start : start;
            r.end = goes_on ? end : r.end;
            if (r.end <= start) {
                continue;
            }
            if (out->n == out->room) {
                size_t room = out->room * 2 + 64;
                Segment *v = realloc(out->v, room * sizeof *v);
                if (!v) {
                    break;
                }
                out->v = v;
                out->room = room;
            }
            /* Private memory that was written, and shared memory without a file. */
            bool shared_file = (r.flags & MAP_FLAG_SHARED) && file[0];
            out->v[out->n++] = (Segment){
                .r = r,
                .offset = offset + (r.start - start),
                .file = file[0] ? strdup(file) : NULL,
                .whole = !shared_file && (!file[0] || a > 0),
            };
            if (goes_on) {
                break;
            }
        }
    }
    lines_close(&l);
}

static void put_files(Bytes *b, const Segments *s)
{
    Bytes d = {0};
    uint64_t head[2] = {0, MEM_PAGE};
    for (size_t i = 0; i < s->n; i++) {
        head[0] += s->v[i].file != NULL;
    }
    put(&d, head, sizeof head);
    for (size_t i = 0; i < s->n; i++) {
        const Segment *g = &s->v[i];
        if (g->file) {
            put(&d, (const uint64_t[3]){g->r.start, g->r.end, g->offset / MEM_PAGE}, 24);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].file) {
            put(&d, s->v[i].file, strlen(s->v[i].file) + 1);
        }
    }
    put_note(b, "CORE", NT_FILE, d.at, d.n);
    free(d.at);
}

static void put_notes(Bytes *b, const Thread *t, const siginfo_t *info, const Segments *segments)
{
    static const siginfo_t none;
    const StackInfo *s = &t->process->stack;
    put_status(b, t, info);
    put_psinfo(b, t);
    put_note(b, "CORE", NT_SIGINFO, info, sizeof *info);
    put_note(b, "CORE", NT_AUXV, guest_ptr(s->auxv), s->auxv_size);
    put_files(b, segments);
    put_sets(b, t);
    for (const Thread *o = t->process->threads; o; o = o->next) {
        if (o != t) {
            put_status(b, o, &none);
            put_sets(b, o);
        }
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static uint64_t size_of(const Segment *g)
{
    char magic[SELFMAG];
    if (g->whole) {
        return g->r.end - g->r.start;
    }
    bool elf = g->file && g->offset == 0 && (g->r.prot & PROT_READ) &&
               !guest_read(magic, g->r.start, SELFMAG) && !memcmp(magic, ELFMAG, SELFMAG);
    return elf ? MEM_PAGE : 0;
}

/* Pages that nobody has touched are holes. /proc/self/mem reads what the program itself may not. */
static int write_memory(int fd, int mem, GuestAddr at, uint64_t n)
{
    static char buf[COPY];
    while (n) {
        size_t part = n < COPY ? n : COPY;
        uint8_t there[COPY / MEM_PAGE];
        long r = -1;
        if (host_raw3(SYS_mincore, at, part, there) || memchr(there, 1, part / MEM_PAGE)) {
            r = host_raw4(SYS_pread64, mem, buf, part, at);
        }
        size_t got = r > 0 ? (size_t)r : 0;
        int err = got ? host_write_all(fd, buf, got) : 0;
        if (err) {
            return err;
        }
        if (got < part) {
            host_raw3(SYS_lseek, fd, part - got, SEEK_CUR);
        }
        at += part;
        n -= part;
    }
    return 0;
}

int core_dump(const Thread *t, const siginfo_t *info, int fd, uint64_t limit)
{
    Process *p = t->process;
    ProcView view;
    Segments s = {0};
    Bytes notes = {0};
    int mem = (int)host_raw3(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (mem < 0 || !proc_view(p, (int)host_raw0(SYS_getpid), &view)) {
        return -EIO;
    }
    read_segments(p, &view, &s);
    put_notes(&notes, t, info, &s);
    size_t heads = s.n + 1;
    bool many = heads >= PN_XNUM;
    Elf64_Ehdr eh = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, p->frontend->elf_class,
                    p->frontend->elf_data, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = p->frontend->elf_machine,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof eh,
        .e_ehsize = sizeof eh,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = many ? PN_XNUM : (uint16_t)heads,
    };
    uint64_t notes_at = sizeof eh + heads * sizeof(Elf64_Phdr),
             at = mem_page_up(notes_at + notes.n), end = at;
    Elf64_Shdr extra = {.sh_info = (uint32_t)heads};
    int err = host_write_all(fd, &eh, sizeof eh);
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes.n};
    err = err ? err : host_write_all(fd, &note, sizeof note);
    for (size_t i = 0; i < s.n && !err; i++) {
        const Segment *g = &s.v[i];
        Elf64_Phdr ph = {
            .p_type = PT_LOAD,
            .p_flags = (g->r.prot & PROT_READ ? PF_R : 0) | (g->r.prot & PROT_WRITE ? PF_W : 0) |
                       (g->r.prot & PROT_EXEC ? PF_X : 0),
            .p_offset = end,
            .p_vaddr = g->r.start,
            .p_memsz = g->r.end - g->r.start,
            .p_filesz = size_of(g),
            .p_align = MEM_PAGE,
        };
        end += ph.p_filesz;
        err = host_write_all(fd, &ph, sizeof ph);
    }
    if (many && !err) {
        eh.e_shoff = end;
        eh.e_shentsize = sizeof extra;
        eh.e_shnum = 1;
        host_raw4(SYS_pwrite64, fd, &eh, sizeof eh, 0);
        host_raw4(SYS_pwrite64, fd, &extra, sizeof extra, end);
        end += sizeof extra;
    }
    err = err ? err : host_write_all(fd, notes.at, notes.n);
    host_raw3(SYS_lseek, fd, at, SEEK_SET);
    for (size_t i = 0; i < s.n && !err && at < limit; i++) {
        uint64_t n = size_of(&s.v[i]);
        err = write_memory(fd, mem, s.v[i].r.start, n);
        at += n;
    }
    host_raw2(SYS_ftruncate, fd, end < limit ? end : limit);
    host_raw1(SYS_close, mem);
    proc_view_end(&view);
    return err;
}
