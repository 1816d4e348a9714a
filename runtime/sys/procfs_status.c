/* stat, statm, status, limits and syscall. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/procfs_text.h"

/* Fields are counted from 1; the second, in parentheses, may hold anything. */
void procfs_stat(Text *x, const ProcView *v, const char *path)
{
    enum { VSIZE = 23, IGNORED = 33, CAUGHT = 34, START_BRK = 47 };
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    char *line = lines_next(&l), *at = line ? strrchr(line, ')') : NULL;
    if (at) {
        at++;
        text_print(x, "%.*s", (int)(at - line), line);
    }
    for (int field = 3; at && *at == ' '; field++) {
        char *end = strchr(at + 1, ' ');
        size_t len = end ? (size_t)(end - at) : strlen(at);
        uint64_t signals = strtoull(at, NULL, 10) & 0x7fffffff & ~SIGNALS_SYNC;
        switch (field) {
        case VSIZE: text_print(x, " %" PRIu64, v->bytes); break;
        case IGNORED: text_print(x, " %" PRIu64, signals | (v->ignored & 0x7fffffff)); break;
        case CAUGHT: text_print(x, " %" PRIu64, signals | (v->handled & 0x7fffffff)); break;
        case START_BRK: /* (0: not for this reader) */
            text_print(x, " %" PRIu64, strtoull(at, NULL, 10) ? v->brk_start : 0);
            break;
        default: text_print(x, "%.*s", (int)len, at); break;
        }
        at += len;
    }
    text_print(x, "\n");
    lines_close(&l);
}

/* The sums that a kernel keeps by kind of mapping (mm/vma.c, vm_stat_account()), in bytes. */
typedef struct Sizes {
    uint64_t code, data, stack, text;
} Sizes;

static Sizes sizes_of(const ProcView *v)
{
    Sizes s = {.text = mem_page_up(v->code_end) - mem_page_down(v->code_start)};
    for (size_t i = 0; i < v->count; i++) {
        const MapRange *r = &v->ranges[i];
        uint64_t n = r->end - r->start;
        if (r->flags & MAP_FLAG_STACK) {
            s.stack += n;
        } else if ((r->prot & (PROT_WRITE | PROT_EXEC)) == PROT_EXEC) {
            s.code += n;
        } else if ((r->prot & PROT_WRITE) && !(r->flags & MAP_FLAG_SHARED)) {
            s.data += n;
        }
    }
    s.text = s.text < s.code ? s.text : s.code;
    return s;
}

void procfs_statm(Text *x, const ProcView *v, const char *path)
{
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    char *line = lines_next(&l);
    unsigned long long resident, shared;
    if (line && sscanf(line, "%*u %llu %llu", &resident, &shared) == 2) {
        Sizes s = sizes_of(v);
        text_print(x, "%" PRIu64 " %llu %llu %" PRIu64 " 0 %" PRIu64 " 0\n", v->bytes / MEM_PAGE,
                   resident, shared, s.text / MEM_PAGE, (s.data + s.stack) / MEM_PAGE);
    }
    lines_close(&l);
}

static void put_limit(char to[24], rlim_t v)
{
    if (v == RLIM_INFINITY) {
        strcpy(to, "unlimited");
    } else {
        snprintf(to, 24, "%llu", (unsigned long long)v);
    }
}

void procfs_limits(Text *x, const ProcView *v, const char *path)
{
    const struct {
        const char *name;
        const struct rlimit *limit;
    } own[] = {{"Max address space", &v->as_limit}, {"Max data size", &v->data_limit}};
    enum { OWN = sizeof own / sizeof *own };
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    for (char *line; (line = lines_next(&l));) {
        unsigned k = 0;
        while (k < OWN && strncmp(line, own[k].name, strlen(own[k].name))) {
            k++;
        }
        if (k < OWN) {
            char soft[24], hard[24];
            put_limit(soft, own[k].limit->rlim_cur);
            put_limit(hard, own[k].limit->rlim_max);
            text_print(x, "%-25s %-20s %-20s bytes     \n", own[k].name, soft, hard);
        } else {
            text_print(x, "%s\n", line);
        }
    }
    lines_close(&l);
}

/* Of a thread that waits in a call of the guest's, that call. */
void procfs_syscall(Text *x, const ProcView *v, const char *path)
{
    ProcPath pp;
    Lines l;
    if (!proc_path_parse(path, &pp) || !lines_open(&l, path)) {
        return;
    }
    char *line = lines_next(&l), *last = line ? strrchr(line, ' ') : NULL;
    Cpu *cpu = malloc(sizeof *cpu);
    bool here = pp.tid == thread_current->tid; /* it reads this */
    bool waits = last && host_in_syscall((uintptr_t)strtoull(last, NULL, 16));
    if (cpu && (here || waits) && proc_view_registers(v, pp.tid, cpu)) {
        const Abi *abi = thread_current->process->abi;
        uint64_t a[6], number = abi->syscall_args(cpu, a);
        text_print(x, "%" PRIu64, number);
        for (unsigned i = 0; i < 6; i++) {
            text_print(x, " 0x%" PRIx64, a[i]);
        }
        text_print(x, " 0x%" PRIx64 " 0x%" PRIx64 "\n", abi->stack_pointer(cpu), cpu->pc);
    } else {
        text_print(x, "running\n");
    }
    free(cpu);
    lines_close(&l);
}

static uint64_t mask_of(const char *line)
{
    unsigned long long mask = 0;
    sscanf(line, "%*[^:]: %llx", &mask);
    return mask;
}

void procfs_status(Text *x, const ProcView *v, const char *path)
{
    Sizes s = sizes_of(v);
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    for (char *line; (line = lines_next(&l));) {
        if (!strncmp(line, "VmSize:", 7) || !strncmp(line, "VmPeak:", 7)) {
            text_print(x, "%.7s\t%8" PRIu64 " kB\n", line, v->bytes / 1024);
        } else if (!strncmp(line, "VmData:", 7)) {
            text_print(x, "VmData:\t%8" PRIu64 " kB\n", s.data / 1024);
        } else if (!strncmp(line, "VmStk:", 6)) {
            text_print(x, "VmStk:\t%8" PRIu64 " kB\n", s.stack / 1024);
        } else if (!strncmp(line, "VmExe:", 6)) {
            text_print(x, "VmExe:\t%8" PRIu64 " kB\n", s.text / 1024);
        } else if (!strncmp(line, "VmLib:", 6)) {
            text_print(x, "VmLib:\t%8" PRIu64 " kB\n", (s.code - s.text) / 1024);
        } else if (!strncmp(line, "SigCgt:", 7)) {
            text_print(x, "SigCgt:\t%016" PRIx64 "\n",
                       (mask_of(line) & ~SIGNALS_SYNC) | v->handled);
        } else if (!strncmp(line, "SigIgn:", 7)) {
            text_print(x, "SigIgn:\t%016" PRIx64 "\n",
                       (mask_of(line) & ~SIGNALS_SYNC) | v->ignored);
        } else if (v->here && !strncmp(line, "Seccomp:", 8)) {
            text_print(x, "Seccomp:\t%u\n", v->seccomp);
        } else if (v->here && !strncmp(line, "Seccomp_filters:", 16)) {
            text_print(x, "Seccomp_filters:\t%u\n", v->filters);
        } else if (strncmp(line, "untag_mask:", 11) && strncmp(line, "x86_", 4)) {
            /* (those are of x86 only) */
            text_print(x, "%s\n", line);
        }
    }
    lines_close(&l);
}
