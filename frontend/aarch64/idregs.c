/*
 * idregs.c - the identification registers as Linux shows them to programs (op0 3, op1 0, CRn 0):
 * fields that it hides read as it documents in cpu-feature-registers.rst, the others say what is
 * implemented. They must agree with hwcap.def and the decoder.
 */
#include "frontend/aarch64/helpers.h"

#define FIELD(value, lsb) ((uint64_t)(value) << (lsb))

/* Implementer 0 (reserved for software), architecture by ID registers, a part number of our own. */
static const uint64_t midr = FIELD(0xf, 16) | FIELD(0x786, 4);

static const uint64_t pfr0 = FIELD(1, 0) | FIELD(1, 4) /* EL0, EL1: AArch64 only */
                             | FIELD(1, 16)            /* FP with FP16 */
                             | FIELD(1, 20)            /* AdvSIMD with FP16 */
                             | FIELD(1, 48);           /* DIT */
static const uint64_t pfr1 = FIELD(1, 0)               /* BTI */
                             | FIELD(2, 4);            /* SSBS, with MSR and MRS */
static const uint64_t dfr0 = FIELD(6, 0);              /* debug version: hidden, Armv8.0 */
static const uint64_t isar0 = FIELD(2, 4)              /* AES, PMULL */
                              | FIELD(1, 8)            /* SHA1 */
                              | FIELD(2, 12)           /* SHA256, SHA512 */
                              | FIELD(1, 16)           /* CRC32 */
                              | FIELD(2, 20)           /* LSE */
                              | FIELD(1, 28)           /* RDM */
                              | FIELD(1, 32)           /* SHA3 */
                              | FIELD(1, 36)           /* SM3 */
                              | FIELD(1, 40)           /* SM4 */
                              | FIELD(1, 44)           /* DotProd */
                              | FIELD(1, 48)           /* FHM */
                              | FIELD(2, 52);          /* FlagM, FlagM2 */
static const uint64_t isar1 = FIELD(1, 0)              /* DC CVAP */
                              | FIELD(3, 8)            /* API: an algorithm of our own, as PAuth2 */
                              | FIELD(1, 12)           /* JSCVT */
                              | FIELD(1, 16)           /* FCMA */
                              | FIELD(2, 20)           /* LRCPC, LRCPC2 */
                              | FIELD(1, 28)           /* GPI */
                              | FIELD(1, 32)           /* FRINTTS */
                              | FIELD(1, 36)           /* SB */
                              | FIELD(1, 44)           /* BF16 */
                              | FIELD(1, 52);          /* I8MM */
static const uint64_t mmfr0 = FIELD(0xf, 24) | FIELD(0xf, 28); /* granules: hidden */
static const uint64_t mmfr2 = FIELD(1, 32);                    /* AT: LSE2 */

uint64_t a64_id_register(unsigned crm, unsigned op2)
{
    switch (crm << 3 | op2) {
    case 0 << 3 | 0: return midr;
    case 0 << 3 | 5: return FIELD(1, 31); /* MPIDR_EL1: RES1 */
    case 4 << 3 | 0: return pfr0;
    case 4 << 3 | 1: return pfr1;
    case 5 << 3 | 0: return dfr0;
    case 6 << 3 | 0: return isar0;
    case 6 << 3 | 1: return isar1;
    case 7 << 3 | 0: return mmfr0;
    case 7 << 3 | 2: return mmfr2;
    default: return 0; /* REVIDR_EL1, AArch32's, and those that are reserved */
    }
}
