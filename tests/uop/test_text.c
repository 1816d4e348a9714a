/* test_text.c - text in, text out: round trips, the verifier's and the parser's complaints, the
 * builder's folding, the optimizer. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/uop/rebuild.h"
#include "tests/uop/text.h"

static void parse(UopBlock *b, const TestCase *c)
{
    char msg[256] = "";
    uop_block_init(b);
    cr_assert_eq(uop_parse(b, c->program, test_reg_offset, msg, sizeof msg), 0, "%s (line %u): %s",
                 c->name, c->line, msg);
}

static void verify(const UopBlock *b, const TestCase *c)
{
    char msg[256] = "";
    if (uop_verify(b, msg, sizeof msg) != 0) {
        char *text = test_print(b);
        cr_assert_fail("%s (line %u): %s\n%s", c->name, c->line, msg, text);
    }
}

/* Lines without leading blanks and comments, so that data files may be indented. */
static char *normal(const char *text)
{
    char *out = malloc(strlen(text) + 2), *to = out;
    while (*text) {
        const char *eol = strchrnul(text, '\n'), *end = memchr(text, ';', (size_t)(eol - text));
        end = end ? end : eol;
        while (text < end && *text == ' ') {
            text++;
        }
        while (end > text && end[-1] == ' ') {
            end--;
        }
        if (end > text) {
            memcpy(to, text, (size_t)(end - text));
            to += end - text;
            *to++ = '\n';
        }
        text = *eol ? eol + 1 : eol;
    }
    *to = 0;
    return out;
}

static void compare(const UopBlock *b, const TestCase *c, const char *expected)
{
    char *want = normal(expected), *have = test_print(b);
    cr_expect_str_eq(have, want, "%s (line %u)\n--- expected\n%s--- got\n%s", c->name, c->line,
                     want, have);
    free(want);
    free(have);
}

static void check_round_trip(const TestCase *c)
{
    UopBlock b;
    parse(&b, c);
    verify(&b, c);
    compare(&b, c, c->program);
    uop_block_free(&b);
}

Test(text, round_trips)
{
    test_cases("roundtrip.txt", check_round_trip);
}

static void check_rejected(const TestCase *c)
{
    UopBlock b;
    char msg[256] = "";
    uop_block_init(&b);
    int status = uop_parse(&b, c->program, test_reg_offset, msg, sizeof msg);
    if (status == 0) {
        status = uop_verify(&b, msg, sizeof msg);
    }
    cr_expect(status == -1 && strstr(msg, c->name), "line %u: expected '%s', got '%s'", c->line,
              c->name, msg);
    uop_block_free(&b);
}

Test(text, verifier_rejects)
{
    test_cases("verify.txt", check_rejected);
}

Test(text, parser_rejects)
{
    test_cases("parse.txt", check_rejected);
}

static void check_fold(const TestCase *c)
{
    UopBlock in, out;
    parse(&in, c);
    verify(&in, c);
    uop_block_init(&out);
    rebuild(&out, &in);
    verify(&out, c);
    uop_optimize(&out, &test_file);
    verify(&out, c);
    compare(&out, c, c->expected);
    uop_block_free(&in);
    uop_block_free(&out);
}

Test(text, builder_folds)
{
    test_cases("fold.txt", check_fold);
}

static void check_optimized(const TestCase *c)
{
    UopBlock b;
    parse(&b, c);
    verify(&b, c);
    uop_optimize(&b, &test_file);
    verify(&b, c);
    compare(&b, c, c->expected);
    uop_block_free(&b);
}

Test(text, optimizer)
{
    test_cases("opt.txt", check_optimized);
}
