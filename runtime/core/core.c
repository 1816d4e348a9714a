/* When, where, and with which mark: fs/coredump.c as far as a process can follow it.
 *
 * That a core was written shows in the status (0x80), which only the host can set, by writing one
 * itself. So it is left to write the beginning of its own, one page, under the very name; a helper
 * process, which traces this one for its last moments, puts the guest's in its place when it has,
 * before anybody is told of the end. Without the helper (another traces this process) the file is
 * written all the same and the mark is missing.
 */
#include "runtime/core/core.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sig/signal.h"

enum { NAME_ROOM = 512, PARK_TRIES = 200 };

bool core_wanted(void)
{
    struct rlimit limit;
    return !host_raw4(SYS_prlimit64, 0, RLIMIT_CORE, 0, &limit) && limit.rlim_cur >= MEM_PAGE;
}

/* ---- the other threads ----------------------------------------------------------------------- */

_Noreturn static void stand(Thread *t)
{
    static const uint32_t never;
    __atomic_store_n(&t->parked, true, __ATOMIC_RELEASE);
    for (;;) {
        host_raw4(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, 0);
    }
}

void core_park(Thread *t, uintptr_t host_pc)
{
    if (host_in_syscall(host_pc)) {
        stand(t);
    }
    t->park = true;
    jit_interrupt(&t->cpu);
}

void core_park_here(Thread *t)
{
    stand(t);
}

static void park_others(Thread *t)
{
    Process *p = t->process;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGTRAP;
    info.si_code = CORE_PARK_CODE;
    int pid = (int)host_raw0(SYS_getpid);
    lock_take(&p->threads_lock);
    for (const Thread *o = p->threads; o; o = o->next) {
        if (o != t) {
            host_raw4(SYS_rt_tgsigqueueinfo, pid, o->tid, SIGTRAP, &info);
        }
    }
    for (int tries = 0; tries < PARK_TRIES; tries++) {
        const Thread *o = p->threads;
        while (o && (o == t || __atomic_load_n(&o->parked, __ATOMIC_ACQUIRE))) {
            o = o->next;
        }
        if (!o) {
            break;
        }
        struct timespec ms = {0, 1000000};
        host_raw2(SYS_nanosleep, &ms, 0);
    }
    lock_release(&p->threads_lock);
}

/* ---- the name -------------------------------------------------------------------------------- */

static long read_line(const char *path, char *to, size_t size)
{
    long fd = host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? fd : host_raw3(SYS_read, fd, to, size - 1);
    host_raw1(SYS_close, fd);
    if (n < 0) {
        return n;
    }
    to[n] = 0;
    to[strcspn(to, "\n")] = 0;
    return n;
}

/* As in a name: no slashes. */
static int put_name(char *to, size_t size, const char *text)
{
    int n = snprintf(to, size, "%s", text);
    for (char *at = to; *at; at++) {
        *at = *at == '/' ? '!' : *at;
    }
    return n < (int)size ? n : (int)size - 1;
}

static int put_field(const Thread *t, int sig, char kind, char *to, size_t size)
{
    struct utsname host;
    char comm[32] = "";
    const char *exe = t->process->exe, *slash = strrchr(exe, '/');
    switch (kind) {
    case '%': return snprintf(to, size, "%%");
    case 'p':
    case 'P': return snprintf(to, size, "%ld", host_raw0(SYS_getpid));
    case 'i':
    case 'I': return snprintf(to, size, "%d", t->tid);
    case 'u': return snprintf(to, size, "%ld", host_raw0(SYS_getuid));
    case 'g': return snprintf(to, size, "%ld", host_raw0(SYS_getgid));
    case 's': return snprintf(to, size, "%d", sig);
    case 't': return snprintf(to, size, "%lld", (long long)time(NULL));
    case 'd': return snprintf(to, size, "%ld", host_raw1(SYS_prctl, PR_GET_DUMPABLE));
    case 'h': return uname(&host) ? 0 : put_name(to, size, host.nodename);
    case 'e': host_raw2(SYS_prctl, PR_GET_NAME, comm); return put_name(to, size, comm);
    case 'f': return put_name(to, size, slash ? slash + 1 : exe);
    case 'E': return put_name(to, size, exe);
    case 'c': {
        struct rlimit limit = {0, 0};
        host_raw4(SYS_prlimit64, 0, RLIMIT_CORE, 0, &limit);
        return snprintf(to, size, "%lld", (long long)limit.rlim_cur);
    }
    default: return 0;
    }
}

/* False if the system sends cores elsewhere ("|program", "@socket"). */
static bool core_name(const Thread *t, int sig, char name[NAME_ROOM])
{
    char pattern[160], uses_pid[16];
    size_t at = 0;
    bool has_pid = false;
    if (read_line("/proc/sys/kernel/core_pattern", pattern, sizeof pattern) < 0) {
        strcpy(pattern, "core");
    }
    if (pattern[0] == '|' || pattern[0] == '@' || !pattern[0]) {
        return false;
    }
    for (const char *c = pattern; *c && at + 1 < NAME_ROOM; c++) {
        if (*c == '%' && c[1]) {
            c++;
            has_pid |= *c == 'p';
            int n = put_field(t, sig, *c, name + at, NAME_ROOM - at);
            at += n > 0 ? (size_t)n : 0;
            at = at < NAME_ROOM ? at : NAME_ROOM - 1;
        } else {
            name[at++] = *c;
        }
    }
    name[at] = 0;
    if (!has_pid && read_line("/proc/sys/kernel/core_uses_pid", uses_pid, sizeof uses_pid) > 0 &&
        uses_pid[0] == '1') {
        snprintf(name + at, NAME_ROOM - at, ".%ld", host_raw0(SYS_getpid));
    }
    return true;
}

/* ---- the helper ------------------------------------------------------------------------------ */

static int next_stop(int pid)
{
    int status = 0;
    return host_raw4(SYS_wait4, pid, &status, __WALL, 0) == pid ? status : 0;
}

/* Lets the process go on to its end, and puts its core in place when the host has written its own.
 */
_Noreturn static void help(int pid, int sig, int ready, const char *from, const char *to)
{
    char ok = !host_raw4(SYS_ptrace, PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT);
    host_raw3(SYS_write, ready, &ok, 1);
    for (int status; ok && (status = next_stop(pid)) && WIFSTOPPED(status);) {
        bool ending = status >> 16 == PTRACE_EVENT_EXIT;
        if (ending) {
            host_raw4(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
            host_raw4(SYS_ptrace, PTRACE_DETACH, pid, 0, 0);
            break;
        }
        int deliver = status >> 16 ? 0 : WSTOPSIG(status);
        host_raw4(SYS_ptrace, PTRACE_CONT, pid, 0, deliver);
    }
    (void)sig;
    for (;;) {
        host_raw1(SYS_exit_group, 0);
    }
}

static bool start_helper(int sig, const char *from, const char *to)
{
    int ready[2], pid = (int)host_raw0(SYS_getpid);
    char ok = 0;
    if (host_raw2(SYS_pipe2, ready, O_CLOEXEC)) {
        return false;
    }
    /* No exit signal: nobody in this process will wait for it. */
    long helper = host_raw5(SYS_clone, 0, 0, 0, 0, 0);
    if (helper == 0) {
        host_raw1(SYS_close, ready[0]);
        help(pid, sig, ready[1], from, to);
    }
    host_raw1(SYS_close, ready[1]);
    if (helper > 0) {
        host_raw2(SYS_prctl, PR_SET_PTRACER, helper);
        if (host_raw3(SYS_read, ready[0], &ok, 1) != 1) {
            ok = 0;
        }
    }
    host_raw1(SYS_close, ready[0]);
    return ok;
}

static void set_limit(const struct rlimit *limit)
{
    host_raw4(SYS_prlimit64, 0, RLIMIT_CORE, limit, 0);
}

void core_die(Thread *t, const siginfo_t *info)
{
    struct rlimit limit = {0, 0}, none = {0, 0}, page = {MEM_PAGE, 0};
    char name[NAME_ROOM], temporary[NAME_ROOM + 16];
    int sig = info->si_signo;
    if (!(CORE_SIGNALS & SIGNAL_BIT(sig))) {
        return;
    }
    host_raw4(SYS_prlimit64, 0, RLIMIT_CORE, 0, &limit);
    page.rlim_max = limit.rlim_max;
    if (limit.rlim_cur < MEM_PAGE || host_raw1(SYS_prctl, PR_GET_DUMPABLE) != 1 ||
        !core_name(t, sig, name)) {
        set_limit(&none);
        return;
    }
    park_others(t);
    snprintf(temporary, sizeof temporary, "%s.%ld", name, host_raw0(SYS_getpid));
    long fd = host_raw4(SYS_openat, AT_FDCWD, temporary,
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || core_dump(t, info, (int)fd, limit.rlim_cur)) {
        if (fd >= 0) {
            host_raw3(SYS_unlinkat, AT_FDCWD, temporary, 0);
        }
        set_limit(&none);
        return;
    }
    host_raw1(SYS_close, fd);
    if (!t->trace.on && start_helper(sig, temporary, name)) {
        set_limit(&page);
    } else {
        host_raw4(SYS_renameat, AT_FDCWD, temporary, AT_FDCWD, name);
        set_limit(&none);
    }
}
