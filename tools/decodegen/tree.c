/*
 * Overlap checks, and the decision tree over the literal bits.
 *
 * A node looks at a window of adjacent bits and goes on to one of its children. A pattern that
 * doesn't fix all bits of the window is in several children. A leaf is a short list of patterns to
 * be tried in the order of the files: that order is what makes groups work.
 */
#include "tools/decodegen/decodegen.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WINDOW = 11, MAX_ENUMERATED_BITS = 20 };
static const uint32_t LIST_BIT = UINT32_C(1) << 31;

static bool holds(const Pattern *p, uint32_t word)
{
    return !p->constraint || expr_eval(p->constraint, p, word);
}

/* Whether a word can be both: their literal bits agree and so can their constraints. */
static bool can_meet(const Pattern *p, const Pattern *q)
{
    if ((p->value ^ q->value) & p->mask & q->mask) {
        return false;
    }
    uint32_t free_bits =
        (expr_bits(p->constraint, p) | expr_bits(q->constraint, q)) & ~(p->mask | q->mask);
    if (__builtin_popcount(free_bits) > MAX_ENUMERATED_BITS) {
        return true; /* such a pair has to be in a group */
    }
    uint32_t word = 0;
    do {
        uint32_t w = word | p->value | q->value;
        if (holds(p, w) && holds(q, w)) {
            return true;
        }
        word = (word - free_bits) & free_bits; /* the next subset of free_bits */
    } while (word);
    return false;
}

void check_overlaps(Model *m)
{
    for (int i = 0; i < m->npatterns; i++) {
        const Pattern *p = &m->patterns[i];
        for (int j = 0; j < i; j++) {
            const Pattern *q = &m->patterns[j];
            bool together = p->group && p->group == q->group;
            if (together && !q->constraint && (p->mask & q->mask) == q->mask &&
                (p->value & q->mask) == q->value) {
                report(m, p->loc, "%s is hidden by %s of line %d", p->name, q->name, q->loc.line);
            }
            if (!together && can_meet(p, q)) {
                report(m, p->loc, "%s overlaps %s of %s:%d", p->name, q->name, q->loc.file,
                       q->loc.line);
            }
        }
    }
}

/* What the words of a subtree have in common. */
typedef struct Path {
    uint32_t mask, value;
} Path;

typedef struct Set {
    uint16_t *items;
    int n;
} Set;

static bool in_child(const Pattern *p, Path path)
{
    return !((p->value ^ path.value) & p->mask & path.mask);
}

static Path child_path(Path path, int shift, int width, uint32_t bits)
{
    uint32_t window = ((UINT32_C(1) << width) - 1) << shift;
    return (Path){path.mask | window, (path.value & ~window) | bits << shift};
}

/* log2(n), interpolated linearly between powers of two. */
static double information(int n)
{
    int floor = 31 - __builtin_clz((unsigned)n);
    return floor + (double)n / (1 << floor) - 1;
}

/*
 * The cost of a window: how much there is still to decide in an average child, and a little for the
 * size of the table. Windows over bits that are known already, or that multiply patterns, are
 * refused.
 */
static double window_cost(const Model *m, const Set *s, Path path, int shift, int width)
{
    uint32_t window = ((UINT32_C(1) << width) - 1) << shift;
    double bits_left = 0;
    long members = 0;
    if (path.mask & window) {
        return DBL_MAX;
    }
    for (uint32_t v = 0; v < UINT32_C(1) << width; v++) {
        Path child = child_path(path, shift, width, v);
        int n = 0;
        for (int i = 0; i < s->n; i++) {
            n += in_child(&m->patterns[s->items[i]], child);
        }
        members += n;
        bits_left += information(1 + n);
    }
    if (members > 8L * s->n + 64) {
        return DBL_MAX;
    }
    return bits_left / (1 << width) + 0.1 * (1 << width) / (s->n + 1) + 0.02 * width;
}

static bool choose_window(const Model *m, const Set *s, Path path, int *shift, int *width)
{
    double best = information(1 + s->n) - 0.2; /* a node must be worth its look-up */
    bool found = false;
    uint32_t decided = 0;
    for (int i = 0; i < s->n; i++) {
        decided |= m->patterns[s->items[i]].mask;
    }
    for (int lsb = 0; lsb < 32; lsb++) {
        for (int w = 1; w <= MAX_WINDOW && lsb + w <= 32; w++) {
            if (!(decided >> lsb & 1) || !(decided >> (lsb + w - 1) & 1)) {
                continue;
            }
            double cost = window_cost(m, s, path, lsb, w);
            if (cost < best) {
                best = cost;
                *shift = lsb;
                *width = w;
                found = true;
            }
        }
    }
    return found;
}

static uint32_t add_list(Model *m, Tree *t, const Set *s)
{
    /* Equal lists are stored once, the empty one first. */
    for (int at = 0; at < t->nlists;) {
        int n = 0;
        while (t->lists[at + n] != LIST_END) {
            n++;
        }
        if (n == s->n && (!n || !memcmp(&t->lists[at], s->items, (size_t)n * sizeof *s->items))) {
            return LIST_BIT | (uint32_t)at;
        }
        at += n + 1;
    }
    uint32_t at = (uint32_t)t->nlists;
    for (int i = 0; i <= s->n; i++) {
        t->lists = model_grow(m, t->lists, t->nlists, sizeof *t->lists);
        t->lists[t->nlists++] = i < s->n ? s->items[i] : LIST_END;
    }
    return LIST_BIT | at;
}

static uint32_t add_node(Model *m, Tree *t, int shift, int width)
{
    t->nodes = model_grow(m, t->nodes, t->nnodes, sizeof *t->nodes);
    t->nodes[t->nnodes] = (TreeNode){
        .shift = (uint8_t)shift, .mask = (uint16_t)((1 << width) - 1), .base = (uint32_t)t->nnext};
    for (int i = 0; i < 1 << width; i++) {
        t->next = model_grow(m, t->next, t->nnext, sizeof *t->next);
        t->nnext++;
    }
    return (uint32_t)t->nnodes++;
}

static uint32_t build(Model *m, Tree *t, const Set *s, Path path)
{
    int shift, width;
    if (s->n <= 1 || !choose_window(m, s, path, &shift, &width)) {
        return add_list(m, t, s);
    }
    uint32_t node = add_node(m, t, shift, width);
    uint32_t base = t->nodes[node].base;
    Set child = {.items = model_alloc(m, (size_t)s->n * sizeof *child.items)};
    for (uint32_t v = 0; v < UINT32_C(1) << width; v++) {
        Path down = child_path(path, shift, width, v);
        child.n = 0;
        for (int i = 0; i < s->n; i++) {
            if (in_child(&m->patterns[s->items[i]], down)) {
                child.items[child.n++] = s->items[i];
            }
        }
        uint32_t entry = build(m, t, &child, down);
        t->next[base + v] = entry; /* t->next may have moved meanwhile */
    }
    return node;
}

/* From the marked entries of the construction to those that are written out. */
static uint32_t final_entry(const Tree *t, uint32_t entry)
{
    return entry & LIST_BIT ? (entry & ~LIST_BIT) + (uint32_t)t->nnodes : entry;
}

void tree_build(Model *m, Tree *t)
{
    Set all = {.items = model_alloc(m, ((size_t)m->npatterns + 1) * sizeof *all.items)};
    Set none = {.n = 0};
    for (int i = 0; i < m->npatterns; i++) {
        all.items[all.n++] = (uint16_t)i;
    }
    add_list(m, t, &none);
    t->root = final_entry(t, build(m, t, &all, (Path){0, 0}));
    for (int i = 0; i < t->nnext; i++) {
        t->next[i] = final_entry(t, t->next[i]);
    }
    if (t->nnodes + t->nlists > UINT16_MAX || m->npatterns >= LIST_END) {
        Loc loc = {.file = "decodegen", .line = 0};
        report(m, loc, "too many patterns for 16-bit tables");
    }
}
