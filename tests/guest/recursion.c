// Deep recursion: more frames than any shadow stack holds, mutual recursion, many returns to one site.
#include "guest.h"

__attribute__((noinline)) static uint64_t deep(unsigned n, uint64_t acc)
{
    volatile uint64_t frame[4] = {acc, n, acc ^ n, 1};
    if (n == 0)
        return frame[2];
    uint64_t r = deep(n - 1, acc * 31 + n);
    return r + frame[0] * 3 + frame[1];
}

__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

static bool is_odd(unsigned n);

__attribute__((noinline)) static bool is_even(unsigned n)
{
    return n == 0 ? true : is_odd(n - 1) != false;
}

__attribute__((noinline)) static bool is_odd(unsigned n)
{
    volatile unsigned keep = n;
    return n == 0 ? false : is_even(keep - 1) == true;
}

__attribute__((noinline)) static unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

typedef struct Node {
    struct Node *left, *right;
    int key;
} Node;

static Node *insert(Node *n, int key)
{
    if (!n) {
        n = calloc(1, sizeof *n);
        n->key = key;
    } else if (key < n->key) {
        n->left = insert(n->left, key);
    } else {
        n->right = insert(n->right, key);
    }
    return n;
}

static int walk(const Node *n, int depth)
{
    if (!n)
        return depth;
    int l = walk(n->left, depth + 1);
    digest((uint64_t)(unsigned)n->key);
    int r = walk(n->right, depth + 1);
    return l > r ? l : r;
}

int main(void)
{
    for (unsigned n = 1; n <= 50000; n *= 7)
        printf("deep %u %016" PRIx64 "\n", n, deep(n, n));
    printf("deep %u %016" PRIx64 "\n", 60000, deep(60000, 5));
    printf("ackermann %u\n", ackermann(2, 300));
    printf("even %d odd %d\n", is_even(20000), is_odd(20000));
    printf("fib %u\n", fib(20));
    Node *root = NULL;
    for (int i = 0; i < 3000; i++)
        root = insert(root, (int)(rnd() % 100000));
    printf("tree depth %d\n", walk(root, 0));
    digest_print("tree");
    return 0;
}
