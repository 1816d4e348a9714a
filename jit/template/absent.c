/* absent.c - a host without a template emitter: tier 1 can't be created, the interpreter runs
 * everything. */
#if !defined(__x86_64__)
#include <errno.h>

#include "jit/template/template.h"

int template_create(Jit *jit)
{
    (void)jit;
    return -ENOSYS;
}
void template_destroy(Jit *jit)
{
    (void)jit;
}
int template_arena(Jit *jit, CodeBuf *code)
{
    (void)jit;
    (void)code;
    return -ENOSYS;
}
int template_thread_start(JitThread *t)
{
    (void)t;
    return -ENOSYS;
}
int template_prepare(JitThread *t)
{
    (void)t;
    return -ENOSYS;
}
void template_thread_end(JitThread *t)
{
    (void)t;
}
int template_emit(JitThread *t, const UopBlock *ub, Block *b)
{
    (void)t;
    (void)ub;
    (void)b;
    return -ENOSYS;
}
int template_emit_quick(JitThread *t, TranslateRequest *req, Block *b)
{
    (void)t;
    (void)req;
    (void)b;
    return -ENOSYS;
}
CpuExit template_run(Cpu *cpu, Block *b, Link **link)
{
    (void)cpu;
    (void)b;
    (void)link;
    return CPU_EXIT_FAULT;
}
void template_link(Jit *jit, Link *link, const Block *to)
{
    (void)jit;
    (void)link;
    (void)to;
}
bool template_unlink(Jit *jit, Link *link)
{
    (void)jit;
    (void)link;
    return true;
}
void template_point_at(uint8_t *site, uint32_t rel, bool first)
{
    (void)site;
    (void)rel;
    (void)first;
}
void template_plain(uint8_t *site)
{
    (void)site;
}
void template_pad(uint8_t *at, uint32_t len)
{
    (void)at;
    (void)len;
}
bool template_fault(JitThread *t, Block *b, void *ucontext)
{
    (void)t;
    (void)b;
    (void)ucontext;
    return false;
}
bool template_fault_in_c(JitThread *t, void *ucontext)
{
    (void)t;
    (void)ucontext;
    return false;
}
bool template_fp_trap(Cpu *cpu, void *ucontext)
{
    (void)cpu;
    (void)ucontext;
    return false;
}

#endif
