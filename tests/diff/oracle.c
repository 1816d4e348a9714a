/* oracle.c - the guest program under qemu-aarch64, cases and results through files. Without SVE,
 * whose part of the signal frame would hide the vector registers.
 */
#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "a64_decode.h"

static char program[256], input[256], output[256];

/* Runs a program with files for its standard input and output; its exit status, -1 when it can't be
 * started. */
static int run(char *const argv[], const char *in, const char *out, bool quiet)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, in, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (quiet) {
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    pid_t pid;
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), status = -1;
    posix_spawn_file_actions_destroy(&actions);
    if (failed || waitpid(pid, &status, 0) < 0) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void clean_up(void)
{
    unlink(program);
    unlink(input);
    unlink(output);
}

bool oracle_open(void)
{
    int id = (int)getpid();
    snprintf(program, sizeof(program), "/tmp/xemu-diff-%d", id);
    snprintf(input, sizeof(input), "/tmp/xemu-diff-%d.in", id);
    snprintf(output, sizeof(output), "/tmp/xemu-diff-%d.out", id);
    char source[] = XEMU_TEST_DIR "/guest/oracle_guest.c";
    char *cc[] = {"aarch64-linux-gnu-gcc",
                  "-O1",
                  "-static",
                  "-fno-stack-protector",
                  "-Wl,-Ttext-segment=0x5a5a5b0000",
                  "-o",
                  program,
                  source,
                  NULL};
    char *version[] = {"qemu-aarch64", "--version", NULL};
    if (run(version, "/dev/null", "/dev/null", true) != 0 ||
        run(cc, "/dev/null", "/dev/null", false) != 0) {
        return false;
    }
    atexit(clean_up);
    return true;
}

/* Reads or writes a whole file. */
static bool transfer(const char *path, void *data, size_t size, bool writing)
{
    FILE *f = fopen(path, writing ? "w" : "r");
    bool ok = f && (writing ? fwrite(data, 1, size, f) : fread(data, 1, size, f)) == size;
    return (!f || fclose(f) == 0) && ok;
}

/* System calls would be made, and a changed thread pointer would break the guest program. */
static bool harmful(uint32_t insn)
{
    A64Args args;
    int p = a64_decode(insn, &args);
    return p == A64_SVC || p == A64_MSR_tpidr;
}

bool oracle_run(const DiffCase *wanted, unsigned n, DiffResult *results)
{
    static DiffCase cases[DIFF_SLOTS];
    memcpy(cases, wanted, n * sizeof(*cases));
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < cases[i].ninsns; k++) {
            cases[i].insns[k] = harmful(cases[i].insns[k]) ? DIFF_BRK : cases[i].insns[k];
        }
    }
    char *argv[] = {"qemu-aarch64", "-cpu", "max,sve=off,sme=off", program, NULL};
    if (!transfer(input, cases, n * sizeof(*cases), true)) {
        return false;
    }
    int status = run(argv, input, output, false);
    if (status != 0) {
        fprintf(stderr, "the oracle ended with status %d\n", status);
        return false;
    }
    return transfer(output, results, n * sizeof(*results), false);
}
