/* options.h - what the command line or the environment asked for, as the runtime needs it. */
#ifndef XEMU_RUNTIME_OPTIONS_H
#define XEMU_RUNTIME_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_QUICK_OFF UINT32_MAX

typedef struct Options {
    const char *prefix;   /* -L; NULL: none given */
    const char *argv0;    /* -0; NULL: the program's path */
    const char *cpu;      /* -cpu */
    uint64_t stack_size;  /* -s; 0: the stack's resource limit */
    uint64_t reserved_va; /* -R; 0: all */
    bool strace;
    uint32_t quick;              /* JitOptions.quick; 0: the default */
    uint32_t hot;                /* JitOptions.hot */
    uint32_t stress;             /* JitOptions.stress */
    uint32_t spoil;              /* JitOptions.spoil */
    uint64_t optimizer_memory;   /* JitOptions.optimizer_memory */
    uint32_t tiers;              /* JIT_TIER_*; 0: all that there are */
    uint32_t dump;               /* JIT_DUMP_* */
    uint64_t dump_from, dump_to; /* guest addresses; 0, 0: all */
    bool one_insn_per_block;
    uint64_t host_features_off;
    int cache;                /* CacheMode (cache/cache.h) */
    const char *cache_path;   /* folders; NULL: the user's own */
    const char *cache_shared; /* folder; "off"; NULL: the user's own */
    uint64_t cache_size;      /* limit in bytes; 0: the default */
    int stats;                /* 0 no, 1 text, 2 JSON */
    const char *count; /* where to list blocks that weren't made ahead of time; "": nowhere; NULL:
                          instructions aren't counted */
    bool perf_map;
    const char *jitdump;  /* the folder; NULL: not wanted */
    const char *log_file; /* -D; NULL: standard error */
    FILE *log;
    int execfd;  /* the program, opened already (AT_EXECFD of binfmt_misc, or before an exec); -1:
                    none */
    int exe_fd;  /* xemu's own executable, open since the guest changed its root; -1: /proc leads
                    there */
    bool reaped; /* a guest above this process adopts orphans */
    int filters; /* descriptor of the seccomp filters that hold already; -1: none */
    bool limits_as, limits_data; /* the guest's RLIMIT_AS, RLIMIT_DATA, which must not bind xemu */
    uint64_t as_soft, as_hard, data_soft, data_hard;
    /* Options as they are given again when the guest executes another program. */
    const char **carry;
    unsigned ncarry;
} Options;

#endif
