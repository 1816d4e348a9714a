/*
 * test_decodegen.c - inputs of decodegen that must fail, each with the message it must get, and a
 * small decoder made by it (toy/toy.decode).
 *
 * The first line of a file in bad/ is `# expect: LINE: beginning of the message`.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/decode/random.h"
#include "toy_decode.h"

/* ---- inputs that must fail ------------------------------------------------------------------- */

/* Runs decodegen on a file; its exit status, and the first line that it printed. */
static int run(const char *path, char *line, size_t size)
{
    char command[2048];
    snprintf(command, sizeof command, "'%s' --prefix toy --out-dir /nonexistent '%s' 2>&1",
             XEMU_DECODEGEN, path);
    FILE *p = popen(command, "r");
    cr_assert(p);
    *line = 0;
    if (!fgets(line, (int)size, p)) {
        *line = 0;
    }
    char rest[256];
    while (fgets(rest, sizeof rest, p)) {
    }
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expectation(const char *path, char *line, size_t size)
{
    static const char start[] = "# expect: ";
    FILE *f = fopen(path, "r");
    cr_assert(f && fgets(line, (int)size, f), "%s", path);
    fclose(f);
    cr_assert(!strncmp(line, start, strlen(start)), "%s", path);
    line[strcspn(line, "\n")] = 0;
    memmove(line, line + strlen(start), strlen(line + strlen(start)) + 1);
}

Test(decodegen, bad_inputs_are_refused)
{
    static const char dir[] = XEMU_TEST_DIR "/bad";
    DIR *d = opendir(dir);
    int files = 0;
    cr_assert(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024], expected[512], wanted[2048], line[2048];
        if (!strstr(e->d_name, ".decode")) {
            continue;
        }
        files++;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        expectation(path, expected, sizeof expected);
        snprintf(wanted, sizeof wanted, "%s:%s", path, expected);
        int status = run(path, line, sizeof line);
        cr_expect(status == 1, "%s: exit status %d", e->d_name, status);
        cr_expect(!strncmp(line, wanted, strlen(wanted)), "%s: got  %sbut expected %s", e->d_name,
                  line, wanted);
    }
    closedir(d);
    cr_expect(files > 20);
}

Test(decodegen, missing_file_and_folder)
{
    char line[2048];
    cr_expect(run("/nonexistent/x.decode", line, sizeof line) == 1);
    cr_expect(strstr(line, "x.decode:0: No such file"), "%s", line);
    cr_expect(run(XEMU_TEST_DIR "/toy/toy.decode", line, sizeof line) == 1);
    cr_expect(strstr(line, "cannot write to /nonexistent"), "%s", line);
}

/* ---- a decoder that must work ---------------------------------------------------------------- */

void toy_format_reg(ToyText *out, int32_t wide, int32_t n)
{
    int room = (int)(out->end - out->at) + 1;
    int used = snprintf(out->at, (size_t)room, "%c%" PRId32, wide ? 'x' : 'w', n);
    out->at = used < room ? out->at + used : out->end;
}

static int translated = -1;

#define TRANS(name)                                                                                \
    void trans_##name(struct ToyCtx *ctx, const ToyArgs *a)                                        \
    {                                                                                              \
        (void)ctx;                                                                                 \
        (void)a;                                                                                   \
        translated = TOY_##name;                                                                   \
    }
TRANS(ADD)
TRANS(JUMP)
TRANS(SPLIT)
TRANS(SHORT)
TRANS(LONG)
TRANS(NOP)
TRANS(HINT_q)
TRANS(HINT)
TRANS(WORD)

Test(decodegen, toy_words)
{
    static const struct {
        uint32_t word;
        int pattern;
        const char *text;
    } cases[] = {
        {0x18010203, TOY_ADD, "add x1, x2, x3"},
        {0x17ff0010, TOY_ADD, "add w255, w0, w16"},
        {0x27000001, TOY_JUMP, "jump 452"},
        {0x2fabcdef, TOY_JUMP, "jump -4"},
        {0x28000000, TOY_JUMP, "jump -512"},
        {0x35800000, TOY_SPLIT, "split -8, 5"},
        {0x40200000, TOY_SHORT, "short 2"},
        {0x40300000, -1, "undefined"},
        {0x48000000, TOY_LONG, "long 128"},
        {0x48100000, -1, "undefined"},
        {0x50000000, TOY_NOP, "nop"},
        {0x50060000, TOY_HINT_q, "hint #6, small"},
        {0x50650000, TOY_HINT_q, "hint #101, big"},
        {0x50030000, TOY_HINT, "hint three"},
        {0x50060001, TOY_HINT, "hint "},
        {0x6fffffff, TOY_WORD, "word 268435455"},
        {0x70000000, -1, "undefined"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64], cut[5];
        ToyArgs args;
        int pattern = toy_decode(cases[i].word, &args);
        cr_expect(pattern == cases[i].pattern, "%08" PRIx32 ": pattern %d", cases[i].word, pattern);
        cr_expect(toy_disassemble(cases[i].word, 0, text, sizeof text) == pattern);
        cr_expect(!strcmp(text, cases[i].text), "%08" PRIx32 ": %s", cases[i].word, text);
        toy_disassemble(cases[i].word, 0, cut, sizeof cut);
        cr_expect(!strncmp(cut, text, 4) && strlen(cut) == (strlen(text) < 4 ? strlen(text) : 4),
                  "%s", cut);
        if (pattern >= 0) {
            toy_trans[pattern](NULL, &args);
            cr_expect(translated == pattern);
        }
    }
    cr_expect(!strcmp(toy_name(TOY_HINT_q), "HINT_q"));
    cr_expect(!strcmp(toy_origin(TOY_JUMP), "toy.decode:6"), "%s", toy_origin(TOY_JUMP));
}

Test(decodegen, toy_random_encodings)
{
    uint64_t state = 1;
    for (int pattern = 0; pattern < TOY_PATTERNS; pattern++) {
        for (int i = 0; i < 1000; i++) {
            ToyArgs args;
            uint32_t word = toy_random(pattern, random_bits, &state);
            cr_assert(toy_decode(word, &args) == pattern, "%s: %08" PRIx32, toy_name(pattern),
                      word);
        }
    }
}
