// Arbitrary precision: factorials, digits of pi, modular powers, Fibonacci numbers.
#include "guest.h"

enum { WORDS = 80 };
typedef struct {
    uint32_t w[WORDS];
    int n;
} Big;

static void mul_small(Big *b, uint32_t m)
{
    uint64_t carry = 0;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->w[i] * m;
        b->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        b->w[b->n++] = (uint32_t)carry;
}

static uint32_t div_small(Big *b, uint32_t d)
{
    uint64_t rest = 0;
    for (int i = b->n - 1; i >= 0; i--) {
        rest = rest << 32 | b->w[i];
        b->w[i] = (uint32_t)(rest / d);
        rest %= d;
    }
    while (b->n && !b->w[b->n - 1])
        b->n--;
    return (uint32_t)rest;
}

static void print(Big b)
{
    char text[WORDS * 10 + 1];
    int at = (int)sizeof text;
    text[--at] = 0;
    do
        text[--at] = (char)('0' + div_small(&b, 10));
    while (b.n);
    puts(text + at);
}

static uint64_t power(uint64_t base, uint64_t e, uint64_t mod)
{
    unsigned __int128 r = 1, b = base % mod;
    for (; e; e >>= 1) {
        if (e & 1)
            r = r * b % mod;
        b = b * b % mod;
    }
    return (uint64_t)r;
}

static void pi(int digits)
{
    static int box[600];
    int len = digits * 10 / 3 + 1;
    for (int i = 0; i < len; i++)
        box[i] = 2;
    int nines = 0, held = -1;
    for (int d = 0; d < digits + 2; d++) {
        int q = 0;
        for (int i = len; i > 0; i--) {
            int x = 10 * box[i - 1] + q * i;
            box[i - 1] = x % (2 * i - 1);
            q = x / (2 * i - 1);
        }
        box[0] = q % 10;
        q /= 10;
        if (q == 9)
            nines++;
        else {
            if (held >= 0)
                putchar('0' + held + (q == 10));
            for (; nines; nines--)
                putchar(q == 10 ? '0' : '9');
            held = q == 10 ? 0 : q;
        }
    }
    putchar('\n');
}

int main(void)
{
    Big f = {{1}, 1};
    for (uint32_t i = 2; i <= 200; i++)
        mul_small(&f, i);
    print(f);
    pi(150);
    for (int i = 0; i < 10; i++) {
        uint64_t base = rnd(), exponent = rnd();
        printf("%" PRIu64 "\n", power(base, exponent, rnd() | 1));
    }
    Big a = {{0}, 1}, b = {{1}, 1};
    for (int i = 0; i < 1500; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < b.n || carry; k++) {
            carry += (uint64_t)(k < a.n ? a.w[k] : 0) + (k < b.n ? b.w[k] : 0);
            a.w[k] = (uint32_t)carry;
            carry >>= 32;
            if (k >= a.n)
                a.n = k + 1;
        }
        Big t = a;
        a = b, b = t;
    }
    print(b);
    return 0;
}
