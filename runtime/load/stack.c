/* The initial stack, from the top down (fs/exec.c, fs/binfmt_elf.c create_elf_tables,
 * arch/arm64/include/asm/elf.h):
 *
 *     stack_high   8 zero bytes
 *                  execfn string
 *                  environment strings   (each before the next in memory: argv first)
 *                  argument strings
 *                  a random gap, alignment to 16
 *                  platform string, 16 random bytes
 *                  auxv pairs, AT_NULL
 *                  envp pointers, NULL
 *                  argv pointers, NULL
 *     sp ->        argc                  (sp is a multiple of 16)
 */
#include "runtime/load/stack.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* asm/auxvec.h of arm64 and newer generic ones. */
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef AT_RSEQ_FEATURE_SIZE /* of kernels from 6.3 on */
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN        28
#endif

enum {
    AUXV_MAX = 28,
    RANDOM_BYTES = 16,
    /* Size of the arm64 signal frame: siginfo, ucontext, frame record, alignment
       (arch/arm64/kernel/signal.c, minsigstksz_setup). */
    SIGNAL_FRAME_BYTES = 4720,
};

static uint64_t count_strings(char *const *v, uint64_t *bytes)
{
    uint64_t n = 0;
    for (; v[n]; n++) {
        *bytes += strlen(v[n]) + 1;
    }
    return n;
}

static GuestAddr put_strings(GuestAddr at, char *const *v, uint64_t *pointers)
{
    for (; *v; v++) {
        size_t n = strlen(*v) + 1;
        memcpy(guest_ptr(at), *v, n);
        *pointers++ = at;
        at += n;
    }
    return at;
}

static unsigned fill_auxv(uint64_t (*aux)[2], const Mem *mem, const StackPlan *plan,
                          GuestAddr platform, GuestAddr random, GuestAddr execfn)
{
    unsigned n = 0;
#define AUX(type, value) (aux[n][0] = (type), aux[n][1] = (value), n++)
    AUX(AT_SYSINFO_EHDR, mem->vdso);
    AUX(AT_MINSIGSTKSZ, SIGNAL_FRAME_BYTES);
    AUX(AT_HWCAP, plan->frontend->hwcap);
    AUX(AT_PAGESZ, MEM_PAGE);
    AUX(AT_CLKTCK, getauxval(AT_CLKTCK));
    AUX(AT_PHDR, plan->program->phdr);
    AUX(AT_PHENT, sizeof(Elf64_Phdr));
    AUX(AT_PHNUM, plan->phnum);
    AUX(AT_BASE, plan->base);
    AUX(AT_FLAGS, 0);
    AUX(AT_ENTRY, plan->program->entry);
    AUX(AT_UID, getauxval(AT_UID));
    AUX(AT_EUID, getauxval(AT_EUID));
    AUX(AT_GID, getauxval(AT_GID));
    AUX(AT_EGID, getauxval(AT_EGID));
    AUX(AT_SECURE, getauxval(AT_SECURE));
    AUX(AT_RANDOM, random);
    AUX(AT_HWCAP2, plan->frontend->hwcap2);
    AUX(AT_EXECFN, execfn);
    AUX(AT_PLATFORM, platform);
    for (unsigned type = AT_RSEQ_FEATURE_SIZE; type <= AT_RSEQ_ALIGN; type++) {
        uint64_t value = getauxval(type);
        if (value) {
            AUX(type, value);
        }
    }
    if (plan->execfd >= 0) {
        AUX(AT_EXECFD, (uint64_t)plan->execfd);
    }
    AUX(AT_NULL, 0);
#undef AUX
    return n;
}

int stack_build(StackInfo *info, const Mem *mem, const StackPlan *plan)
{
    const char *platform_name = plan->frontend->name;
    uint64_t arg_bytes = 0, env_bytes = 0;
    uint64_t argc = count_strings(plan->argv, &arg_bytes),
             envc = count_strings(plan->envp, &env_bytes);
    size_t fn_bytes = strlen(plan->execfn) + 1, platform_bytes = strlen(platform_name) + 1;
    uint64_t pointers = 8 * (1 + argc + 1 + envc + 1) + 16 * (uint64_t)AUXV_MAX;
    /* A part of the stack must remain to run on: the kernel leaves three quarters. */
    uint64_t need = arg_bytes + env_bytes + fn_bytes + pointers + platform_bytes + 2 * MEM_PAGE;
    if (need > (mem->stack_high - mem->stack_low) / 4 * 3) {
        return -E2BIG;
    }
    GuestAddr execfn = mem->stack_high - 8 - fn_bytes;
    info->env_end = execfn;
    info->env_start = info->arg_end = execfn - env_bytes;
    info->arg_start = info->env_start - arg_bytes;

    GuestAddr at = info->arg_start;
    if (plan->shuffle) {
        at -= (plan->random[3] | (uint64_t)plan->random[5] << 8) % (MEM_PAGE * 2);
    }
    at &= ~(GuestAddr)15;
    GuestAddr platform = at - platform_bytes;
    GuestAddr random = (platform - RANDOM_BYTES) & ~(GuestAddr)15;
    uint64_t aux[AUXV_MAX][2];
    unsigned naux = fill_auxv(aux, mem, plan, platform, random, execfn);
    info->auxv_size = (uint32_t)(16 * naux);
    info->sp = (random - info->auxv_size - 8 * (1 + argc + 1 + envc + 1)) & ~(GuestAddr)15;

    uint64_t *word = guest_ptr(info->sp);
    *word++ = argc;
    put_strings(info->arg_start, plan->argv, word);
    word[argc] = 0;
    word += argc + 1;
    put_strings(info->env_start, plan->envp, word);
    word[envc] = 0;
    word += envc + 1;
    info->auxv = guest_addr(word);
    memcpy(word, aux, info->auxv_size);
    memcpy(guest_ptr(execfn), plan->execfn, fn_bytes);
    memcpy(guest_ptr(platform), platform_name, platform_bytes);
    memcpy(guest_ptr(random), plan->random, RANDOM_BYTES);
    return 0;
}
