#include "runtime/strace/strace.h"

#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

static void print(const Thread *t, char *line, size_t at)
{
    int log = t->process->log_fd;
    line[at < LINE_SIZE - 1 ? at : LINE_SIZE - 2] = '\n';
    size_t n = at < LINE_SIZE - 1 ? at + 1 : LINE_SIZE - 1;
    /* Past the C library's buffer: the guest may fork or be killed. */
    host_raw3(SYS_write, log >= 0 ? log : STDERR_FILENO, line, n);
}

static size_t begin(char *line)
{
    return (size_t)snprintf(line, LINE_SIZE, "%ld ", host_raw0(SYS_getpid));
}

/* Calls that don't come back, when they do what they should. */
static bool never_returns(const SysEntry *entry)
{
    return !strcmp(entry->name, "exit") || !strcmp(entry->name, "exit_group") ||
           !strncmp(entry->name, "execve", 6);
}

void strace_enter(Thread *t, uint64_t number, const SysEntry *entry, const uint64_t args[6])
{
    char line[LINE_SIZE];
    size_t at = begin(line);
    if (!entry) {
        at += (size_t)snprintf(
            line + at, sizeof line - at, "syscall_%llu(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)",
            (unsigned long long)number, (unsigned long long)args[0], (unsigned long long)args[1],
            (unsigned long long)args[2], (unsigned long long)args[3], (unsigned long long)args[4],
            (unsigned long long)args[5]);
        strace_format_result(line, sizeof line, &at, NULL, -ENOSYS);
    } else if (never_returns(entry)) {
        strace_format_call(line, sizeof line, &at, entry, args, 0);
    } else {
        return;
    }
    print(t, line, at);
}

void strace_leave(Thread *t, const SysEntry *entry, const uint64_t args[6], long result)
{
    char line[LINE_SIZE];
    if (!entry || (never_returns(entry) && result >= 0)) {
        return;
    }
    size_t at = begin(line);
    strace_format_call(line, sizeof line, &at, entry, args, result);
    strace_format_result(line, sizeof line, &at, entry, result);
    print(t, line, at);
}

void strace_signal(Thread *t, const siginfo_t *info)
{
    char line[LINE_SIZE];
    size_t at = begin(line);
    const char *name = sigabbrev_np(info->si_signo);
    if (info->si_code > 0 && info->si_signo != SIGCHLD) {
        at +=
            (size_t)snprintf(line + at, sizeof line - at, "--- SIG%s {si_code=%d, si_addr=%p} ---",
                             name ? name : "?", info->si_code, info->si_addr);
    } else {
        at += (size_t)snprintf(line + at, sizeof line - at,
                               "--- SIG%s%.0d {si_code=%d, si_pid=%d} ---", name ? name : "RT_",
                               name ? 0 : info->si_signo - 32, info->si_code, info->si_pid);
    }
    print(t, line, at);
}
