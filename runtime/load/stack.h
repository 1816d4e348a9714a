/* stack.h - what a new AArch64 program finds on its stack. */
#ifndef XEMU_RUNTIME_LOAD_STACK_H
#define XEMU_RUNTIME_LOAD_STACK_H

#include "frontend/frontend.h"
#include "runtime/load/image.h"

typedef struct StackPlan {
    const Frontend *frontend;
    char *const *argv, *const *envp;
    const char *execfn; /* AT_EXECFN */
    const Image *program;
    uint16_t phnum;
    GuestAddr base;        /* of the interpreter, 0 without one */
    int execfd;            /* AT_EXECFD, -1: none */
    const uint8_t *random; /* 16 bytes for AT_RANDOM */
    bool shuffle;          /* the stack's place is randomized */
} StackPlan;

/* Where what the kernel would tell of the process stands (for
 * /proc/self/{cmdline,environ,auxv,stat}). */
typedef struct StackInfo {
    GuestAddr sp;
    GuestAddr arg_start, arg_end, env_start, env_end;
    GuestAddr auxv;
    uint32_t auxv_size;
} StackInfo;

/* Fills the top of mem's stack; 0, or -E2BIG if it is too small. */
int stack_build(StackInfo *info, const Mem *mem, const StackPlan *plan);

#endif
