/*
 * snippets - makes the snippets of common instructions when xemu is built
 * (jit/template/x86_64/snippets.h).
 *
 *     snippets WORDS            writes C on standard output; WORDS has instructions, one of each
 * shape snippets --pick N FILE... chooses WORDS: each FILE has the instructions that one program
 * met, as `xemu -d in_asm` prints them in its second column
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/aarch64/state.h"
#include "jit/template/x86_64/snippets.h"
#include "jit/template/x86_64/template.h"

enum { BASE = 0x10000, MOST = 1 << 22, MODE = A64_MODE_PAC_ALL /* as programs are started */ };

static uint32_t now[2]; /* the guest's code: an instruction, and what isn't one */

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    (void)ctx;
    if (pc - BASE >= sizeof now)
        return NULL;
    *avail = BASE + sizeof now - (size_t)pc;
    return (const uint8_t *)now + (pc - BASE);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "snippets: %s\n", what);
    exit(1);
}

/* The words of a file, in hexadecimal, one a line; comments of C are skipped. */
static uint32_t *words_of(const char *name, size_t *n)
{
    FILE *f = fopen(name, "r");
    uint32_t *words = malloc(sizeof *words * MOST);
    char line[256];

    if (!f || !words)
        fail(name);
    for (*n = 0; *n < MOST && fgets(line, sizeof line, f);) {
        char *end;
        unsigned long v = strtoul(line, &end, 16);
        if (end != line && (*end == '\n' || *end == '\0'))
            words[(*n)++] = (uint32_t)v;
    }
    fclose(f);
    return words;
}

/* ---- choosing -------------------------------------------------------------------------------- */

typedef struct Seen {
    uint32_t key, word;
    uint32_t files, last; /* in so many files; the number of the last one, + 1 */
} Seen;

static bool shape_of(uint32_t word, InsnShape *shape)
{
    FetchRun run = {0};
    TranslateRequest req = {.pc = BASE, .fetch = fetch, .run = &run};

    now[0] = word;
    return frontend_aarch64.shapes(&req, BASE, shape, 1, 1) == 1 &&
           (shape->kind <= INSN_ADDRESS || shape->kind == INSN_BRANCH);
}

static int by_files(const void *a, const void *b)
{
    const Seen *x = a, *y = b;

    return x->files != y->files ? (x->files < y->files) - (x->files > y->files)
                                : (x->word > y->word) - (x->word < y->word);
}

static void pick(size_t most, char **files)
{
    enum { SLOTS = 1 << 21 };
    Seen *seen = calloc(SLOTS, sizeof *seen);
    size_t filled = 0;
    InsnShape shape;

    if (!seen)
        fail("no memory");
    for (uint32_t f = 1; files[f - 1]; f++) {
        size_t n;
        uint32_t *words = words_of(files[f - 1], &n);
        for (size_t k = 0; k < n; k++) {
            if (!shape_of(words[k], &shape))
                continue;
            uint32_t i = shape.key * 0x9e3779b1u >> 11;
            while (seen[i].files && seen[i].key != shape.key)
                i = (i + 1) % SLOTS;
            if (!seen[i].files && ++filled > SLOTS / 2)
                fail("too many shapes");
            if (!seen[i].files)
                seen[i] = (Seen){.key = shape.key, .word = words[k]};
            seen[i].files += seen[i].last != f;
            seen[i].last = f;
        }
        free(words);
    }
    qsort(seen, SLOTS, sizeof *seen, by_files);
    for (size_t k = 0; k < most && seen[k].files > 1; k++)
        printf("%08x\n", (unsigned)seen[k].word);
    free(seen);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void print_words(const char *declaration, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    uint64_t v;

    printf("%s = {", declaration);
    for (size_t k = 0; k < bytes; k += 8) {
        memcpy(&v, p + k, 8);
        printf("%s%#llxu,", k % 64 ? "" : "\n", (unsigned long long)v);
    }
    printf("\n};\n");
}

/* ---- a perfect hash -------------------------------------------------------------------------- */

enum { LINE = 64, SEEDS = 1 << READY_SEEDS, MOST_SEEDS = 1 << 16, IN_BUCKET = 64 };

typedef struct Bucket {
    const Snippet *members[IN_BUCKET];
    uint32_t n, cells;
    uint32_t index; /* of its seed */
} Bucket;

typedef struct Cells {
    ReadySnippets table;
    uint8_t *cells;
    uint16_t *seeds;
    bool *taken;
} Cells;

static uint32_t cells_of(const Snippet *s)
{
    return ((uint32_t)sizeof *s + s->len + READY_CELL - 1) / READY_CELL;
}

static uint32_t place_of(const Cells *c, uint32_t key)
{
    const uint8_t *at = (const uint8_t *)snippets_ready_at(&c->table, key);

    return (uint32_t)(at - c->cells) / READY_CELL;
}

/* What fits into a line of the host's cache lies in one, and what doesn't begins with one. */
static bool is_free(const Cells *c, uint32_t at, uint32_t n)
{
    bool begins = n == 1 || at % (LINE / READY_CELL) == 0;

    for (uint32_t k = at; begins && k < at + n; k++)
        begins = k < c->table.ncells && !c->taken[k];
    return begins;
}

static bool seed_fits(Cells *c, const Bucket *b)
{
    uint32_t k, at[IN_BUCKET];

    for (k = 0; k < b->n; k++) {
        at[k] = place_of(c, b->members[k]->key);
        if (!is_free(c, at[k], cells_of(b->members[k])))
            break;
        memset(c->taken + at[k], true, cells_of(b->members[k]));
    }
    bool fits = k == b->n;
    while (!fits && k--)
        memset(c->taken + at[k], false, cells_of(b->members[k]));
    return fits;
}

static int by_cells(const void *a, const void *b)
{
    const Bucket *x = a, *y = b;

    return x->cells != y->cells ? (x->cells < y->cells) - (x->cells > y->cells)
                                : (x->index > y->index) - (x->index < y->index);
}

/* The largest first. False: it takes more cells. */
static bool find_seeds(Cells *c, const Bucket *buckets)
{
    for (const Bucket *b = buckets; b < buckets + SEEDS; b++) {
        uint32_t seed = 0;
        do {
            if (seed == MOST_SEEDS)
                return false;
            c->seeds[b->index] = (uint16_t)seed++;
        } while (!seed_fits(c, b));
    }
    return true;
}

static Bucket *buckets_of(const Snippets *s, uint32_t *cells)
{
    Bucket *buckets = calloc(SEEDS, sizeof *buckets);

    if (!buckets)
        fail("no memory");
    for (uint32_t i = 0; i < 1u << s->table.log2; i++) {
        const Snippet *snippet = s->slots[i] ? snippets_at(&s->table, s->slots[i]) : NULL;
        if (!snippet || snippet->mode != MODE)
            continue;
        Bucket *b = &buckets[snippets_hash(snippet->key, 0) >> (64 - READY_SEEDS)];
        if (b->n == IN_BUCKET)
            fail("too many in a bucket");
        b->members[b->n++] = snippet;
        b->cells += cells_of(snippet);
        *cells += cells_of(snippet);
    }
    for (uint32_t i = 0; i < SEEDS; i++)
        buckets[i].index = i;
    qsort(buckets, SEEDS, sizeof *buckets, by_cells);
    return buckets;
}

/* A cell that nothing has: a key that isn't looked for there. */
static void fill_unused(const Cells *c)
{
    for (uint32_t k = 0; k < c->table.ncells; k++) {
        uint32_t key = 0;
        while (!c->taken[k] && place_of(c, key) == k)
            key++;
        if (!c->taken[k])
            memcpy(c->cells + (size_t)k * READY_CELL, &key, sizeof key);
    }
}

static Cells cells_for(const Snippets *s)
{
    uint32_t need = 0;
    Bucket *buckets = buckets_of(s, &need);
    Cells c = {.seeds = calloc(SEEDS, sizeof *c.seeds)};

    c.table = (ReadySnippets){.seeds = c.seeds, .ncells = need + need / 16, .mode = MODE};
    do { /* the first time, as a rule */
        free(c.cells);
        free(c.taken);
        c.table.ncells += need / 64;
        c.cells = calloc(c.table.ncells + (size_t)1, READY_CELL);
        c.taken = calloc(c.table.ncells, sizeof *c.taken);
        c.table.cells = c.cells;
        if (!c.cells || !c.taken || !c.seeds)
            fail("no memory");
    } while (!find_seeds(&c, buckets));
    for (uint32_t i = 0; i < SEEDS; i++) {
        for (uint32_t k = 0; k < buckets[i].n; k++) {
            const Snippet *from = buckets[i].members[k];
            memcpy(c.cells + (size_t)place_of(&c, from->key) * READY_CELL, from,
                   sizeof *from + from->len);
        }
    }
    fill_unused(&c);
    free(buckets);
    return c;
}

static void print_table(const Snippets *s)
{
    Cells c = cells_for(s);

    printf("/* Made by tools/snippets. */\n#include \"jit/ready.h\"\n\n"
           "#include \"jit/template/x86_64/snippets.h\"\n\n");
    print_words("static const _Alignas(64) uint64_t cells[]", c.cells,
                (c.table.ncells + (size_t)1) * READY_CELL);
    print_words("static const _Alignas(64) uint64_t seeds[]", c.seeds, sizeof *c.seeds * SEEDS);
    printf("const struct ReadySnippets ready_aarch64 = {\n"
           "    (const uint8_t *)(const void *)cells, (const uint16_t *)(const void *)seeds, %u, "
           "%u};\n",
           (unsigned)c.table.ncells, (unsigned)MODE);
    free(c.cells);
    free(c.seeds);
    free(c.taken);
}

/* ---- making them ----------------------------------------------------------------------------- */

static void make(const char *file)
{
    JitOptions options = {.tiers = JIT_TIER_TEMPLATE, .quick = JIT_QUICK_ONLY};
    JitHost host = {.fetch = fetch};
    Cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);
    Jit *jit;
    size_t n;
    uint32_t *words = words_of(file, &n);

    if (!cpu || n == 0)
        fail("no instructions");
    memset(cpu, 0, sizeof *cpu);
    if (jit_create(&jit, &frontend_aarch64, &options, &host) != 0)
        fail("no jit");
    jit->features = READY_FEATURES; /* whatever this machine can do */
    if (jit_thread_start(jit, cpu) != 0)
        fail("no thread");
    for (size_t k = 0; k < n; k++) {
        now[0] = words[k];
        bool made = false;
        for (unsigned i = 0; i < 2 && !made; i++) /* again in an emptied arena */
            made = jit_new_block(jit_thread(cpu), BASE, MODE, true) != NULL;
        if (!made)
            fail("no room");
    }
    const TemplateThread *t = jit_thread(cpu)->tpl;
    print_table(t->snippets);
    jit_thread_end(cpu);
    jit_destroy(jit);
    free(cpu);
    free(words);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--pick") == 0)
        pick(strtoul(argv[2], NULL, 10), argv + 3);
    else if (argc == 2)
        make(argv[1]);
    else
        fail("usage: snippets WORDS | snippets --pick N FILE...");
    return fflush(stdout) == 0 ? 0 : 1;
}
