/* vectors.c - cases as text. */
#include "vectors.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"

static uint64_t fresh_memory(void)
{
    uint64_t words[DIFF_DATA_SIZE / 8];
    diff_fill(words);
    return diff_hash(words);
}

/* ---- reading --------------------------------------------------------------------------------- */
/* Sets one register; false: there's none of that name. */
static bool set_register(DiffState *s, const char *name, const char *value)
{
    char *end;
    uint64_t hi = strtoull(value, &end, 16), lo = *end == '_' ? strtoull(end + 1, NULL, 16) : hi;
    unsigned long n = isdigit((unsigned char)name[1]) ? strtoul(name + 1, NULL, 10) : 99;
    if (name[0] == 'x' && n < 31) {
        s->x[n] = hi;
    } else if (name[0] == 'v' && n < 32) {
        s->v[n][0] = lo;
        s->v[n][1] = *end == '_' ? hi : 0;
    } else if (strcmp(name, "sp") == 0) {
        s->sp = hi;
    } else if (strcmp(name, "pc") == 0) {
        s->pc = hi;
    } else if (strcmp(name, "nzcv") == 0) {
        s->nzcv = (uint32_t)hi << 28;
    } else if (strcmp(name, "fpcr") == 0) {
        s->fpcr = (uint32_t)hi;
    } else if (strcmp(name, "fpsr") == 0) {
        s->fpsr = (uint32_t)hi;
    } else {
        return false;
    }
    return true;
}

const char *vector_parse(const char *line, DiffCase *c, DiffResult *want)
{
    char copy[2048], *save, *word;
    if (strlen(line) >= sizeof(copy)) {
        return "too long";
    }
    strcpy(copy, line);
    memset(c, 0, sizeof(*c));
    memset(want, 0, sizeof(*want));
    c->in.pc = DIFF_CODE;
    c->pattern = -1;
    const char *name = strtok_r(copy, " \n", &save);
    bool after = false;
    while ((word = strtok_r(NULL, " \n", &save))) {
        char *equals = strchr(word, '=');
        if (strcmp(word, "=>") == 0) {
            after = true;
            want->out = c->in;
            want->out.pc += 4 * (uint64_t)c->ninsns;
            want->signal = SIGTRAP;
            want->memory = fresh_memory();
        } else if (!equals) {
            if (after || c->ninsns == DIFF_MAX_INSNS) {
                return "code words stand before the inputs";
            }
            c->insns[c->ninsns++] = (uint32_t)strtoul(word, NULL, 16);
        } else {
            *equals = 0;
            if (after && strcmp(word, "mem") == 0) {
                want->memory = strtoull(equals + 1, NULL, 16);
            } else if (after && strcmp(word, "signal") == 0) {
                want->signal = (uint32_t)strtoul(equals + 1, NULL, 10);
            } else if (!set_register(after ? &want->out : &c->in, word, equals + 1)) {
                return "no such register";
            }
        }
    }
    A64Args args;
    int p = c->ninsns ? a64_decode(c->insns[0], &args) : -1;
    if (!after) {
        return "no =>";
    }
    return p < 0 || strcmp(a64_name(p), name) != 0 ? "the first instruction is of another pattern"
                                                   : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */
static void print_differences(FILE *f, const DiffState *from, const DiffState *to)
{
    for (unsigned i = 0; i < 31; i++) {
        if (from->x[i] != to->x[i]) {
            fprintf(f, " x%u=%" PRIx64, i, to->x[i]);
        }
    }
    if (from->sp != to->sp) {
        fprintf(f, " sp=%" PRIx64, to->sp);
    }
    if (from->nzcv != to->nzcv) {
        fprintf(f, " nzcv=%x", to->nzcv >> 28);
    }
    if (from->fpcr != to->fpcr) {
        fprintf(f, " fpcr=%x", to->fpcr);
    }
    if (from->fpsr != to->fpsr) {
        fprintf(f, " fpsr=%x", to->fpsr);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (memcmp(from->v[i], to->v[i], sizeof(from->v[i])) != 0) {
            fprintf(f, " v%u=%" PRIx64 "_%" PRIx64, i, to->v[i][1], to->v[i][0]);
        }
    }
}

void vector_print(FILE *f, const DiffCase *c, const DiffResult *r)
{
    DiffState nothing = {0};
    A64Args args;
    fprintf(f, "%s", a64_name(a64_decode(c->insns[0], &args)));
    for (uint32_t i = 0; i < c->ninsns; i++) {
        fprintf(f, " %08" PRIx32, c->insns[i]);
    }
    if (c->in.pc != DIFF_CODE) {
        fprintf(f, " pc=%" PRIx64, c->in.pc);
    }
    print_differences(f, &nothing, &c->in);
    fprintf(f, " =>");
    print_differences(f, &c->in, &r->out);
    if (r->memory != fresh_memory()) {
        fprintf(f, " mem=%" PRIx64, r->memory);
    }
    if (r->out.pc != c->in.pc + 4 * c->ninsns) {
        fprintf(f, " pc=%" PRIx64, r->out.pc);
    }
    if (r->signal != SIGTRAP) {
        fprintf(f, " signal=%u", r->signal);
    }
    fprintf(f, "\n");
}
