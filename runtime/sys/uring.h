/* uring.h - io_uring: the guest's rings are the host's; what entries hold that the host has
 * otherwise is converted as they are submitted. */
#ifndef XEMU_RUNTIME_SYS_URING_H
#define XEMU_RUNTIME_SYS_URING_H

#include "runtime/process.h"

typedef struct Uring Uring;

/* The guest mapped a part of fd's rings at `at`; offset tells which. */
void uring_mapped(Process *p, int fd, uint64_t offset, GuestAddr at);

#endif
