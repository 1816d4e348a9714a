/* test_build.c - what text can't say: limits of a block, values that no program text has, names of
 * everything. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/uop/text.h"

Test(build, verifier_sees_undefined_values)
{
    UopBlock b;
    char msg[128];
    uop_block_init(&b);
    uop_insn(&b, 0x1000, 4);
    Val x = uop_get(&b, T_I64, TEST_R);
    uop_put(&b, TEST_R + 8, x);
    uop_exit(&b, UOP_EXIT_JUMP, 0x1004);
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), 0);
    b.uops[2].a = 7;
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), -1);
    cr_assert_str_eq(msg, "#2 put: operand a, v7, is used before it is defined");
    b.uops[2].a = x;
    b.uops[1].dst = 9;
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), -1);
    cr_assert_str_eq(msg, "#1 get: v9 is beyond the block's values");
    b.uops[1].op = UOP_COUNT;
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), -1);
    uop_block_free(&b);
}

Test(build, a_block_gets_full_but_not_broken)
{
    UopBlock b;
    char msg[128];
    uop_block_init(&b);
    Val x = uop_get(&b, T_I64, TEST_R);
    while (!uop_block_full(&b)) {
        x = uop_bin(&b, UOP_MUL, T_I64, x, x);
    }
    cr_assert_not(b.error);
    for (int i = 0; i < 511; i++) {
        x = uop_bin(&b, UOP_MUL, T_I64, x, x);
    }
    cr_assert_not(b.error, "there is room for one more guest instruction");
    for (int i = 0; i < 1024; i++) {
        x = uop_bin(&b, UOP_MUL, T_I64, x, x);
    }
    cr_assert(b.error);
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), -1);
    uop_block_reset(&b, 0, 0);
    uop_exit(&b, UOP_EXIT_JUMP, 0);
    cr_assert_eq(uop_verify(&b, msg, sizeof msg), 0);
    uop_block_free(&b);
}

Test(build, nothing_is_known_in_a_new_block)
{
    UopBlock b;
    uop_block_init(&b);
    for (int i = 0; i < 2; i++) {
        uop_block_reset(&b, 0, 0);
        uop_get(&b, T_I64, TEST_R);
        uop_getflags(&b, TEST_NZCV);
        uop_const(&b, T_I64, 5);
        cr_assert_eq(b.count, 3);
    }
    uop_block_free(&b);
}

Test(build, the_plain_appender_forwards_registers)
{
    UopBlock b;
    uop_block_init(&b);
    Val x = uop_emit(&b, UOP_GET, T_I64, 0, 0, T_I64, VAL_NONE, VAL_NONE, VAL_NONE, TEST_R);
    uop_emit(&b, UOP_PUT, T_I64, 0, 0, T_NONE, x, VAL_NONE, VAL_NONE, TEST_R + 8);
    cr_assert_eq(
        uop_emit(&b, UOP_GET, T_I64, 0, 0, T_I64, VAL_NONE, VAL_NONE, VAL_NONE, TEST_R + 8), x);
    Val f =
        uop_emit(&b, UOP_GETFLAGS, T_FLAGS, 0, 0, T_FLAGS, VAL_NONE, VAL_NONE, VAL_NONE, TEST_NZCV);
    cr_assert_eq(uop_getflags(&b, TEST_NZCV), f);
    uop_emit(&b, UOP_HELPER, T_NONE, 0, 0, T_NONE, VAL_NONE, VAL_NONE, VAL_NONE, 2);
    cr_assert_neq(uop_getflags(&b, TEST_NZCV), f);
    uop_block_free(&b);
}

Test(build, an_integer_over_the_flags_hides_them)
{
    UopBlock b;
    uop_block_init(&b);
    Val f = uop_getflags(&b, TEST_NZCV);
    uop_put(&b, TEST_NZCV, uop_const(&b, T_I32, 1));
    cr_assert_neq(uop_getflags(&b, TEST_NZCV), f);
    uop_block_free(&b);
}

Test(build, constants_are_shared)
{
    UopBlock b;
    uop_block_init(&b);
    cr_assert_eq(uop_const(&b, T_I64, 77), uop_const(&b, T_I64, 77));
    cr_assert_neq(uop_const(&b, T_I64, 77), uop_const(&b, T_I32, 77));
    uop_vconst(&b, T_I64X2, 1, 2);
    uop_vconst(&b, T_F32X4, 1, 2);
    cr_assert_eq(b.npool, 1);
    uop_block_free(&b);
}

Test(build, each_name_is_known_once)
{
    for (unsigned i = 0; i < UOP_COUNT; i++) {
        cr_assert(uop_name(i)[0]);
        for (unsigned j = 0; j < i; j++) {
            cr_assert_str_neq(uop_name(i), uop_name(j));
        }
    }
}
