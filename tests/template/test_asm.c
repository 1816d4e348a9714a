/* test_asm.c - the assembler against bytes that a disassembler reads as the text beside them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "jit/template/x86_64/asm.h"

static void check(const char *want, const char *text, const uint8_t *code, const Asm *a)
{
    char got[65] = "";

    for (const uint8_t *p = code; p < a->p; p++)
        sprintf(got + 2 * (p - code), "%02x", *p);
    cr_expect_str_eq(got, want, "%s: expected %s, got %s", text, want, got);
}

#define CASE(bytes, text, call)                                                                    \
    do {                                                                                           \
        uint8_t code[32];                                                                          \
        Asm asm_state = {.p = code, .features = FEATURES}, *a = &asm_state;                        \
        call;                                                                                      \
        check(bytes, text, code, a);                                                               \
    } while (0)

#define FEATURES (~(uint64_t)0)

Test(asm, instructions)
{
    CASE("4803c1", "add rax,rcx", asm_alu_rr(a, ALU_ADD, 3, HR_RAX, HR_RCX));
    CASE("4503e8", "add r13d,r8d", asm_alu_rr(a, ALU_ADD, 2, HR_R13, HR_R8));
    CASE("403af0", "cmp sil,al", asm_alu_rr(a, ALU_CMP, 0, HR_RSI, HR_RAX));
    CASE("492b442440", "sub rax,QWORD PTR [r12+0x40]",
         asm_alu_rm(a, ALU_SUB, 3, HR_RAX, asm_mem(CONV_CPU, 0x40)));
    CASE("335d00", "xor ebx,DWORD PTR [rbp+0x0]",
         asm_alu_rm(a, ALU_XOR, 2, HR_RBX, asm_mem(HR_RBP, 0)));
    CASE("49217d00", "and QWORD PTR [r13+0x0],rdi",
         asm_alu_mr(a, ALU_AND, 3, asm_mem(HR_R13, 0), HR_RDI));
    CASE("40083e", "or BYTE PTR [rsi],dil", asm_alu_mr(a, ALU_OR, 0, asm_mem(HR_RSI, 0), HR_RDI));
    CASE("660116", "add WORD PTR [rsi],dx", asm_alu_mr(a, ALU_ADD, 1, asm_mem(HR_RSI, 0), HR_RDX));
    CASE("4883c47f", "add rsp,0x7f", asm_alu_ri(a, ALU_ADD, 3, HR_RSP, 127));
    CASE("4181e145230100", "and r9d,0x12345", asm_alu_ri(a, ALU_AND, 2, HR_R9, 0x12345));
    CASE("4080f501", "xor bpl,0x1", asm_alu_ri(a, ALU_XOR, 0, HR_RBP, 1));
    CASE("41837c240800", "cmp DWORD PTR [r12+0x8],0x0",
         asm_alu_mi(a, ALU_CMP, 2, asm_mem(CONV_CPU, 8), 0));
    CASE("41806c242402", "sub BYTE PTR [r12+0x24],0x2",
         asm_alu_mi(a, ALU_SUB, 0, asm_mem(CONV_CPU, 0x24), 2));
    CASE("48813878563412", "cmp QWORD PTR [rax],0x12345678",
         asm_alu_mi(a, ALU_CMP, 3, asm_mem(HR_RAX, 0), 0x12345678));
    CASE("498bc7", "mov rax,r15", asm_mov_rr(a, 3, HR_RAX, HR_R15));
    CASE("8bfe", "mov edi,esi", asm_mov_rr(a, 2, HR_RDI, HR_RSI));
    CASE("488b44ce10", "mov rax,QWORD PTR [rsi+rcx*8+0x10]",
         asm_mov_rm(a, 3, HR_RAX, asm_mem_sib(HR_RSI, HR_RCX, 3, 16)));
    CASE("458a01", "mov r8b,BYTE PTR [r9]", asm_mov_rm(a, 0, HR_R8, asm_mem(HR_R9, 0)));
    CASE("6644895c24c0", "mov WORD PTR [rsp-0x40],r11w",
         asm_mov_mr(a, 1, asm_mem(HR_RSP, -64), HR_R11));
    CASE("4889142500100000", "mov QWORD PTR ds:0x1000,rdx",
         asm_mov_mr(a, 3, asm_mem(ASM_NO_REG, 0x1000), HR_RDX));
    CASE("41c784240002000000000101", "mov DWORD PTR [r12+0x200],0x1010000",
         asm_mov_mi(a, 2, asm_mem(CONV_CPU, 0x200), 0x01010000));
    CASE("48c703ffffffff", "mov QWORD PTR [rbx],0xffffffffffffffff",
         asm_mov_mi(a, 3, asm_mem(HR_RBX, 0), -1));
    CASE("66c7030700", "mov WORD PTR [rbx],0x7", asm_mov_mi(a, 1, asm_mem(HR_RBX, 0), 7));
    CASE("b878563412", "mov eax,0x12345678", asm_mov_ri(a, HR_RAX, 0x12345678));
    CASE("49c7c280ffffff", "mov r10,0xffffffffffffff80", asm_mov_ri(a, HR_R10, (uint64_t)-128));
    CASE("49be0010000055550000", "movabs r14,0x555500001000",
         asm_mov_ri(a, HR_R14, 0x555500001000));
    CASE("400fb6c6", "movzx eax,sil", asm_movzx_rr(a, 0, HR_RAX, HR_RSI));
    CASE("440fb74f02", "movzx r9d,WORD PTR [rdi+0x2]",
         asm_movzx_rm(a, 1, HR_R9, asm_mem(HR_RDI, 2)));
    CASE("4963c8", "movsxd rcx,r8d", asm_movsx_rr(a, 3, 2, HR_RCX, HR_R8));
    CASE("400fbecf", "movsx ecx,dil", asm_movsx_rr(a, 2, 0, HR_RCX, HR_RDI));
    CASE("4c0fbf18", "movsx r11,WORD PTR [rax]", asm_movsx_rm(a, 3, 1, HR_R11, asm_mem(HR_RAX, 0)));
    CASE("4c6318", "movsxd r11,DWORD PTR [rax]", asm_movsx_rm(a, 3, 2, HR_R11, asm_mem(HR_RAX, 0)));
    CASE("488d3c16", "lea rdi,[rsi+rdx*1]",
         asm_lea(a, 3, HR_RDI, asm_mem_sib(HR_RSI, HR_RDX, 0, 0)));
    CASE("438d44b500", "lea eax,[r13+r14*4+0x0]",
         asm_lea(a, 2, HR_RAX, asm_mem_sib(HR_R13, HR_R14, 2, 0)));
    CASE("488d04cd00000000", "lea rax,[rcx*8+0x0]",
         asm_lea(a, 3, HR_RAX, asm_mem_sib(ASM_NO_REG, HR_RCX, 3, 0)));
    CASE("488706", "xchg QWORD PTR [rsi],rax", asm_xchg_mr(a, 3, asm_mem(HR_RSI, 0), HR_RAX));
    CASE("40862e", "xchg BYTE PTR [rsi],bpl", asm_xchg_mr(a, 0, asm_mem(HR_RSI, 0), HR_RBP));
    CASE("4d85c8", "test r8,r9", asm_test_rr(a, 3, HR_R8, HR_R9));
    CASE("40f6c720", "test dil,0x20", asm_test_ri(a, 3, HR_RDI, 0x20));
    CASE("f7c780000000", "test edi,0x80", asm_test_ri(a, 2, HR_RDI, 0x80));
    CASE("48f7c700000080", "test rdi,0xffffffff80000000", asm_test_ri(a, 3, HR_RDI, INT32_MIN));
    CASE("f7410400010000", "test DWORD PTR [rcx+0x4],0x100",
         asm_test_mi(a, 2, asm_mem(HR_RCX, 4), 0x100));
    CASE("4c0fafcf", "imul r9,rdi", asm_imul_rr(a, 3, HR_R9, HR_RDI));
    CASE("410faf442448", "imul eax,DWORD PTR [r12+0x48]",
         asm_imul_rm(a, 2, HR_RAX, asm_mem(CONV_CPU, 0x48)));
    CASE("486bc164", "imul rax,rcx,0x64", asm_imul_rri(a, 3, HR_RAX, HR_RCX, 100));
    CASE("69c1e8030000", "imul eax,ecx,0x3e8", asm_imul_rri(a, 2, HR_RAX, HR_RCX, 1000));
    CASE("49f7d2", "not r10", asm_unary(a, UNARY_NOT, 3, HR_R10));
    CASE("f7fb", "idiv ebx", asm_unary(a, UNARY_IDIV, 2, HR_RBX));
    CASE("49f7e0", "mul r8", asm_unary(a, UNARY_MUL, 3, HR_R8));
    CASE("4899", "cqo", asm_cqo(a, 3));
    CASE("48c1e005", "shl rax,0x5", asm_shift_ri(a, SHIFT_SHL, 3, HR_RAX, 5));
    CASE("41d1f9", "sar r9d,1", asm_shift_ri(a, SHIFT_SAR, 2, HR_R9, 1));
    CASE("48d3cb", "ror rbx,cl", asm_shift_cl(a, SHIFT_ROR, 3, HR_RBX));
    CASE("480facd00c", "shrd rax,rdx,0xc", asm_shrd(a, 3, HR_RAX, HR_RDX, 12));
    CASE("450fa4c803", "shld r8d,r9d,0x3", asm_shld(a, 2, HR_R8, HR_R9, 3));
    CASE("490fca", "bswap r10", asm_bswap(a, 3, HR_R10));
    CASE("0fc8", "bswap eax", asm_bswap(a, 2, HR_RAX));
    CASE("480fbdc1", "bsr rax,rcx", asm_bsr(a, 3, HR_RAX, HR_RCX));
    CASE("f34d0fbdc1", "lzcnt r8,r9", asm_lzcnt(a, 3, HR_R8, HR_R9));
    CASE("f30fbcc6", "tzcnt eax,esi", asm_tzcnt(a, 2, HR_RAX, HR_RSI));
    CASE("f3490fb8c7", "popcnt rax,r15", asm_popcnt(a, 3, HR_RAX, HR_R15));
    CASE("480fbae73f", "bt rdi,0x3f", asm_bt_ri(a, 3, HR_RDI, 63));
    CASE("f266410f38f1c0", "crc32 eax,r8w", asm_crc32(a, 1, HR_RAX, HR_R8));
    CASE("f2400f38f0c7", "crc32 eax,dil", asm_crc32(a, 0, HR_RAX, HR_RDI));
    CASE("f2480f38f1c2", "crc32 rax,rdx", asm_crc32(a, 3, HR_RAX, HR_RDX));
    CASE("0f38f006", "movbe eax,DWORD PTR [rsi]", asm_movbe_rm(a, 2, HR_RAX, asm_mem(HR_RSI, 0)));
    CASE("c4c2f0f2c1", "andn rax,rcx,r9", asm_andn(a, 3, HR_RAX, HR_RCX, HR_R9));
    CASE("c4e271f7c7", "shlx eax,edi,ecx", asm_shlx(a, 2, HR_RAX, HR_RDI, HR_RCX));
    CASE("c442e2f7d3", "sarx r10,r11,rbx", asm_sarx(a, 3, HR_R10, HR_R11, HR_RBX));
    CASE("c4c2e3f7c6", "shrx rax,r14,rbx", asm_shrx(a, 3, HR_RAX, HR_R14, HR_RBX));
    CASE("c4e3fbf0c211", "rorx rax,rdx,0x11", asm_rorx(a, 3, HR_RAX, HR_RDX, 17));
    CASE("c4e2e3f6c1", "mulx rax,rbx,rcx", asm_mulx(a, 3, HR_RAX, HR_RBX, HR_RCX));
    CASE("c4e262f5c5", "pext eax,ebx,ebp", asm_pext(a, 2, HR_RAX, HR_RBX, HR_RBP));
    CASE("c4c2e3f5c2", "pdep rax,rbx,r10", asm_pdep(a, 3, HR_RAX, HR_RBX, HR_R10));
    CASE("c4e2a8f5c2", "bzhi rax,rdx,r10", asm_bzhi(a, 3, HR_RAX, HR_RDX, HR_R10));
    CASE("400f94c6", "sete sil", asm_setcc(a, CC_E, HR_RSI));
    CASE("410f9f842441030000", "setg BYTE PTR [r12+0x341]",
         asm_setcc_m(a, CC_G, asm_mem(CONV_CPU, 0x341)));
    CASE("4c0f43c0", "cmovae r8,rax", asm_cmov_rr(a, CC_AE, 3, HR_R8, HR_RAX));
    CASE("0f4a01", "cmovp eax,DWORD PTR [rcx]",
         asm_cmov_rm(a, CC_P, 2, HR_RAX, asm_mem(HR_RCX, 0)));
    CASE("ffe0", "jmp rax", asm_jmp_r(a, HR_RAX));
    CASE("ff648308", "jmp QWORD PTR [rbx+rax*4+0x8]",
         asm_jmp_m(a, asm_mem_sib(HR_RBX, HR_RAX, 2, 8)));
    CASE("41ffd3", "call r11", asm_call_r(a, HR_R11));
    CASE("90", "nop", asm_nop(a, 1));
    CASE("0f1f440000", "nop DWORD PTR [rax+rax*1+0x0]", asm_nop(a, 5));
    CASE("c5f158c2", "vaddpd xmm0,xmm1,xmm2", asm_v3(a, V_ADDPD, 0, 1, 2));
    CASE("c53158c1", "vaddpd xmm8,xmm9,xmm1", asm_v3(a, V_ADDPD, 8, 1, 9));
    CASE("c4c11b5cdd", "vsubsd xmm3,xmm12,xmm13", asm_v3(a, V_SUBSD, 3, 12, 13));
    CASE("c4c15059a42480010000", "vmulps xmm4,xmm5,XMMWORD PTR [r12+0x180]",
         asm_v3m(a, V_MULPS, 4, 5, asm_mem(CONV_CPU, 0x180)));
    CASE("c4e2e9b9cb", "vfmadd231sd xmm1,xmm2,xmm3", asm_v3(a, V_FMADD231SD, 1, 2, 3));
    CASE("c4423100c2", "vpshufb xmm8,xmm9,xmm10", asm_v3(a, V_PSHUFB, 8, 9, 10));
    CASE("c5edfecb", "vpaddd ymm1,ymm2,ymm3", asm_v3(a, V_PADDD | ASM_L256, 1, 2, 3));
    CASE("c57951c9", "vsqrtpd xmm9,xmm1", asm_v2(a, V_SQRTPD, 9, 1));
    CASE("c5f8101448", "vmovups xmm2,XMMWORD PTR [rax+rcx*2]",
         asm_v2m(a, V_MOVUPS, 2, asm_mem_sib(HR_RAX, HR_RCX, 1, 0)));
    CASE("c57829ff", "vmovaps xmm7,xmm15", asm_vmov(a, 7, 15));
    CASE("c461f96ec0", "vmovq xmm8,rax", asm_movq_xr(a, 3, 8, HR_RAX));
    CASE("c4c1797eda", "vmovd r10d,xmm3", asm_movq_rx(a, 2, HR_R10, 3));
    CASE("c5fa101e", "vmovss xmm3,DWORD PTR [rsi]", asm_vload(a, 4, 3, asm_mem(HR_RSI, 0)));
    CASE("c579d65e08", "vmovq QWORD PTR [rsi+0x8],xmm11", asm_vstore(a, 8, asm_mem(HR_RSI, 8), 11));
    CASE("c5e9c2cb03", "vcmpunordpd xmm1,xmm2,xmm3", asm_v3i(a, V_CMPPD, 1, 2, 3, 3));
    CASE("c4c13972d11f", "vpsrld xmm8,xmm9,0x1f", asm_vshift(a, V_PSRLD_I, 8, 9, 31));
    CASE("c4e3694bcb40", "vblendvpd xmm1,xmm2,xmm3,xmm4", asm_v4(a, V_BLENDVPD, 1, 2, 3, 4));
    CASE("c46379150800", "vpextrw WORD PTR [rax],xmm9,0x0",
         asm_v2mi(a, V_PEXTRW, 9, asm_mem(HR_RAX, 0), 0));
    CASE("c4c3e922c901", "vpinsrq xmm1,xmm2,r9,0x1", asm_v3i(a, V_PINSRQ, 1, 2, HR_R9, 1));
    CASE("c4c1eb2ac9", "vcvtsi2sd xmm1,xmm2,r9", asm_v3(a, V_CVTSI2SD | ASM_W, 1, 2, HR_R9));
    CASE("450f38ccc1", "sha256msg1 xmm8,xmm9", asm_sse2(a, V_SHA256MSG1, 8, 9));
    CASE("62b3b50825c996", "vpternlogq xmm1,xmm9,xmm17,0x96",
         asm_e3i(a, V_PTERNLOGQ_E, 1, 9, 17, 0x96, 0, false));
    CASE("62f2ed8a40cb", "vpmullq xmm1{k2}{z},xmm2,xmm3", asm_e3(a, V_PMULLQ_E, 1, 2, 3, 2, true));
    CASE("62d335083eca01", "vpcmpltub k1,xmm9,xmm10",
         asm_e3i(a, V_PCMPUB_E, 1, 9, 10, 1, 0, false));
    CASE("62d1bd0872e105", "vpsraq xmm8,xmm9,0x5", asm_eshift(a, V_PSRAQ_I_E, 8, 9, 5));
    CASE("62d27e0830c9", "vpmovwb xmm9,xmm1", asm_e2(a, V_PMOVWB_E, 1, 9, 0, false));
    CASE("62d26d088d8c2480010000", "vpermb xmm1,xmm2,XMMWORD PTR [r12+0x180]",
         asm_e3m(a, V_PERMB_E, 1, 2, asm_mem(CONV_CPU, 0x180), 0, false));
    CASE("6251fe087ac1", "vcvtuqq2pd xmm8,xmm9", asm_e2(a, V_CVTUQQ2PD_E, 8, 9, 0, false));
}

#undef FEATURES
#define FEATURES 0

/* Hosts without AVX: three operands by a move first. */
Test(asm, legacy_vectors)
{
    CASE("0f28c1660f58c2", "movaps xmm0,xmm1 ; addpd xmm0,xmm2", asm_v3(a, V_ADDPD, 0, 1, 2));
    CASE("660f58d1", "addpd xmm2,xmm1", asm_v3(a, V_ADDPD, 2, 1, 2));
    CASE("440f28fa0f28d166410f5cd7", "movaps xmm15,xmm2 ; movaps xmm2,xmm1 ; subpd xmm2,xmm15",
         asm_v3(a, V_SUBPD, 2, 1, 2));
    CASE("440f29c966410f3800ca", "movaps xmm1,xmm9 ; pshufb xmm1,xmm10",
         asm_v3(a, V_PSHUFB, 1, 9, 10));
    CASE("66440f51c9", "sqrtpd xmm9,xmm1", asm_v2(a, V_SQRTPD, 9, 1));
    CASE("450f28c166410f72d01f", "movaps xmm8,xmm9 ; psrld xmm8,0x1f",
         asm_vshift(a, V_PSRLD_I, 8, 9, 31));
    CASE("0f28e5410f59a42480010000", "movaps xmm4,xmm5 ; mulps xmm4,XMMWORD PTR [r12+0x180]",
         asm_v3m(a, V_MULPS, 4, 5, asm_mem(CONV_CPU, 0x180)));
    CASE("664c0f6ec0", "movq xmm8,rax", asm_movq_xr(a, 3, 8, HR_RAX));
}

Test(asm, jumps)
{
    uint8_t code[64];
    Asm asm_state = {.p = code}, *a = &asm_state;
    uint8_t *near8 = asm_jcc8(a, CC_NE), *far32 = asm_jmp32(a);

    asm_patch8(a, near8);
    cr_expect_eq(code[0], 0x75);
    cr_expect_eq(code[1], 5);
    asm_nop(a, 11);
    asm_patch32(far32, a->p);
    cr_expect_eq(code[2], 0xe9);
    cr_expect_eq(code[3], 11);
    asm_jcc(a, CC_B, code);
    int32_t rel;
    memcpy(&rel, a->p - 4, 4);
    cr_expect_eq(a->p + rel, code);
}

Test(asm, nops_have_their_length)
{
    uint8_t code[64];

    for (unsigned n = 0; n < 32; n++) {
        Asm a = {.p = code};
        asm_nop(&a, n);
        cr_expect_eq(a.p - code, (ptrdiff_t)n);
    }
}

Test(asm, rip_relative)
{
    uint8_t code[64];
    Asm a = {.p = code};
    int32_t rel;

    asm_v3mi(&a, V_CMPPD, 1, 2, asm_mem_rip(code + 48),
             3); /* the displacement counts from behind the immediate */
    memcpy(&rel, a.p - 5, 4);
    cr_expect_eq(a.p + rel, code + 48);
}
