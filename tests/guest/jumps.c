// Control flow that calls and returns do not pair: setjmp, longjmp, contexts, coroutines.
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static jmp_buf top;
static sigjmp_buf with_mask;

__attribute__((noinline)) static int dive(int depth, double carried)
{
    volatile double keep = carried * 2;
    if (depth == 0)
        longjmp(top, 77);
    int r = dive(depth - 1, carried + 0.5);
    return r + (int)keep;
}

static jmp_buf ring[8];

__attribute__((noinline)) static int hop(int level)
{
    int v = setjmp(ring[level]);
    if (v)
        return v + level;
    if (level == 7)
        longjmp(ring[(unsigned)rnd() % 8], 100);
    return hop(level + 1) * 2;
}

static ucontext_t main_context, coroutine[2];
static char stacks[2][65536];
static int turns;

static void body(int id, int step)
{
    for (int i = 0; i < 5; i++) {
        printf("coroutine %d turn %d\n", id, turns++);
        swapcontext(&coroutine[id], &coroutine[1 - id]);
        turns += step;
    }
}

int main(void)
{
    volatile int count = 0;
    int v = setjmp(top);
    count++;
    if (v == 0)
        dive(500, 1.0);
    printf("longjmp %d, count %d\n", v, count);
    if (count < 5)
        longjmp(top, count == 4 ? 0 : count);
    for (int i = 0; i < 50; i++)
        digest((uint64_t)hop(0));
    digest_print("hops");
    double d = 1.5;
    v = sigsetjmp(with_mask, 1);
    if (v == 0) {
        d = 2.5;
        siglongjmp(with_mask, 5);
    }
    printf("siglongjmp %d\n", v);
    (void)d;
    for (int i = 0; i < 2; i++) {
        getcontext(&coroutine[i]);
        coroutine[i].uc_stack.ss_sp = stacks[i];
        coroutine[i].uc_stack.ss_size = sizeof stacks[i];
        coroutine[i].uc_link = &main_context;
        makecontext(&coroutine[i], (void (*)(void))body, 2, i, i + 1);
    }
    swapcontext(&main_context, &coroutine[0]);
    printf("turns %d\n", turns);
    return 0;
}
