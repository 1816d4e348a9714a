/* main.c - the command: reads the options, opens the log, and hands the program to the runtime. */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef XEMU_LLVM
#include "jit/orc/channel.h"
#endif
#include "runtime/process.h"
#include "runtime/sys/own_fd.h"
#include "tools/xemu/cachectl.h"
#include "tools/xemu/options.h"

/* What the guest closes, or puts in the place of descriptor 2, isn't the log: that is a copy. */
static FILE *log_by_number(int fd)
{
    FILE *log = fd < 0 ? NULL : fdopen(own_fd_high(fd), "a");
    if (log) {
        setvbuf(log, NULL, _IOLBF, 0);
    }
    return log;
}

/* -D FILE, with %d as the process id. */
static int open_log(Options *o)
{
    o->log = stderr;
    if (!o->log_file) {
        FILE *copy = o->strace || o->dump ? log_by_number(dup(STDERR_FILENO)) : NULL;
        o->log = copy ? copy : stderr;
        return 0;
    }
    char path[PATH_MAX];
    const char *pid = strstr(o->log_file, "%d");
    if (pid) {
        snprintf(path, sizeof path, "%.*s%d%s", (int)(pid - o->log_file), o->log_file,
                 (int)getpid(), pid + 2);
    } else {
        snprintf(path, sizeof path, "%s", o->log_file);
    }
    o->log = log_by_number(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (!o->log) {
        fprintf(stderr, "xemu: %s: %s; choose another log file with -D\n", path, strerror(errno));
        return 126;
    }
    return 0;
}

/* A start of any program uses so much of the heap: asked for at once, that is a third of the time
 * that its page faults take one by one. */
static void fill_heap(void)
{
    enum { USED = 192 << 10, PAGE = 4096 };
    uint8_t *p = malloc(USED);
    uintptr_t from = ((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1);

    if (p)
        (void)madvise((void *)from, USED - PAGE, MADV_POPULATE_WRITE);
    free(p);
}

/* As a binfmt_misc interpreter with flag P: argv is {xemu, path, original argv[0], ...}; with O or
 * C the program is open as AT_EXECFD. The kernel says so in AT_FLAGS since 5.12. */
enum { AT_FLAGS_PRESERVE_ARGV0 = 1 };

int main(int argc, char **argv, char **envp)
{
#ifdef XEMU_LLVM
    if (!strcmp(argv[0], "xemu-optimizer")) { /* started by jit/orc/client.c */
        return optimizer_main(3);
    }
#endif
    /* The allocator keeps to the heap behind the image: see jit/ownmem.h. */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    CommandLine cl;
    bool keeps_argv0 = getauxval(AT_FLAGS) & AT_FLAGS_PRESERVE_ARGV0;
    int err;
    if (keeps_argv0 && argc > 2) {
        char *no_options[] = {argv[0], NULL};
        err = options_parse(&cl, 1, no_options, envp);
        cl.program = 1;
    } else {
        err = options_parse(&cl, argc, argv, envp);
    }
    if (err || cl.done) {
        return err;
    }
    if (cl.cachectl) {
        return cachectl(&cl.options, argc - cl.program, argv + cl.program);
    }
    if (cl.aot && cl.program < argc) {
        cl.ahead.paths = argv + cl.program;
        cl.ahead.n = (unsigned)(argc - cl.program);
        return aot_run(&cl.options, &cl.ahead);
    }
    if (!cl.aot &&
        (cl.ahead.all || cl.ahead.json || cl.ahead.jobs || cl.ahead.emit_elf || cl.ahead.profile)) {
        fprintf(stderr, "xemu: --all, --json, --emit-elf, --profile-use and -j belong to --aot; "
                        "xemu -h lists the options\n");
        return 126;
    }
    if (cl.program >= argc) {
        fprintf(stderr, "xemu: no program named; usage: xemu [options] program [arguments...]\n");
        return 126;
    }
    fill_heap();
    err = open_log(&cl.options);
    if (err) {
        return err;
    }
    errno = 0;
    unsigned long fd = getauxval(AT_EXECFD);
    if (fd || errno == 0) {
        cl.options.execfd = (int)fd;
    }
    const char *path = argv[cl.program];
    char **guest_argv = argv + cl.program;
    if (keeps_argv0 && argc > 2) {
        guest_argv++;
    } else if (cl.options.argv0) {
        guest_argv[0] = (char *)cl.options.argv0;
    }
    return process_run(&cl.options, path, guest_argv, cl.envp);
}
