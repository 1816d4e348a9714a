/* stubs.c - the code that every arena begins with: into and out of translated code, and calls of C
 * from it.
 *
 * Written by the assembler, since which guest registers are pinned is the frontend's to say. In
 * translated code rsp is 8 mod 16, so a call makes it a multiple of 16, as C code wants it before
 * its own call.
 */
#include <errno.h>
#include <stdlib.h>

#include "jit/interp/interp.h"
#include "jit/template/x86_64/template.h"

static const uint8_t saved[6] = {HR_RBP, HR_RBX, HR_R12, HR_R13, HR_R14, HR_R15};

static void push(Asm *a, unsigned r)
{
    if (r >= 8)
        asm_u8(a, 0x41);
    asm_u8(a, 0x50 | (r & 7));
}

static void pop(Asm *a, unsigned r)
{
    if (r >= 8)
        asm_u8(a, 0x41);
    asm_u8(a, 0x58 | (r & 7));
}

static void ret(Asm *a)
{
    asm_u8(a, 0xc3);
}

static void store_pins(Asm *a, const Frontend *f)
{
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++)
        asm_mov_mr(a, 3, asm_cpu(f->int_pins[k]), conv_int_pins[k]);
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++)
        asm_vstore(a, 16, asm_cpu(f->vec_pins[k]), k);
}

static void load_pins(Asm *a, const Frontend *f)
{
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++)
        asm_mov_rm(a, 3, conv_int_pins[k], asm_cpu(f->int_pins[k]));
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++)
        asm_vload(a, 16, k, asm_cpu(f->vec_pins[k]));
}

static void stub_enter(Asm *a, const Frontend *f)
{
    for (unsigned k = 0; k < 6; k++)
        push(a, saved[k]);
    asm_lea(a, 3, CONV_CPU, asm_mem(HR_RDI, (int32_t)CPU_ANCHOR));
    asm_mov_mr(a, 3, asm_cpu((uint32_t)offsetof(Cpu, host_sp)), HR_RSP);
    asm_mov_rr(a, 3, HR_RAX, HR_RSI);
    load_pins(a, f);
    asm_jmp_r(a, HR_RAX);
}

/* eax: the reason */
static void leave(Asm *a)
{
    for (unsigned k = 6; k-- > 0;)
        pop(a, saved[k]);
    ret(a);
}

/* The pc is in rax; the reason goes there. */
static void leave_with_pc(Asm *a, unsigned reason, const uint8_t *save_and_leave)
{
    asm_mov_mr(a, 3, asm_cpu(0), HR_RAX);
    asm_mov_ri(a, HR_RAX, reason);
    asm_jmp(a, save_and_leave);
}

static void return_address_to_exit_arg(Asm *a)
{
    pop(a, HR_RBX);
    asm_mov_mr(a, 3, asm_cpu((uint32_t)offsetof(Cpu, exit_arg)), HR_RBX);
}

/* interp_op(cpu, uop, NULL, tmp, tmp + 1, tmp + 2, tmp + 3). Room on the stack: the seventh
 * argument and scratch registers that C may change. Returns to a jump over the micro-op: returning
 * behind it would be mispredicted. */
static void stub_op(Asm *a, const Frontend *f)
{
    enum { ROOM = 16 + 16 + 8 * 16 };
    uint32_t tmp = (uint32_t)offsetof(Cpu, tmp);

    asm_alu_ri(a, ALU_SUB, 3, HR_RSP, ROOM);
    asm_mov_mr(a, 3, asm_mem(HR_RSP, 16), HR_RAX);
    asm_mov_mr(a, 3, asm_mem(HR_RSP, 24), HR_R10);
    for (unsigned k = 0; k < 8; k++)
        asm_vstore(a, 16, asm_mem(HR_RSP, (int32_t)(32 + 16 * k)), 8 + k);
    store_pins(a, f);
    asm_lea(a, 3, HR_RDI, asm_cpu(0));
    asm_mov_rm(a, 3, HR_RSI, asm_mem(HR_RSP, ROOM));
    asm_alu_ri(a, ALU_ADD, 3, HR_RSI, TEMPLATE_OP_JUMP);
    asm_mov_ri(a, HR_RDX, 0);
    asm_lea(a, 3, HR_RCX, asm_cpu(tmp));
    asm_lea(a, 3, HR_R8, asm_cpu(tmp + 16));
    asm_lea(a, 3, HR_R9, asm_cpu(tmp + 32));
    asm_lea(a, 3, HR_RAX, asm_cpu(tmp + 48));
    asm_mov_mr(a, 3, asm_mem(HR_RSP, 0), HR_RAX);
    asm_mov_ri(a, HR_RAX, (uint64_t)(uintptr_t)interp_op);
    asm_call_r(a, HR_RAX);
    load_pins(a, f);
    for (unsigned k = 0; k < 8; k++)
        asm_vload(a, 16, 8 + k, asm_mem(HR_RSP, (int32_t)(32 + 16 * k)));
    asm_mov_rm(a, 3, HR_RAX, asm_mem(HR_RSP, 16));
    asm_mov_rm(a, 3, HR_R10, asm_mem(HR_RSP, 24));
    asm_alu_ri(a, ALU_ADD, 3, HR_RSP, ROOM);
    ret(a);
}

/* What the flags in memory are made of becomes four bytes. */
static void stub_settle(Asm *a, uint32_t nzcv)
{
    AsmMem of = asm_cpu(nzcv);

    push(a, HR_RAX);
    push(a, HR_RBX);
    push(a, HR_RBP);
    asm_mov_rm(a, 2, HR_RAX, of);
    asm_mov_rm(a, 3, HR_RBX, asm_cpu((uint32_t)offsetof(Cpu, flags_a)));
    asm_mov_rm(a, 3, HR_RBP, asm_cpu((uint32_t)offsetof(Cpu, flags_b)));
    asm_test_ri(a, 0, HR_RAX, CPU_FLAGS_IMM);
    uint8_t *no_imm = asm_jcc8(a, CC_E);
    asm_movsx_rr(a, 3, 2, HR_RBP, HR_RAX);
    asm_shift_ri(a, SHIFT_SAR, 3, HR_RBP, 8);
    asm_patch8(a, no_imm);
    asm_test_ri(a, 0, HR_RAX, CPU_FLAGS_RESULT);
    uint8_t *operand = asm_jcc8(a, CC_E);
    asm_test_ri(a, 0, HR_RAX, CPU_FLAGS_ADD);
    uint8_t *sum = asm_jcc8(a, CC_NE);
    asm_alu_rr(a, ALU_ADD, 3, HR_RBX, HR_RBP);
    uint8_t *difference = asm_jmp8(a);
    asm_patch8(a, sum);
    asm_alu_rr(a, ALU_SUB, 3, HR_RBX, HR_RBP);
    asm_patch8(a, difference);
    asm_patch8(a, operand);
    asm_test_ri(a, 0, HR_RAX, CPU_FLAGS_64);
    uint8_t *wide = asm_jcc8(a, CC_NE);
    asm_shift_ri(a, SHIFT_SHL, 3, HR_RBX, 32);
    asm_shift_ri(a, SHIFT_SHL, 3, HR_RBP, 32);
    asm_patch8(a, wide);
    asm_test_ri(a, 0, HR_RAX, CPU_FLAGS_ADD);
    uint8_t *add = asm_jcc8(a, CC_NE);
    asm_alu_rr(a, ALU_CMP, 3, HR_RBX, HR_RBP);
    asm_setcc_m(a, CC_AE, asm_cpu(nzcv + 2));
    uint8_t *rest = asm_jmp8(a);
    asm_patch8(a, add);
    asm_alu_rr(a, ALU_ADD, 3, HR_RBX, HR_RBP);
    asm_setcc_m(a, CC_B, asm_cpu(nzcv + 2));
    asm_patch8(a, rest);
    asm_setcc_m(a, CC_S, of);
    asm_setcc_m(a, CC_E, asm_cpu(nzcv + 1));
    asm_setcc_m(a, CC_O, asm_cpu(nzcv + 3));
    pop(a, HR_RBP);
    pop(a, HR_RBX);
    pop(a, HR_RAX);
    ret(a);
}

/* ---- called by tier 2 ------------------------------------------------------------------------ */

static const uint8_t volatile_regs[] = {HR_RAX, HR_RCX, HR_RDX, HR_RSI, HR_RDI,
                                        HR_R8,  HR_R9,  HR_R10, HR_R11};
enum { N_VOLATILE = sizeof volatile_regs };

static void vector_moves(Asm *a, bool store)
{
    if (asm_has(a, JIT_HOST_AVX512)) {
        for (unsigned n = 0; n < 32; n++) { /* vmovdqu64 [rsp + 64 n], zmm<n> */
            asm_u8(a, 0x62);
            asm_u8(a, (n & 8 ? 0 : 0x80) | 0x60 | (n & 16 ? 0 : 0x10) | 1);
            asm_u8(a, 0xfe);
            asm_u8(a, 0x48);
            asm_u8(a, store ? 0x7f : 0x6f);
            asm_u8(a, 0x84 | (n & 7) << 3);
            asm_u8(a, 0x24);
            asm_u32(a, 64 * n);
        }
        for (unsigned n = 0; n < 8; n++) { /* kmovq [rsp + 2048 + 8 n], k<n> */
            asm_u8(a, 0xc4);
            asm_u8(a, 0xe1);
            asm_u8(a, 0xf8);
            asm_u8(a, store ? 0x91 : 0x90);
            asm_u8(a, 0x84 | n << 3);
            asm_u8(a, 0x24);
            asm_u32(a, 2048 + 8 * n);
        }
        return;
    }
    for (unsigned n = 0; n < 16; n++) { /* vmovdqu [rsp + 32 n], ymm<n> */
        asm_u8(a, 0xc5);
        asm_u8(a, n < 8 ? 0xfe : 0x7e);
        asm_u8(a, store ? 0x7f : 0x6f);
        asm_u8(a, 0x84 | (n & 7) << 3);
        asm_u8(a, 0x24);
        asm_u32(a, 32 * n);
    }
}

static void call_helper(Cpu *cpu, uintptr_t number)
{
    const HelperInfo *h = &cpu->frontend->helpers[number];

    cpu->tmp[0].u64[0] = h->fn(cpu, cpu->tmp[1].u64[0], cpu->tmp[2].u64[0], cpu->tmp[3].u64[0]);
}

/* call_helper() on the number in tmp[0], of a helper that looks at no register. What C may change
 * is put back, but for scratch vector registers; for tier 2, which has struct Cpu in rdi, but for
 * all of them and r11. */
static void stub_helper(Asm *a, bool tier2)
{
    enum { GENERAL = 8 * N_VOLATILE, VECTORS = 16 * FRONTEND_VEC_PINS };
    unsigned room = tier2 ? GENERAL : GENERAL + 8 + VECTORS;

    asm_alu_ri(a, ALU_SUB, 3, HR_RSP, (int32_t)room);
    for (unsigned k = 0; k < N_VOLATILE; k++)
        asm_mov_mr(a, 3, asm_mem(HR_RSP, (int32_t)(8 * k)), volatile_regs[k]);
    for (unsigned k = 0; k < FRONTEND_VEC_PINS && !tier2; k++)
        asm_vstore(a, 16, asm_mem(HR_RSP, (int32_t)(GENERAL + 8 + 16 * k)), k);
    if (tier2)
        asm_lea(a, 3, HR_RDI, asm_mem(HR_RDI, -(int32_t)CPU_ANCHOR));
    else
        asm_lea(a, 3, HR_RDI, asm_cpu(0));
    if (!tier2)
        asm_mov_rm(a, 3, HR_RSI, asm_cpu((uint32_t)offsetof(Cpu, tmp)));
    asm_mov_ri(a, HR_RAX, (uint64_t)(uintptr_t)call_helper);
    asm_call_r(a, HR_RAX);
    for (unsigned k = 0; k < FRONTEND_VEC_PINS && !tier2; k++)
        asm_vload(a, 16, k, asm_mem(HR_RSP, (int32_t)(GENERAL + 8 + 16 * k)));
    for (unsigned k = 0; k < N_VOLATILE; k++)
        asm_mov_rm(a, 3, volatile_regs[k], asm_mem(HR_RSP, (int32_t)(8 * k)));
    asm_alu_ri(a, ALU_ADD, 3, HR_RSP, (int32_t)room);
    ret(a);
}

/* rdi: as CONV_CPU; rsi: the argument. C code may change what it likes: all of it is put back. Not
 * in builds for hosts without AVX: tier 2 wants it. */
static void stub_call(Asm *a, const void *fn, bool op)
{
    enum { VECTORS = 2048 + 64, ROOM = 16 + 8 * N_VOLATILE, ALL = VECTORS + ROOM };
    uint32_t tmp = (uint32_t)offsetof(Cpu, tmp);

    asm_alu_ri(a, ALU_SUB, 3, HR_RSP, ALL);
    vector_moves(a, true);
    for (unsigned k = 0; k < N_VOLATILE; k++)
        asm_mov_mr(a, 3, asm_mem(HR_RSP, (int32_t)(VECTORS + 16 + 8 * k)), volatile_regs[k]);
    asm_lea(a, 3, HR_RDI, asm_mem(HR_RDI, -(int32_t)CPU_ANCHOR));
    if (op) {
        /* The seventh argument has to stand at rsp. */
        asm_lea(a, 3, HR_RAX, asm_mem(HR_RDI, (int32_t)tmp + 48));
        asm_alu_ri(a, ALU_SUB, 3, HR_RSP, 16);
        asm_mov_mr(a, 3, asm_mem(HR_RSP, 0), HR_RAX);
        asm_mov_ri(a, HR_RDX, 0);
        asm_lea(a, 3, HR_RCX, asm_mem(HR_RDI, (int32_t)tmp));
        asm_lea(a, 3, HR_R8, asm_mem(HR_RDI, (int32_t)tmp + 16));
        asm_lea(a, 3, HR_R9, asm_mem(HR_RDI, (int32_t)tmp + 32));
    }
    asm_mov_ri(a, HR_RAX, (uint64_t)(uintptr_t)fn);
    asm_call_r(a, HR_RAX);
    if (op)
        asm_alu_ri(a, ALU_ADD, 3, HR_RSP, 16);
    vector_moves(a, false);
    for (unsigned k = 0; k < N_VOLATILE; k++)
        asm_mov_rm(a, 3, volatile_regs[k], asm_mem(HR_RSP, (int32_t)(VECTORS + 16 + 8 * k)));
    asm_alu_ri(a, ALU_ADD, 3, HR_RSP, ALL);
    ret(a);
}

/* rax: the target; rbp: the table of targets; rbx: an index of it, shifted as a pc is (by 1 if that
 * isn't at all). Jumps to the entry's code, without the return address if `pops`; gives what is to
 * be patched: the way of a miss. */
static uint8_t *jump_by_entry(Asm *a, unsigned shift, bool pops)
{
    unsigned scale = shift ? 4 - shift : 3;

    asm_alu_rm(a, ALU_CMP, 3, HR_RAX, asm_mem_sib(HR_RBP, HR_RBX, scale, 0));
    uint8_t *missed = asm_jcc32(a, CC_NE);
    if (pops)
        asm_alu_ri(a, ALU_ADD, 3, HR_RSP, 8);
    asm_jmp_m(a, asm_mem_sib(HR_RBP, HR_RBX, scale, 8));
    return missed;
}

static void to_entry_of(Asm *a, unsigned shift)
{
    asm_mov_rr(a, 2, HR_RBX, HR_RAX);
    if (shift == 0)
        asm_shift_ri(a, SHIFT_SHL, 2, HR_RBX, 1);
    asm_alu_ri(a, ALU_AND, 2, HR_RBX, (CPU_IBTC_SIZE - 1) << (shift ? shift : 1));
    asm_mov_rm(a, 3, HR_RBP, asm_cpu((uint32_t)offsetof(Cpu, ibtc)));
}

/* From a target's entry to its other one. */
static void to_other_entry(Asm *a, unsigned shift)
{
    asm_alu_ri(a, ALU_XOR, 2, HR_RBX, CPU_IBTC_OTHER << (shift ? shift : 1));
}

/* The pc stands in struct Cpu; the jumps that go on elsewhere are to be patched. */
static void stub_look_up(Asm *a, unsigned shift, uint8_t **missed, uint8_t **asked)
{
    enum { INTERRUPT = (uint32_t)offsetof(Cpu, interrupt) };

    asm_alu_mi(a, ALU_CMP, 2, asm_cpu(INTERRUPT), 0);
    *asked = asm_jcc32(a, CC_NE);
    asm_mov_rm(a, 3, HR_RAX, asm_cpu(0));
    to_entry_of(a, shift);
    uint8_t *first = jump_by_entry(a, shift, false);
    asm_patch32(first, a->p);
    to_other_entry(a, shift);
    *missed = jump_by_entry(a, shift, false);
}

/* rax: the target, which isn't in its first entry; above the stack the tag of the exit. */
static void stub_miss(Asm *a, unsigned shift)
{
    to_entry_of(a, shift);
    to_other_entry(a, shift);
    uint8_t *missed = jump_by_entry(a, shift, true);
    asm_patch32(missed, a->p);
    return_address_to_exit_arg(a);
}

/* Each arena has them in the same places: other threads may read those meanwhile. */
static void note_stub(TemplateShared *s, unsigned which, uint32_t at)
{
    if (s->stubs[which] != at)
        s->stubs[which] = at;
}

int stubs_emit(Jit *jit, CodeBuf *code)
{
    CodeChunk *c = codebuf_chunk(code);
    TemplateShared *s = jit->tpl;

    if (!c)
        return -ENOMEM;
    uint8_t *base = codebuf_rw(code, (uintptr_t)code->rx);
    Asm a = {.p = base + c->start, .features = jit->features};
#define BEGIN(name)                                                                                \
    asm_align(&a, 16);                                                                             \
    note_stub(s, STUB_##name, (uint32_t)(a.p - base))
    BEGIN(ENTER);
    stub_enter(&a, jit->frontend);
    const uint8_t *save_and_leave = a.p;
    store_pins(&a, jit->frontend);
    const uint8_t *just_leave = a.p;
    leave(&a);
    BEGIN(LEAVE_PC);
    leave_with_pc(&a, CPU_EXIT_NONE, save_and_leave);
    BEGIN(LEAVE_SYSCALL);
    leave_with_pc(&a, CPU_EXIT_SYSCALL, save_and_leave);
    BEGIN(LEAVE_TRAP);
    leave_with_pc(&a, CPU_EXIT_TRAP, save_and_leave);
    BEGIN(LEAVE_FAULT);
    asm_mov_ri(&a, HR_RAX, CPU_EXIT_FAULT);
    asm_jmp(&a, just_leave);
    BEGIN(LINK);
    return_address_to_exit_arg(&a);
    asm_mov_ri(&a, HR_RAX, TEMPLATE_LINK);
    asm_jmp(&a, save_and_leave);
    BEGIN(MISS);
    stub_miss(&a, jit->frontend->insn_shift);
    leave_with_pc(&a, TEMPLATE_MISS, save_and_leave);
    BEGIN(OP);
    stub_op(&a, jit->frontend);
    BEGIN(SETTLE);
    stub_settle(&a, jit->frontend->flags_offset);
    BEGIN(HOT);
    leave_with_pc(&a, TEMPLATE_HOT, save_and_leave);
    BEGIN(HOT_AT);
    return_address_to_exit_arg(&a);
    leave_with_pc(&a, TEMPLATE_HOT_AT, save_and_leave);
    BEGIN(T2_LEAVE);
    asm_mov_ri(&a, HR_RAX, CPU_EXIT_NONE);
    asm_jmp(&a, save_and_leave);
    BEGIN(T2_SYSCALL);
    asm_mov_ri(&a, HR_RAX, CPU_EXIT_SYSCALL);
    asm_jmp(&a, save_and_leave);
    BEGIN(T2_TRAP);
    asm_mov_ri(&a, HR_RAX, CPU_EXIT_TRAP);
    asm_jmp(&a, save_and_leave);
    uint8_t *missed = NULL, *asked = NULL;
    BEGIN(T2_LOOK_UP);
    stub_look_up(&a, jit->frontend->insn_shift, &missed, &asked);
    asm_patch32(missed, a.p);
    asm_mov_ri(&a, HR_RAX, TEMPLATE_MISS_T2);
    asm_jmp(&a, save_and_leave);
    asm_patch32(asked, a.p);
    asm_mov_ri(&a, HR_RAX, CPU_EXIT_NONE);
    asm_jmp(&a, save_and_leave);
    BEGIN(T2_EMPTY);
    return_address_to_exit_arg(&a);
    asm_mov_ri(&a, HR_RAX, TEMPLATE_MISS);
    asm_jmp(&a, save_and_leave);
    BEGIN(T2_OP);
    stub_call(&a, (const void *)interp_op, true);
    BEGIN(T2_HELPER);
    stub_call(&a, (const void *)call_helper, false);
    BEGIN(HELPER);
    stub_helper(&a, false);
    BEGIN(T2_HELPER_ALONE);
    stub_helper(&a, true);
#undef BEGIN
    s->stubs_end = (uint32_t)(a.p - base);
    s->file_base = (s->stubs_end + 7u) & ~7u;
    if (s->file_base + 8 > CODEBUF_PAGE)
        abort();
    c->next = s->stubs_end; /* nothing else goes into this chunk: no thread has it */
    return 0;
}
