// The calling convention: variable arguments, structures by value, homogeneous float aggregates, callbacks.
#include "guest.h"
#include <stdarg.h>

typedef struct {
    float x, y, z;
} Vec3f;
typedef struct {
    double a, b;
} Pair;
typedef struct {
    int64_t a;
    double b;
} Mixed;
typedef struct {
    uint8_t bytes[40];
} Big;
typedef struct {
    uint16_t a;
    uint8_t b;
} Small;

static double sum(const char *kinds, ...)
{
    va_list ap, copy;
    double total = 0;
    va_start(ap, kinds);
    va_copy(copy, ap);
    for (const char *k = kinds; *k; k++) {
        switch (*k) {
        case 'i': total = total * 3 + va_arg(ap, int); break;
        case 'l': total = total * 3 + (double)va_arg(ap, long); break;
        case 'd': total = total * 3 + va_arg(ap, double); break;
        case 'v': {
            Vec3f v = va_arg(ap, Vec3f);
            total = total * 3 + (double)(v.x + v.y * 2 + v.z * 4);
            break;
        }
        case 'p': {
            Pair p = va_arg(ap, Pair);
            total = total * 3 + p.a - p.b;
            break;
        }
        case 'm': {
            Mixed m = va_arg(ap, Mixed);
            total = total * 3 + (double)m.a + m.b;
            break;
        }
        case 'B': {
            Big b = va_arg(ap, Big);
            for (int i = 0; i < 40; i++)
                total += b.bytes[i];
            break;
        }
        case 's': {
            Small s = va_arg(ap, Small);
            total = total * 3 + s.a + s.b;
            break;
        }
        case 'q': {
            long double q = va_arg(ap, long double);
            total = total * 3 + (double)q;
            break;
        }
        }
    }
    va_end(ap);
    // The copy still stands at the first argument.
    if (*kinds == 'i')
        total += va_arg(copy, int) * 1000;
    va_end(copy);
    return total;
}

__attribute__((noinline)) static Vec3f cross(Vec3f a, Vec3f b)
{
    return (Vec3f){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

__attribute__((noinline)) static Big rotate(Big b, int n)
{
    Big r;
    for (int i = 0; i < 40; i++)
        r.bytes[i] = b.bytes[(i + n) % 40];
    return r;
}

__attribute__((noinline)) static Small bump(Small s, uint8_t by)
{
    s.a = (uint16_t)(s.a + by);
    s.b = (uint8_t)(s.b * by);
    return s;
}

__attribute__((noinline)) static double many(int a, double b, long c, float d, Pair e, char f, Mixed g, unsigned h,
                                             double i, double j, double k, double l, double m, double n,
                                             int8_t o, uint16_t p, int64_t q, Vec3f r, int s, int t)
{
    return a + b * 2 + (double)c * 3 + (double)d * 4 + e.a * 5 + e.b * 6 + f * 7 + (double)g.a * 8 + g.b * 9 +
           h * 10 + i * 11 + j * 12 + k * 13 + l * 14 + m * 15 + n * 16 + o * 17 + p * 18 + (double)q * 19 +
           (double)r.x * 20 + (double)r.y * 21 + s * 22 + t * 23;
}

typedef double (*Unary)(double);
static double twice(double x)
{
    return x * 2;
}
static double minus(double x)
{
    return -x;
}
__attribute__((noinline)) static double compose(const Unary *f, int n, double x)
{
    for (int i = 0; i < n; i++)
        x = f[i & 1](x) + i;
    return x;
}

int main(void)
{
    Vec3f v = {1, 2, 3}, w = {-4, 5.5f, 0.25f};
    Pair p = {10.5, 3.25};
    Mixed m = {-77, 0.125};
    Big b;
    for (int i = 0; i < 40; i++)
        b.bytes[i] = (uint8_t)(i * i);
    Small s = {65000, 200};
    printf("%.17g\n", sum("iii", 1, 2, 3));
    printf("%.17g\n", sum("ididididididididididid", 1, 2.5, 3, 4.5, 5, 6.5, 7, 8.5, 9, 10.5, 11, 12.5, 13, 14.5, 15,
                          16.5, 17, 18.5, 19, 20.5, 21, 22.5));
    printf("%.17g\n", sum("vpmBsq", v, p, m, b, s, 1.5L));
    printf("%.17g\n", sum("qiqdqvq", 0.5L, 1, 2.5L, 3.0, 4.5L, v, 6.5L));
    printf("%.17g\n", sum("BBivpBmm", b, b, 5, w, p, b, m, m));
    Vec3f c = cross(v, w);
    printf("%.9g %.9g %.9g\n", (double)c.x, (double)c.y, (double)c.z);
    Big r = rotate(rotate(b, 7), 20);
    for (int i = 0; i < 40; i++)
        digest(r.bytes[i]);
    digest_print("big");
    s = bump(s, 3);
    printf("%u %u\n", s.a, s.b);
    printf("%.17g\n", many(1, 2, -3, 4, p, 'f', m, 4000000000u, 9, 10, 11, 12, 13, 14, -15, 65535, -17, w, 19, 20));
    const Unary f[2] = {twice, minus};
    printf("%.17g\n", compose(f, 20, 0.1));
    char text[100];
    int n = snprintf(text, sizeof text, "%d %s %5.2f %c %ld %Lg", 1, "two", 3.14159, '4', 5L, 6.5L);
    printf("%d %s\n", n, text);
    return 0;
}
