/* trace.h - ptrace between two guest processes, each run by an xemu of its own.
 *
 * The host's ptrace is used underneath: who traces whom, events of fork and exit, group stops,
 * SEIZE, LISTEN and the order of what wait reports are the host kernel's own. What it would show
 * besides (xemu's system calls, faults that xemu handles, half-done translated code) stays hidden,
 * by an agreement between the two:
 *
 *   1. The tracee stops for its tracer only where its registers are complete: in trace_stop(), at a
 * point where a kernel would stop it (a guest signal, entry or exit of a guest system call, after
 * exec, at its birth). It sends itself SIGTRAP with si_code TRACE_COOKIE, which the host makes a
 * signal-delivery-stop; its TraceState says what the stop means.
 *   2. The tracer's wait (wait.c) gets every stop of the host and asks examine() (stops.c) what it
 * is for the guest: shown as it is, shown as something else, or nothing that a guest sees. In the
 * last case the tracee is sent on, perhaps with a note in its memory: a signal to deliver at its
 * next point, the wish that it stop there.
 *   3. The tracer reads and writes struct Cpu and TraceState in the tracee's memory. Both run the
 * same executable, so the layout is known; thread_current lies at the same distance from the thread
 * pointer in both.
 *
 * A tracee that is blocked in host_syscall() has complete registers, too: a stop there is shown at
 * once, and going on from it lets the host restart the call by its own rules.
 */
#ifndef XEMU_RUNTIME_TRACE_TRACE_H
#define XEMU_RUNTIME_TRACE_TRACE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "frontend/cpu.h"
#include "runtime/host/lock.h"

struct Thread;
struct Process;

/* si_code of the SIGTRAP that a tracee sends itself; si_ptr is its Thread. */
#define TRACE_COOKIE (-0x58454d)

typedef enum TraceKind {
    TRACE_SIGNAL,  /* `info` is about to be delivered; `inject` is what will be */
    TRACE_ENTRY,   /* of a system call */
    TRACE_EXIT,    /* of a system call */
    TRACE_EXEC,    /* a new program is about to start */
    TRACE_BORN,    /* a new process or thread, before its first instruction */
    TRACE_WANTED,  /* the tracer asked for it (`want`) */
    TRACE_SECCOMP, /* a filter said SECCOMP_RET_TRACE; `message` its data */
} TraceKind;

typedef enum TraceMode {
    TRACE_RUN,
    TRACE_SYSCALL,
    TRACE_SYSEMU,
    TRACE_STEP,
    TRACE_SYSEMU_STEP
} TraceMode;

/* Hardware breakpoints (0) and watchpoints (1): address and control of each slot, as the guest's
 * debug registers have them. */
enum { TRACE_SLOTS = 4 };
typedef struct TraceDebug {
    uint64_t addr[2][TRACE_SLOTS];
    uint32_t ctrl[2][TRACE_SLOTS];
    uint32_t changed; /* since the thread looked */
} TraceDebug;

/* In struct Thread. Written by its thread while it runs, by the tracer while it is stopped; `want`
 * and Cpu.interrupt at any time. */
typedef struct TraceState {
    uint32_t on;       /* there is a tracer, as far as this thread has heard */
    uint32_t newborn;  /* being created by a thread that is traced */
    uint32_t cloning;  /* in a clone of the guest's (xemu makes one of its own for the optimizer) */
    uint32_t stopped;  /* stands in trace_stop() */
    uint32_t kind;     /* TraceKind */
    uint32_t mode;     /* TraceMode */
    uint32_t answered; /* the tracer has said how to go on */
    uint32_t inject;   /* signal to deliver, 0: none */
    uint32_t deferred; /* `inject` is due at the next point, without a stop of its own */
    uint32_t want;     /* stop at the next point */
    uint32_t entered;  /* the entry of this system call was reported, its exit not yet */
    uint32_t
        restart; /* a blocked call was ended with this internal error of the kernel (512 ...) */
    uint32_t
        override;     /* registers were written in the middle of a call: its result doesn't count */
    uint32_t dying;   /* the signal that this process ends itself by */
    uint32_t handler; /* a signal handler was entered (single steps stop there) */
    int32_t
        nr; /* the system call that it is in, -1: none; the tracer may change it at TRACE_ENTRY */
    uint64_t args[6];
    uint64_t message;
    siginfo_t info;
    TraceDebug debug;
} TraceState;

/* What the tracer has written over: translations of it are dropped before guest code runs again.
 * Shared by all threads of a memory. The tracer adds at head, the tracee takes at tail. */
enum { TRACE_RANGES = 64 };
typedef struct TraceCode {
    Lock lock;
    _Atomic uint32_t head, tail;
    uint32_t all; /* more than fits */
    struct {
        uint64_t start, len;
    } range[TRACE_RANGES];
} TraceCode;

/* What a tracer leaves in a new program's memory before its first instruction: bit 0 it is traced,
 * bit 1 exec is told by SIGTRAP (no PTRACE_O_TRACEEXEC), bits 8.. its TraceMode. */
extern volatile uint32_t trace_at_start;

/* ---- the tracee's side (tracee.c) ------------------------------------------------------------ */

/* Before the first instruction of a program. */
void trace_exec(struct Thread *t);
/* A new thread or process whose parent was traced, before its first instruction. */
void trace_born(struct Thread *t);
/* A signal is about to be delivered: the number that is to be instead (0: none), *info filled in
 * for it. */
int trace_signal(struct Thread *t, siginfo_t *info);
/* At the entry of a system call: *number and args may be changed. False: it isn't made. */
bool trace_entry(struct Thread *t, uint64_t *number, uint64_t args[6]);
/* At its end, when the result stands in the registers. */
void trace_exit(struct Thread *t);
/* A call that a signal or the tracer ended (see TraceState.restart): the registers become those
 * before it, or its result EINTR. handler_flags: SA_* of the handler that is entered, NULL: none
 * is. */
void trace_restart(struct Thread *t, const uint64_t *handler_flags);
/* SECCOMP_RET_TRACE; false if nobody is there to decide. */
bool trace_seccomp(struct Thread *t, uint32_t data, uint64_t *number, uint64_t args[6]);
/* A request of the tracer's is noted: at a point where the registers are complete. */
void trace_poll(struct Thread *t);
/* A single step has been made. */
void trace_stepped(struct Thread *t);
/* The handler of SIGTRAP got a TRACE_COOKIE: nobody traces. */
void trace_nobody(struct Thread *t);

static inline bool trace_steps(const TraceState *s)
{
    return s->mode >= TRACE_STEP;
}

/* ---- the tracer's side ----------------------------------------------------------------------- */

/* The tracees of a process. */
typedef struct Tracer {
    Lock lock;
    struct Tracee *first;
} Tracer;

/* In the child of a fork. */
void tracer_forget(struct Process *p);
/* Something was written to another process's memory through /proc/PID/mem. */
void tracer_wrote(struct Process *p, int pid, uint64_t start, uint64_t len);

#endif
