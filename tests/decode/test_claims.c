/* test_claims.c - hwcaps, the names in /proc/cpuinfo and the ID registers say the same. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontend/aarch64/helpers.h"
#include "frontend/frontend.h"

/* A hwcap, and the least value of the ID register's field that it stands for (Linux's
 * cpufeature.c). */
static const struct {
    const char *name;
    uint8_t word, bit; /* AT_HWCAP 0, AT_HWCAP2 1 */
    uint8_t crm, op2, lsb, least;
} claims[] = {
    {"aes", 0, 3, 6, 0, 4, 1},        {"pmull", 0, 4, 6, 0, 4, 2},
    {"sha1", 0, 5, 6, 0, 8, 1},       {"sha2", 0, 6, 6, 0, 12, 1},
    {"sha512", 0, 21, 6, 0, 12, 2},   {"crc32", 0, 7, 6, 0, 16, 1},
    {"atomics", 0, 8, 6, 0, 20, 2},   {"asimdrdm", 0, 12, 6, 0, 28, 1},
    {"sha3", 0, 17, 6, 0, 32, 1},     {"sm3", 0, 18, 6, 0, 36, 1},
    {"sm4", 0, 19, 6, 0, 40, 1},      {"asimddp", 0, 20, 6, 0, 44, 1},
    {"asimdfhm", 0, 23, 6, 0, 48, 1}, {"flagm", 0, 27, 6, 0, 52, 1},
    {"flagm2", 1, 7, 6, 0, 52, 2},    {"rng", 1, 16, 6, 0, 60, 1},
    {"dcpop", 0, 16, 6, 1, 0, 1},     {"dcpodp", 1, 0, 6, 1, 0, 2},
    {"jscvt", 0, 13, 6, 1, 12, 1},    {"fcma", 0, 14, 6, 1, 16, 1},
    {"lrcpc", 0, 15, 6, 1, 20, 1},    {"ilrcpc", 0, 26, 6, 1, 20, 2},
    {"frint", 1, 8, 6, 1, 32, 1},     {"sb", 0, 29, 6, 1, 36, 1},
    {"bf16", 1, 14, 6, 1, 44, 1},     {"dgh", 1, 15, 6, 1, 48, 1},
    {"i8mm", 1, 13, 6, 1, 52, 1},     {"paca", 0, 30, 6, 1, 8, 1},
    {"pacg", 0, 31, 6, 1, 28, 1},     {"dit", 0, 24, 4, 0, 48, 1},
    {"sve", 0, 22, 4, 0, 32, 1},      {"bti", 1, 17, 4, 1, 0, 1},
    {"ssbs", 0, 28, 4, 1, 4, 2},      {"mte", 1, 18, 4, 1, 8, 2},
    {"uscat", 0, 25, 7, 2, 32, 1},
};

static bool named(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at++) {
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) {
            return true;
        }
    }
    return false;
}

Test(decode, claims_agree)
{
    const uint64_t words[2] = {frontend_aarch64.hwcap, frontend_aarch64.hwcap2};
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        bool hwcap = words[claims[i].word] >> claims[i].bit & 1;
        uint64_t field = a64_id_register(claims[i].crm, claims[i].op2) >> claims[i].lsb & 15;
        cr_expect(hwcap == (field >= claims[i].least), "%s: ID register field %d", claims[i].name,
                  (int)field);
        cr_expect(hwcap == named(frontend_aarch64.features, claims[i].name), "%s", claims[i].name);
    }
    /* FP and AdvSIMD: 0 without FP16, 1 with. */
    cr_expect(((words[0] >> 9 & 1) == (a64_id_register(4, 0) >> 16 & 15)) &&
              named(frontend_aarch64.features, "fphp"));
    cr_expect(((words[0] >> 10 & 1) == (a64_id_register(4, 0) >> 20 & 15)) &&
              named(frontend_aarch64.features, "asimdhp"));
    /* Nothing else is claimed: fp, asimd and cpuid have no field of their own. */
    int others = named(frontend_aarch64.features, "fp") +
                 named(frontend_aarch64.features, "asimd") +
                 named(frontend_aarch64.features, "cpuid");
    int known = 0;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        known += named(frontend_aarch64.features, claims[i].name);
    }
    cr_expect(__builtin_popcountll(words[0]) + __builtin_popcountll(words[1]) ==
              known + others + 2);
}
