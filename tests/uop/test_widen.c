/* test_widen.c - which loops may do several iterations at once (lift/widen.c). */
#include <criterion/criterion.h>

#ifdef XEMU_LLVM

#include "lift/widen.h"
#include "tests/uop/text.h"

/* How many at once; 0: not. */
static unsigned at_once(const char *loads, const char *operation, const char *step)
{
    char text[1024], msg[256] = "";
    snprintf(text, sizeof text,
             "insn 0x1000 len=4\n"
             "v0:i64 = get [r0]\n"
             "v1:i64 = get [r1]\n"
             "%s\n"
             "v3:f64 = get [q4]\n"
             "%s\n"
             "store.8 [v0], v4\n"
             "%s\n"
             "put [r0], v5\n"
             "v6:i32 = icmp.ne v5, v1\n"
             "exit_if.jump v6, 0x1000\n"
             "exit.jump 0x1004\n",
             loads, operation, step);
    UopBlock b;
    Widening w;
    uop_block_init(&b);
    cr_assert_eq(uop_parse(&b, text, test_reg_offset, msg, sizeof msg), 0, "%s", msg);
    b.pc = 0x1000;
    unsigned times = widen_plan(&b, true, &w) ? w.times : 0;
    cr_assert(!times || w.stride * times == WIDEN_BYTES);
    uop_block_free(&b);
    return times;
}

static const char load[] = "v2:f64 = load.8 [v0+512]", mul[] = "v4:f64 = fmul v2, v3",
                  add[] = "v5:i64 = add v0, #8";

Test(widen, independent)
{
    cr_assert_eq(at_once(load, mul, add), 4);
    cr_assert_eq(at_once(load, "v4:f64 = fmax v2, v3", add), 4);
}

Test(widen, steps)
{
    cr_assert_eq(at_once(load, mul, "v5:i64 = add v0, #16"), 0);
    cr_assert_eq(at_once(load, mul, "v5:i64 = sub v0, #8"), 0);
    cr_assert_eq(at_once(load, mul, "v5:i64 = add v0, v1"), 0);
    cr_assert_eq(at_once("v2:f64 = load.8 [v1]", mul, add), 0);
    cr_assert_eq(at_once("v2:f64 = load.8 [v1+v0]", mul, add), 4);
    cr_assert_eq(at_once("v2:f64 = load.8 [v1+v0<<3]", mul, add), 0);
}

Test(widen, carried)
{
    cr_assert_eq(at_once(load, "v4:f64 = fadd v2, v3\nput [q4], v4", add), 0);
    cr_assert_eq(at_once(load, "v4:f64 = fadd v2, v3\nv7:i64x2 = zextv v2\nput [q4], v7", add), 4);
    cr_assert_eq(at_once(load, "v4:f64 = fadd v2, v3\nv7:i64x2 = zextv v4\nput [q4], v7", add), 0);
    cr_assert_eq(at_once(load, "v4:f64 = fadd v2, v3\nv7:i64x2 = zextv v4\nput [q5], v7", add), 4);
}

/* What a NaN is to FMAX may be a number (lift/checks.c). */
Test(widen, extremes)
{
    cr_assert_eq(at_once(load, "v7:f64 = fmax v2, v3\nv4:f64 = fmin v7, v3", add), 4);
    cr_assert_eq(at_once(load, "v7:f64 = fmax v2, v3\nv4:f64 = fadd v7, v3", add), 0);
}

Test(widen, others)
{
    cr_assert_eq(at_once(load, "v4:f64 = frecpx v2", add), 0);
    cr_assert_eq(at_once("v7:i64 = load.8 [v0]\nv2:f64 = load.8 [v0]", mul, add), 0);
}

#endif
