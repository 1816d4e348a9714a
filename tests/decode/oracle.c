/* oracle.c - LLVM's disassembler through its C API. */
#include "tests/decode/oracle.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <string.h>

/* The extensions of frontend/aarch64/hwcap.def under LLVM's names; lor (LDLAR, STLLR) has
 * none. */
static const char features[] = "+fp-armv8,+neon,+fullfp16,+fp16fml,+rdm,+dotprod,+i8mm,+bf16,"
                               "+complxnum,+jsconv,+fptoint,+aes,+sha2,+sha3,+sm4,+crc,+lse,+lse2,"
                               "+lor,+rcpc,+rcpc-immo,+flagm,+altnzcv,+sb,+ssbs,+ccpp,+dit,+bti,"
                               "+pauth";

static unsigned rt(uint32_t insn)
{
    return insn & 31;
}

static unsigned rn(uint32_t insn)
{
    return insn >> 5 & 31;
}

static unsigned rt2(uint32_t insn)
{
    return insn >> 10 & 31;
}

static unsigned rs(uint32_t insn)
{
    return insn >> 16 & 31;
}

/* op0 0 that is neither a hint, nor a barrier, nor a field of PSTATE. */
static bool is_unallocated(uint32_t insn)
{
    unsigned op1 = insn >> 16 & 7, crn = insn >> 12 & 15;
    return rt(insn) != 31 || !(crn == 4 || ((crn == 2 || crn == 3) && op1 == 3));
}

static bool loads_base(uint32_t insn)
{
    return rn(insn) == rt(insn) && rn(insn) != 31;
}

static bool pair_has_base(uint32_t insn)
{
    return rn(insn) != 31 && (rn(insn) == rt(insn) || rn(insn) == rt2(insn));
}

static bool pair_is_one(uint32_t insn)
{
    return rt(insn) == rt2(insn);
}

static bool unused_in_use(uint32_t insn)
{
    return rs(insn) != 31 || rt2(insn) != 31;
}

static bool status_in_use(uint32_t insn)
{
    return rs(insn) != 31;
}

/*
 * Where the two differ on purpose: LLVM says `llvm` of such words and xemu the opposite. The
 * `false` half is CONSTRAINED UNPREDICTABLE (K1.2 of the Arm ARM): LLVM refuses what processors
 * execute.
 */
static const struct {
    uint32_t mask, value;
    bool llvm;
    bool (*only_if)(uint32_t insn);
    const char *why;
} exceptions[] = {
    {0xffe00000, 0xd5200000, true, NULL, "LLVM reads any system register; Linux shows few"},
    {0xfff00000, 0xd5100000, true, NULL, "LLVM writes any system register"},
    {0xfff80000, 0xd5080000, true, NULL, "LLVM has any cache or TLB operation; Linux allows few"},
    {0xfff80000, 0xd5000000, true, is_unallocated,
     "LLVM has MSR with op0 0 too, which is unallocated"},
    {0xfff8f01f, 0xd500401f, true, NULL, "fields of PSTATE that trap below the kernel"},
    {0xffe0001f, 0xd4000002, true, NULL, "HVC is undefined at EL0"},
    {0xffe0001f, 0xd4000003, true, NULL, "SMC is undefined at EL0"},
    {0xffe0001f, 0xd4400000, true, NULL, "HLT is undefined without halting debug"},
    {0xffe0001c, 0xd4a00000, true, NULL, "DCPS1 to DCPS3 are undefined outside debug state"},
    {0xffdfffff, 0xd69f03e0, true, NULL, "ERET and DRPS are undefined at EL0"},
    {0xfffffbff, 0xd69f0bff, true, NULL, "ERETAA and ERETAB are undefined at EL0"},
    {0x3f200000, 0x38000000, false, loads_base, "base and data are one register (LLVM: LDTR too)"},
    {0x3f200400, 0x38200400, false, loads_base, "the same for LDRAA and LDRAB"},
    {0x3e000000, 0x28000000, false, pair_has_base, "the same for pairs"},
    {0x3a400000, 0x28400000, false, pair_is_one, "a pair is loaded to one register"},
    {0x3f200000, 0x08000000, false, unused_in_use, "LDXR: fields that should be ones"},
    {0x3fa00000, 0x08800000, false, unused_in_use, "LDAR, STLR, LDLAR, STLLR: the same"},
    {0x3fe00000, 0x08600000, false, status_in_use, "LDXP: the same"},
    {0x3fe00000, 0x08600000, false, pair_is_one, "LDXP to one register"},
};

struct Oracle {
    LLVMDisasmContextRef llvm;
};

Oracle *oracle_new(void)
{
    static struct Oracle o;
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64Disassembler();
    o.llvm =
        LLVMCreateDisasmCPUFeatures("aarch64-linux-gnu", "generic", features, NULL, 0, NULL, NULL);
    return o.llvm ? &o : NULL;
}

void oracle_free(Oracle *o)
{
    LLVMDisasmDispose(o->llvm);
}

bool oracle_decodes(Oracle *o, uint32_t insn, char *buf, size_t size)
{
    uint8_t bytes[4];
    memcpy(bytes, &insn, sizeof bytes);
    return LLVMDisasmInstruction(o->llvm, bytes, sizeof bytes, 0, buf, size) != 0;
}

bool oracle_excepts(uint32_t insn, bool llvm_decodes)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        if ((insn & exceptions[i].mask) == exceptions[i].value &&
            exceptions[i].llvm == llvm_decodes &&
            (!exceptions[i].only_if || exceptions[i].only_if(insn))) {
            return true;
        }
    }
    return false;
}
