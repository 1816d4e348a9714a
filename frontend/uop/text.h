/* text.h - the words of the textual form, shared by printer and parser. uop_print's form, by
 * examples:
 *
 *     mode 0x4                                   only if not 0
 *     insn 0x400580 len=4
 *     v0:i64 = get [x1]                          register names are the guest's; else [#136]
 *     v1:i32 = load.2.s.acquire [v0+v3<<2-16]    size in bytes, signed, flags; address
 *     v2:i32 = icmp.ult:i64 v0, #5               the row's type, where neither the result nor the
 * first operand tells it v4:i64x2 = vconst 0x00000000000000010000000000000002 v5:i64 = extract v0,
 * #3, #7                lsb, width v6:f32x4 = fma.nega v7, v8, v9 exit_if.jump v2, 0x400590
 *     exit.trap.undefined 0x0
 *
 * A micro-op is `[value:type =] name[.sub][.flags][:type] operands`. `_` stands for an operand that
 * is not there. `;` starts a comment.
 */
#ifndef XEMU_FRONTEND_UOP_TEXT_H
#define XEMU_FRONTEND_UOP_TEXT_H

#include "frontend/uop/uop.h"

typedef enum UopSubKind {
    SUB_NONE,   /* must be 0 */
    SUB_ENUM,   /* a name of the list; an empty name isn't written */
    SUB_BITS,   /* names of set bits, lowest first */
    SUB_BYTES,  /* 1 << sub in decimal */
    SUB_SIGN,   /* bits 0-1 a name of the list, bit 2 round, bit 3 sat */
    SUB_MEM,    /* UOP_MEM */
    SUB_NUMBER, /* in decimal */
} UopSubKind;

typedef struct UopSub {
    uint8_t kind;
    uint8_t count; /* of names */
    const char *const *names;
} UopSub;

/* How the sub field of an operation is written; and checked: values outside of the list are not
 * valid. */
const UopSub *uop_sub(unsigned op);
/* The name of flag bit `bit` (2..7) of an operation, NULL if it has none. */
const char *uop_flag_name(unsigned op, unsigned bit);
extern const char *const uop_order_names[4];
extern const char *const uop_rmw_names[9];
extern const char *const uop_trap_names[6];
enum { UOP_TRAP_NAMES = 6, UOP_RMW_NAMES = 9 };

/* The type that goes without saying: of the result, else of the first operand that has the row's
 * type. */
uint8_t uop_implied_type(const UopBlock *b, const Uop *u);
/* Does a memory address stand where a, b and imm are? */
bool uop_has_address(unsigned op);
/* Must `#imm` be written after the operands (else only if it isn't 0, or not at all)? */
bool uop_imm_is_written(const Uop *u);
/* Is b of this FLAGS an operand or, when absent, an immediate? */
bool uop_takes_imm(const Uop *u);

#endif
