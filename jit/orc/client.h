/* client.h - a guest process's side of its optimizer. Under the caller's lock, but for
 * client_answers(). */
#ifndef XEMU_JIT_ORC_CLIENT_H
#define XEMU_JIT_ORC_CLIENT_H

#include "lift/lift.h"

typedef struct Client Client;

/* What it must know of the guest process; each may change. */
typedef struct ClientHost {
    const int
        *exe_fd; /* xemu's own executable, where /proc/self/exe may be out of reach; -1: it isn't */
    const bool *reaped;        /* a guest above this process adopts orphans */
    const bool *new_namespace; /* children would be in another namespace of processes */
    uint64_t memory;           /* bytes that the optimizer may allocate; 0: default */
} ClientHost;

/* NULL: out of memory. Starts nothing yet. */
Client *client_create(const ClientHost *host);
/* Lets the optimizer end. `forked`: in a child, whose parent goes on with it. */
void client_destroy(Client *c, bool forked);
/* In a child of fork: false if the parent has an optimizer, with which it goes on (then
 * client_destroy); else c is the child's. */
bool client_forked(Client *c);
/* Tells the optimizer to end. */
void client_close(Client *c);
/* on: a thread is about to wait for any child whatsoever, and must not meet the process in between;
 * until it comes back, off. */
void client_hide(Client *c, bool on);
/* Would client_ask take a request now? */
bool client_has_room(const Client *c);
/* Asks for the region, and starts the optimizer if there is none. The slot's number, or -EAGAIN: no
 * room, or it can't be started now. */
int client_ask(Client *c, const LiftRegion *r);
/* Has anything been answered since client_take last said that nothing was? Any thread, cheap. */
bool client_answers(const Client *c);
/* An answer, if there is one: its slot's number (which is free then) and 0 in *err and the code, or
 * -EOPNOTSUPP: refused, or the optimizer died over it. -EAGAIN: none. */
int client_take(Client *c, CodeObject *o, int *err);
/* Waits, not for long, until there may be an answer that client_take hasn't taken, or a loss. */
void client_wait(const Client *c);
/* Nanoseconds, CLOCK_MONOTONIC. */
uint64_t client_now(void);
/* Looks, not too often, whether the optimizer has died: true if so; all that was asked is lost, and
 * *at_work has a bit for each slot that it had begun. The next client_ask starts another. */
bool client_lost(Client *c, uint32_t *at_work);
/* Counters: optimizers started, peak memory in KB. */
void client_counters(const Client *c, uint64_t *started, uint64_t *peak_kb);

#endif
