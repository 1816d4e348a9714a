// group: rewriting
// Two instructions rewritten, flushed and called.
#include <sys/mman.h>

#include "bench.h"

static void emit(uint8_t *at, uint32_t value)
{
#ifdef __aarch64__
    uint32_t code[2] = {0x52800000u | (value & 0xffff) << 5, 0xd65f03c0u}; // mov w0, value; ret
    memcpy(at, code, 8);
    __builtin___clear_cache((char *)at, (char *)at + 8);
#else
    uint8_t code[6] = {0xb8, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, 0xc3};
    memcpy(at, code, 6);
#endif
}

BENCH(300000, rewriting)
{
    uint8_t *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        emit(code + i % 64 * 64, i);
        sum += ((uint32_t(*)(void))(uintptr_t)(code + i % 64 * 64))();
    }
    return sum;
}
