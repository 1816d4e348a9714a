/* The set of guest mappings against a page-by-page model. */
#include "runtime/mem/map.h"

#include <criterion/criterion.h>

enum { PAGES = 256, PAGE = 4096 };

static uint64_t rnd_state = 12345;
static unsigned rnd(unsigned n)
{
    rnd_state = rnd_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(rnd_state >> 33) % n;
}

static void check(const GuestMap *m, const int *model)
{
    size_t bytes = 0, runs = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        MapRange r;
        bool found = map_find(m, (GuestAddr)i * PAGE + 5, &r);
        cr_assert_eq(found, model[i] != 0, "page %u", i);
        if (found) {
            cr_assert_eq((int)(r.prot | r.flags << 4), model[i], "page %u", i);
            bytes += PAGE;
        }
        runs += model[i] && (i == 0 || model[i] != model[i - 1]);
    }
    cr_assert_eq(m->bytes, bytes);
    cr_assert_eq(m->count, runs, "neighbours that agree are joined");
}

Test(map, random_changes_match_model)
{
    GuestMap m;
    int model[PAGES] = {0};
    map_init(&m);
    for (int step = 0; step < 20000; step++) {
        unsigned a = rnd(PAGES), b = a + 1 + rnd(step % 3 ? 8 : PAGES), prot = 1 + rnd(7),
                 flags = rnd(2);
        b = b > PAGES ? PAGES : b;
        cr_assert_eq(map_reserve(&m), 0);
        switch (rnd(3)) {
        case 0:
            map_set(&m, (GuestAddr)a * PAGE, (GuestAddr)b * PAGE, prot, flags);
            for (unsigned i = a; i < b; i++) {
                model[i] = (int)(prot | flags << 4);
            }
            break;
        case 1:
            map_remove(&m, (GuestAddr)a * PAGE, (GuestAddr)b * PAGE);
            for (unsigned i = a; i < b; i++) {
                model[i] = 0;
            }
            break;
        default:
            map_protect(&m, (GuestAddr)a * PAGE, (GuestAddr)b * PAGE, prot, 0, 0);
            for (unsigned i = a; i < b; i++) {
                model[i] = model[i] ? (int)(prot | (unsigned)(model[i] & ~15)) : 0;
            }
        }
        if (step % 16 == 0) {
            check(&m, model);
        }
    }
    check(&m, model);
    map_free(&m);
}

Test(map, gaps_and_cover)
{
    GuestMap m;
    map_init(&m);
    cr_assert_eq(map_reserve(&m), 0);
    cr_assert_eq(map_gap(&m, PAGE, 0x10000, 0x20000), 0x1f000);
    map_set(&m, 0x1f000, 0x20000, 3, 0);
    map_set(&m, 0x1c000, 0x1e000, 1, 0);
    cr_assert_eq(map_gap(&m, PAGE, 0x10000, 0x20000), 0x1e000);
    cr_assert_eq(map_gap(&m, 2 * PAGE, 0x10000, 0x20000), 0x1a000);
    cr_assert_eq(map_gap(&m, 0xd000, 0x10000, 0x20000), 0);
    cr_assert(map_covers(&m, 0x1c000, 0x1e000));
    cr_assert_not(map_covers(&m, 0x1c000, 0x1f000));
    cr_assert(map_any_prot(&m, 0x1d000, 0x30000, 2));
    cr_assert_not(map_any_prot(&m, 0x1c000, 0x1f000, 2));
    MapRange r;
    cr_assert(map_next(&m, 0x1e000, &r));
    cr_assert_eq(r.start, 0x1f000);
    cr_assert_not(map_next(&m, 0x20000, &r));
    map_free(&m);
}
