#include "tests/uop/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"

static UopFlagsUse flags_use_at(void *ctx, GuestAddr pc)
{
    (void)ctx;
    return pc & 1 ? UOP_FLAGS_DEAD : pc & 2 ? UOP_FLAGS_UNKNOWN : UOP_FLAGS_READ;
}

static const HelperInfo helpers[] = {
    {"pure", NULL, HELPER_PURE},
    {"reads", NULL, HELPER_READS_FILE},
    {"writes", NULL, HELPER_WRITES_FILE},
    {"faults", NULL, HELPER_MAY_FAULT},
    {"plain", NULL, 0},
};
const UopFile test_file = {
    .flags_offset = TEST_NZCV,
    .flags_use_at = flags_use_at,
    .faults_see_flags = true,
    .helpers = helpers,
    .nhelpers = sizeof helpers / sizeof helpers[0],
};

char *test_print(const UopBlock *b)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    cr_assert_not_null(f);
    uop_print(f, b, test_reg_name);
    fclose(f);
    return text;
}

static char *read_all(const char *file)
{
    char path[512], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", XEMU_TEST_DIR, file);
    FILE *f = fopen(path, "r"), *out = open_memstream(&text, &size);
    cr_assert(f && out, "%s", path);
    for (int c; (c = getc(f)) != EOF;) {
        putc(c, out);
    }
    fclose(f);
    fclose(out);
    return text;
}

void test_cases(const char *file, void (*check)(const TestCase *c))
{
    char *text = read_all(file), *at = strstr(text, "== ");
    unsigned count = 0, line = 1;
    const char *counted = text;
    while (at) {
        char *end = strstr(at, "\n== "), *eol = strchr(at, '\n');
        TestCase c = {.name = at + 3, .program = eol + 1, .expected = (char *)""};
        for (; counted < c.program; counted++) {
            line += *counted == '\n' || *counted == 0;
        }
        c.line = line;
        *eol = 0;
        if (end) {
            *end = 0;
        }
        char *separator = strstr(c.program, "\n--\n");
        if (separator) {
            separator[1] = 0;
            c.expected = separator + 4;
        }
        check(&c);
        if (separator) {
            separator[1] = '-';
        }
        count++;
        at = end ? end + 1 : NULL;
    }
    free(text);
    cr_assert(count > 0, "%s has no cases", file);
}
