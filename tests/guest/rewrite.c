// A program that writes code and runs it, rewrites it in place, moves it, unmaps it, and loads another there.
#include "guest.h"
#include <sys/mman.h>

typedef int (*Function)(void);

// Code of "return v".
static void emit(uint8_t *at, uint16_t v)
{
#ifdef __aarch64__
    uint32_t code[2] = {0x52800000u | (uint32_t)v << 5, 0xd65f03c0u}; // mov w0, #v; ret
    memcpy(at, code, 8);
    __builtin___clear_cache((char *)at, (char *)at + 8);
#else
    uint8_t code[8] = {0xb8, (uint8_t)v, (uint8_t)(v >> 8), 0, 0, 0xc3};
    memcpy(at, code, 8);
#endif
}

static int call(void *at)
{
    Function f;
    memcpy(&f, &at, sizeof f);
    return f();
}

int main(void)
{
    enum { PAGE = 4096 };
    uint8_t *code = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    for (int i = 0; i < 2000; i++) {
        uint8_t *at = code + (i * 264) % (4 * PAGE - 8);
        emit(at, (uint16_t)i);
        sum += call(at);
        if (i % 3 == 0) {
            emit(at, (uint16_t)(i * 5));
            sum += call(at) * 3;
        }
    }
    printf("rewritten %d\n", sum);
    emit(code, 111);
    emit(code + PAGE, 222);
    printf("two pages %d %d\n", call(code), call(code + PAGE));
    mprotect(code, PAGE, PROT_READ | PROT_WRITE);
    emit(code, 112);
    mprotect(code, PAGE, PROT_READ | PROT_EXEC);
    printf("by mprotect %d\n", call(code));
    uint8_t *other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(other, 333);
    mprotect(other, PAGE, PROT_READ | PROT_EXEC);
    if (mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, code + PAGE) != code + PAGE)
        puts("mremap failed");
    printf("moved over %d\n", call(code + PAGE));
    for (int i = 0; i < 50; i++) {
        munmap(code, PAGE);
        uint8_t *again = mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        emit(again, (uint16_t)(500 + i));
        sum += call(again);
    }
    printf("mapped again %d\n", sum);
    return 0;
}
