/* own_fd.h - descriptors that xemu itself keeps open in the guest's table. */
#ifndef XEMU_RUNTIME_OWN_FD_H
#define XEMU_RUNTIME_OWN_FD_H

#include "runtime/process.h"

/* Moves fd far above the numbers that programs use, close-on-exec. Returns the new number, or fd
 * itself if there is no room there. */
int own_fd_high(int fd);

/* Opens xemu's executable as p->exe_fd unless it is open: for when its path won't lead there any
 * more. */
void own_fd_keep_exe(Process *p);

/* The same with the guest's program, p->program_fd. */
void own_fd_keep_program(Process *p);

/* Is fd one of them, is there any? */
bool own_fd_is(const Process *p, int fd);
bool own_fd_any(const Process *p);

#endif
