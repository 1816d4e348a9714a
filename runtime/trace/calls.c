/* ptrace(2). */
#include <linux/ptrace.h>
#include <string.h>
#include <sys/uio.h>

#include "frontend/uop/fpenv.h"
#include "frontend/uop/mxcsr.h"
#include "runtime/sig/signal.h"
#include "runtime/sys/sys.h"
#include "runtime/trace/tracer.h"

/* Requests that the headers of the host don't have, or have for another architecture. */
enum {
    REQUEST_SYSEMU = 31,
    REQUEST_SYSEMU_SINGLESTEP = 32,
    REQUEST_GET_RSEQ = 0x420f,
    HOST_GETFPREGS = 14,
    HOST_SETFPREGS = 15,
    REGSET_MOST = 1024,
};

/* ---- registers ------------------------------------------------------------------------------- */

static long read_cpu(const Process *p, const Tracee *x, Cpu *cpu, uint32_t *mxcsr)
{
    struct user_fpregs_struct fp;
    struct user_regs_struct regs;
    long r = tracee_read(x, cpu, x->thread, offsetof(Cpu, tmp));
    r = r ? r : host_ptrace(HOST_GETFPREGS, x->pid, 0, (uintptr_t)&fp);
    if (r) {
        return r;
    }
    *mxcsr = fp.mxcsr;
    /* The result of the call that it stands in isn't in its registers yet. */
    if (x->view == VIEW_CALL && !tracee_host_regs(x->pid, &regs) &&
        !host_rewind(&(uintptr_t){regs.rip})) {
        p->abi->set_result(cpu, regs.rax);
    }
    return 0;
}

static long write_cpu(const Tracee *x, const Cpu *cpu, bool fp_control)
{
    struct user_fpregs_struct fp;
    long r = tracee_write(x, x->thread + offsetof(Cpu, pc), &cpu->pc, sizeof cpu->pc);
    r = r ? r : tracee_set_word(x, cpu.mode, cpu->mode);
    r = r ? r : tracee_set_word(x, cpu.fp_round, cpu->fp_round);
    r = r ? r : tracee_set_word(x, cpu.fp_flags, cpu->fp_flags);
    r = r ? r : tracee_write(x, x->thread + CPU_FILE, cpu->file, sizeof cpu->file);
    if (!r && fp_control && !host_ptrace(HOST_GETFPREGS, x->pid, 0, (uintptr_t)&fp)) {
        fp.mxcsr = fpenv_mxcsr(cpu);
        r = host_ptrace(HOST_SETFPREGS, x->pid, 0, (uintptr_t)&fp);
    }
    if (!r && x->view == VIEW_CALL) {
        r = tracee_set_word(x, trace.override, 1);
    }
    return r;
}

/* kernel/ptrace.c, ptrace_regset(). */
static long regset(const Process *p, const Tracee *x, bool set, unsigned type, GuestAddr iov_addr)
{
    struct iovec iov;
    uint8_t buf[REGSET_MOST];
    TraceState state;
    Cpu cpu;
    uint32_t mxcsr;
    if (guest_read(&iov, iov_addr, sizeof iov)) {
        return -EFAULT;
    }
    long r = read_cpu(p, x, &cpu, &mxcsr);
    r = r ? r : tracee_get(x, &state, trace);
    if (r) {
        return r;
    }
    unsigned unit = 8;
    long size = p->abi->get_regset(&cpu, mxcsr & MXCSR_FLAGS, &state, type, buf, &unit);
    if (size < 0 || iov.iov_len % unit) {
        return -EINVAL;
    }
    size_t n = iov.iov_len < (size_t)size ? iov.iov_len : (size_t)size;
    if (!set) {
        r = guest_write(guest_addr(iov.iov_base), buf, n);
    } else if ((r = guest_read(buf, guest_addr(iov.iov_base), n)) == 0) {
        bool fp_control = false;
        int32_t nr = state.nr;
        r = p->abi->set_regset(&cpu, &state, type, buf, n, &fp_control);
        if (!r && state.nr != nr) {
            r = tracee_set(x, trace.nr, &state.nr);
        }
        if (!r && state.debug.changed) {
            r = tracee_set(x, trace.debug, &state.debug);
            r = r ? r : tracee_set_word(x, cpu.interrupt, 1);
        } else {
            r = r ? r : write_cpu(x, &cpu, fp_control);
        }
    }
    iov.iov_len = n;
    return r ? r : guest_write(iov_addr, &iov, sizeof iov);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static long get_siginfo(const Tracee *x, siginfo_t *info)
{
    if (x->foreign || x->view == VIEW_HOST || (x->view == VIEW_CALL && !x->signal_stop)) {
        return host_ptrace(PTRACE_GETSIGINFO, x->pid, 0, (uintptr_t)info);
    }
    if (x->signal_stop) {
        long r = tracee_get(x, info, trace.info);
        if (!r && info->si_signo != (x->status >> 8 & 0xff)) { /* born: SIGSTOP of its own */
            memset(info, 0, sizeof *info);
            info->si_signo = x->status >> 8 & 0xff;
        }
        return r;
    }
    int sig = x->status >> 8 & 0xff, event = x->status >> 16;
    if (!event && (sig & 0x7f) != SIGTRAP) {
        return -EINVAL; /* a group stop */
    }
    memset(info, 0, sizeof *info);
    info->si_signo = event == PTRACE_EVENT_STOP ? sig : SIGTRAP;
    info->si_code = x->status >> 8;
    info->si_pid = x->pid;
    info->si_uid = (uid_t)host_raw0(SYS_getuid);
    return 0;
}

static long syscall_info(const Process *p, const Tracee *x, uint64_t size, GuestAddr to)
{
    struct ptrace_syscall_info info = {.op = PTRACE_SYSCALL_INFO_NONE, .arch = p->abi->audit_arch};
    TraceState s;
    Cpu cpu;
    uint32_t mxcsr;
    size_t n = offsetof(struct ptrace_syscall_info, entry);
    long r = read_cpu(p, x, &cpu, &mxcsr);
    r = r ? r : tracee_get(x, &s, trace);
    if (r) {
        return r;
    }
    info.instruction_pointer = cpu.pc & p->frontend->pc_mask;
    info.stack_pointer = p->abi->stack_pointer(&cpu);
    if (x->view == VIEW_POINT && !x->signal_stop) {
        switch ((TraceKind)s.kind) {
        case TRACE_ENTRY:
            info.op = PTRACE_SYSCALL_INFO_ENTRY;
            info.entry.nr = (uint64_t)(int64_t)s.nr;
            memcpy(info.entry.args, s.args, sizeof s.args);
            n = offsetof(struct ptrace_syscall_info, entry) + sizeof info.entry;
            break;
        case TRACE_EXIT:
            info.op = PTRACE_SYSCALL_INFO_EXIT;
            info.exit.rval = (int64_t)p->abi->result(&cpu);
            info.exit.is_error = (uint64_t)info.exit.rval > (uint64_t)-4096;
            n = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
            break;
        case TRACE_SECCOMP:
            info.op = PTRACE_SYSCALL_INFO_SECCOMP;
            info.seccomp.nr = (uint64_t)(int64_t)s.nr;
            memcpy(info.seccomp.args, s.args, sizeof s.args);
            info.seccomp.ret_data = (uint32_t)s.message;
            n = offsetof(struct ptrace_syscall_info, seccomp.ret_data) +
                sizeof info.seccomp.ret_data;
            break;
        default: break;
        }
    }
    r = guest_write(to, &info, n < size ? n : size);
    return r ? r : (long)n;
}

static long event_message(const Tracee *x, GuestAddr to)
{
    uint64_t message = x->message;
    if (!x->by_message) {
        long r = host_ptrace(PTRACE_GETEVENTMSG, x->pid, 0, (uintptr_t)&message);
        if (r) {
            return r;
        }
    }
    return guest_write(to, &message, sizeof message);
}

static long signal_mask(const Tracee *x, bool set, uint64_t size, GuestAddr at)
{
    uint64_t mask = 0;
    if (size != sizeof mask) {
        return -EINVAL;
    }
    if (!set) {
        long r = tracee_get(x, &mask, mask);
        return r ? r : guest_write(at, &mask, sizeof mask);
    }
    if (guest_read_u64(at, &mask)) {
        return -EFAULT;
    }
    mask &= ~SIGNALS_UNBLOCKABLE;
    uint64_t host = signal_host_mask(mask);
    long r = tracee_set(x, mask, &mask);
    return r ? r : host_ptrace(PTRACE_SETSIGMASK, x->pid, sizeof host, (uintptr_t)&host);
}

/* ---- requests -------------------------------------------------------------------------------- */

static long peek(const Tracee *x, GuestAddr addr, GuestAddr to)
{
    uint64_t word;
    long r = host_ptrace(PTRACE_PEEKDATA, x->pid, addr, (uintptr_t)&word);
    return r < 0 ? r : guest_write(to, &word, sizeof word);
}

static long poke(const Tracee *x, GuestAddr addr, uint64_t word)
{
    long r = host_ptrace(PTRACE_POKEDATA, x->pid, addr, word);
    if (!r) {
        tracee_wrote(x, addr, sizeof word);
    }
    return r;
}

static long resume(Process *p, Tracee *x, long request, TraceMode mode, uint64_t sig)
{
    return sig > SIGNALS ? -EIO : tracer_resume(p, x, request, mode, (int)sig);
}

/* Requests to a tracee that is stopped and is an xemu. */
static long to_guest(Process *p, Tracee *x, const uint64_t a[6])
{
    siginfo_t info;
    long r;
    switch ((long)a[0]) {
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return regset(p, x, (long)a[0] == PTRACE_SETREGSET, (unsigned)a[2], a[3]);
    case PTRACE_GET_SYSCALL_INFO: return syscall_info(p, x, a[2], a[3]);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK: return signal_mask(x, (long)a[0] == PTRACE_SETSIGMASK, a[2], a[3]);
    case PTRACE_SETSIGINFO:
        if (guest_read(&info, a[3], sizeof info)) {
            return -EFAULT;
        }
        r = x->signal_stop ? tracee_set(x, trace.info, &info) : -EINVAL;
        return r;
    case REQUEST_GET_RSEQ: return -EIO;
    default: return -EIO;
    }
}

static long to_stopped(Process *p, Tracee *x, const uint64_t a[6])
{
    siginfo_t info;
    long r;
    switch ((long)a[0]) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA: return peek(x, a[2], a[3]);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA: return poke(x, a[2], a[3]);
    case PTRACE_CONT: return resume(p, x, PTRACE_CONT, TRACE_RUN, a[3]);
    case PTRACE_SYSCALL: return resume(p, x, PTRACE_CONT, TRACE_SYSCALL, a[3]);
    case PTRACE_SINGLESTEP: return resume(p, x, PTRACE_CONT, TRACE_STEP, a[3]);
    case REQUEST_SYSEMU: return resume(p, x, PTRACE_CONT, TRACE_SYSEMU, a[3]);
    case REQUEST_SYSEMU_SINGLESTEP: return resume(p, x, PTRACE_CONT, TRACE_SYSEMU_STEP, a[3]);
    case PTRACE_DETACH: return resume(p, x, PTRACE_DETACH, TRACE_RUN, a[3]);
    case PTRACE_LISTEN:
        r = host_ptrace(PTRACE_LISTEN, x->pid, 0, 0);
        x->view = r ? x->view : VIEW_RUNS;
        return r;
    case PTRACE_SETOPTIONS: {
        const uint64_t known = 0xff | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP;
        if (a[3] & ~known) {
            return -EINVAL;
        }
        tracer_set_options(x, a[3]);
        return x->has_options ? 0 : -ESRCH;
    }
    case PTRACE_GETEVENTMSG: return event_message(x, a[3]);
    case PTRACE_GETSIGINFO:
        r = get_siginfo(x, &info);
        return r ? r : guest_write(a[3], &info, sizeof info);
    case PTRACE_PEEKSIGINFO: return host_ptrace(PTRACE_PEEKSIGINFO, x->pid, a[2], a[3]);
    default: return x->foreign || !x->thread ? -EIO : to_guest(p, x, a);
    }
}

static long start_tracing(Process *p, long request, int pid, uint64_t addr, uint64_t options)
{
    const uint64_t known = 0xff | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP;
    bool seize = request == PTRACE_SEIZE;
    if (seize && (addr || (options & ~known))) {
        return -EIO;
    }
    long r = host_ptrace(request, pid, 0, seize ? tracer_host_options(options) : 0);
    if (r) {
        return r;
    }
    tracer_drop(p, pid); /* of an earlier process of that number */
    Tracee *x = tracer_add(p, pid);
    if (!x) {
        return -ENOMEM;
    }
    x->seized = seize;
    x->foreign = !proc_is_xemu(pid);
    x->options = seize ? options : 0;
    x->has_options = seize;
    return 0;
}

static long request(Process *p, const uint64_t a[6])
{
    int pid = (int)a[1];
    switch ((long)a[0]) {
    case PTRACE_ATTACH:
    case PTRACE_SEIZE: return start_tracing(p, (long)a[0], pid, a[2], a[3]);
    case PTRACE_INTERRUPT:
    case PTRACE_KILL: return host_ptrace((long)a[0], pid, 0, 0);
    default: break;
    }
    Tracee *x = tracer_find(p, pid);
    if (!x || x->view == VIEW_RUNS) {
        return -ESRCH;
    }
    return to_stopped(p, x, a);
}

long sys_ptrace(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    if ((long)a[0] == PTRACE_TRACEME) {
        long r = host_ptrace(PTRACE_TRACEME, 0, 0, 0);
        if (!r) {
            t->trace.on = 1;
            t->trace.nr = -1;
        }
        return r;
    }
    lock_take(&p->tracer->lock);
    long r = request(p, a);
    lock_release(&p->tracer->lock);
    return r;
}
