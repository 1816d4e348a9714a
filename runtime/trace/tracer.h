/* tracer.h - the side of the process that traces: its tracees, and their memory. */
#ifndef XEMU_RUNTIME_TRACE_TRACER_H
#define XEMU_RUNTIME_TRACE_TRACER_H

#include <sys/user.h>

#include "runtime/process.h"
#include "runtime/sys/proc_view.h"

/* How a stop that the guest was told of stands with the host. */
typedef enum TraceView {
    VIEW_RUNS,
    VIEW_POINT, /* in trace_stop(): the tracee will read the answer */
    VIEW_CALL,  /* in host_syscall(): registers are complete, the call goes on when the tracee does
                 */
    VIEW_HOST,  /* anywhere else in a system call, or not an xemu: an event of the host's */
} TraceView;

typedef struct Tracee {
    struct Tracee *next;
    int pid;
    bool seized;
    bool foreign;     /* another executable than this: nothing is known of its memory */
    bool has_options; /* the host has been told what xemu needs */
    uint64_t options; /* PTRACE_O_* as the guest set them */
    GuestAddr thread; /* its Thread, 0: none yet */
    TraceView view;
    int status;         /* what the guest was told */
    bool signal_stop;   /* the stop shown is a signal-delivery-stop */
    uint32_t mode;      /* TraceMode that it was last sent on with */
    int wanted;         /* the status to show when it reaches its next point; 0: none */
    uint64_t exec_from; /* the thread that executed its program: PTRACE_EVENT_EXEC's message */
    bool by_message;    /* GETEVENTMSG answers with `message`, not the host's */
    uint64_t message;
} Tracee;

Tracee *tracer_find(Process *p, int pid);
/* A record for a new tracee, or that which there is; NULL if out of memory. */
Tracee *tracer_add(Process *p, int pid);
void tracer_drop(Process *p, int pid);

/* Memory of a tracee (stopped or not): 0 or -errno. */
long tracee_read(const Tracee *x, void *to, GuestAddr from, size_t n);
long tracee_write(const Tracee *x, GuestAddr to, const void *from, size_t n);
/* A field of its Thread. */
#define tracee_get(x, to, field)                                                                   \
    tracee_read(x, to, (x)->thread + offsetof(Thread, field), sizeof *(to))
#define tracee_set(x, field, from)                                                                 \
    tracee_write(x, (x)->thread + offsetof(Thread, field), from, sizeof *(from))
long tracee_set_u32(const Tracee *x, size_t offset, uint32_t v);
#define tracee_set_word(x, field, v) tracee_set_u32(x, offsetof(Thread, field), v)

/* Host registers of a stopped tracee. */
long tracee_host_regs(int pid, struct user_regs_struct *regs);
long tracee_set_host_regs(int pid, const struct user_regs_struct *regs);
/* Finds the Thread that it runs; false while there is none (starting, ending) or it isn't an xemu.
 */
bool tracee_find_thread(Tracee *x, const struct user_regs_struct *regs);
/* Is it blocked in host_syscall(), or just before or behind it? */
bool tracee_in_call(const struct user_regs_struct *regs);
/* Ends the blocked call: it returns the kernel's internal error to the tracee's runtime. */
void tracee_end_call(const Tracee *x, struct user_regs_struct *regs);
/* Makes a signal one that the tracee delivers at its next point. */
void tracee_hold(const Tracee *x, const siginfo_t *info);
/* [start, start + len) of its memory was written by its tracer. */
void tracee_wrote(const Tracee *x, GuestAddr start, uint64_t len);

/* What a stop of `pid` that the host reports as *status is for the guest: true if it is shown, as
 * *status then is. */
bool tracer_examine(Process *p, int pid, int *status);
/* (Under the tracer's lock, as all below.) */
/* Sends a tracee on from the stop that the guest was told of. request: PTRACE_CONT or PTRACE_DETACH
 * of the host. */
/* Sets the guest's options, and the host's with them. */
void tracer_set_options(Tracee *x, uint64_t guest);
uint64_t tracer_host_options(uint64_t guest);
long tracer_resume(Process *p, Tracee *x, long request, TraceMode mode, int sig);

static inline long host_ptrace(long request, long pid, uint64_t addr, uint64_t data)
{
    return host_raw4(SYS_ptrace, request, pid, addr, data);
}

#endif
