// The mathematical functions. A line "~N ..." may differ from the native one by N units in the last place of the
// bits at its end: twice what glibc promises for the function (either side may be off by that much).
#include "guest.h"
#include <math.h>

typedef struct {
    const char *name;
    double (*f)(double);
    int ulps;
    double low, high;
} Function;

typedef struct {
    const char *name;
    float (*f)(float);
    int ulps;
    float low, high;
} FunctionF;

int main(void)
{
    static const Function one[] = {
        {"sin", sin, 2, -1e6, 1e6},     {"cos", cos, 2, -1e6, 1e6},   {"tan", tan, 2, -1e5, 1e5},
        {"asin", asin, 2, -1, 1},       {"acos", acos, 2, -1, 1},     {"atan", atan, 2, -1e3, 1e3},
        {"exp", exp, 2, -700, 700},     {"exp2", exp2, 2, -1000, 1000}, {"expm1", expm1, 4, -5, 5},
        {"log", log, 2, 1e-300, 1e300}, {"log2", log2, 4, 1e-5, 1e5}, {"log10", log10, 4, 1e-5, 1e5},
        {"log1p", log1p, 4, -0.9, 10},  {"sinh", sinh, 4, -20, 20},   {"cosh", cosh, 4, -20, 20},
        {"tanh", tanh, 4, -5, 5},       {"asinh", asinh, 4, -1e4, 1e4}, {"acosh", acosh, 4, 1, 1e4},
        {"atanh", atanh, 4, -1, 1},     {"cbrt", cbrt, 8, -1e10, 1e10}, {"erf", erf, 4, -3, 3},
        {"erfc", erfc, 10, -3, 10},     {"tgamma", tgamma, 18, 0.5, 50}, {"lgamma", lgamma, 8, 0.5, 100},
        {"j0", j0, 20, 3, 10},
        {"sqrt", sqrt, 0, 0, 1e300},    {"floor", floor, 0, -1e9, 1e9}, {"ceil", ceil, 0, -1e9, 1e9},
        {"trunc", trunc, 0, -1e9, 1e9}, {"round", round, 0, -1e9, 1e9}, {"rint", rint, 0, -1e9, 1e9},
        {"nearbyint", nearbyint, 0, -1e3, 1e3}, {"fabs", fabs, 0, -1, 1}, {"logb", logb, 0, -1e9, 1e9},
    };
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        for (int k = 0; k < 40; k++) {
            double unit = (double)(rnd() >> 11) * 0x1p-53;
            double x = one[i].low + (one[i].high - one[i].low) * unit;
            printf("~%d %s(%a) %016" PRIx64 "\n", one[i].ulps, one[i].name, x, f64_bits(one[i].f(x)));
        }
    static const FunctionF one_f[] = {
        {"sinf", sinf, 2, -1e4f, 1e4f}, {"cosf", cosf, 2, -1e4f, 1e4f}, {"expf", expf, 2, -80, 80},
        {"logf", logf, 2, 1e-30f, 1e30f}, {"tanhf", tanhf, 4, -3, 3},   {"atanf", atanf, 2, -9, 9},
        {"sqrtf", sqrtf, 0, 0, 1e30f},  {"floorf", floorf, 0, -99, 99}, {"rintf", rintf, 0, -99, 99},
        {"exp2f", exp2f, 2, -99, 99},   {"log2f", log2f, 2, 1e-9f, 1e9f}};
    for (size_t i = 0; i < sizeof one_f / sizeof *one_f; i++)
        for (int k = 0; k < 40; k++) {
            float unit = (float)(rnd() >> 40) * 0x1p-24f;
            float x = one_f[i].low + (one_f[i].high - one_f[i].low) * unit;
            printf("~%d %s(%a) %08" PRIx32 "\n", one_f[i].ulps, one_f[i].name, (double)x, f32_bits(one_f[i].f(x)));
        }
    for (int k = 0; k < 100; k++) {
        double x = (double)(rnd() >> 11) * 0x1p-50, y = (double)(int64_t)rnd() * 0x1p-61, z = rnd_double();
        printf("~2 pow(%a,%a) %016" PRIx64 "\n", x, y, f64_bits(pow(x, y)));
        printf("~2 atan2(%a,%a) %016" PRIx64 "\n", x, y, f64_bits(atan2(x, y)));
        printf("~2 hypot(%a,%a) %016" PRIx64 "\n", x, y, f64_bits(hypot(x, y)));
        printf("~0 fmod(%a,%a) %016" PRIx64 "\n", x, y, f64_bits(fmod(x, y)));
        printf("~0 remainder(%a,%a) %016" PRIx64 "\n", x, y, f64_bits(remainder(x, y)));
        printf("~0 fma(%a,%a,%a) %016" PRIx64 "\n", x, y, z, f64_bits(fma(x, y, z)));
        printf("~0 fmin fmax fdim %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", f64_bits(fmin(x, y)),
               f64_bits(fmax(x, z)), f64_bits(fdim(x, y)));
        printf("~0 nextafter %016" PRIx64 "\n", f64_bits(nextafter(x, y)));
        int e;
        double m = frexp(z, &e);
        double whole, fraction = modf(x * 1000, &whole);
        printf("frexp %016" PRIx64 " %d modf %016" PRIx64 " %016" PRIx64 " ldexp %016" PRIx64 "\n", f64_bits(m),
               isinf(z) ? 0 : e, f64_bits(whole), f64_bits(fraction), f64_bits(ldexp(x, (int)(rnd() % 100) - 50)));
        printf("lround %ld llrint %lld lrint %ld class %d %d\n", lround(y * 99), llrint(y * 77), lrint(x * 5),
               fpclassify(z) == FP_NORMAL, signbit(z) != 0);
        int q;
        double r = remquo(x, y, &q);
        printf("~0 remquo %016" PRIx64 " %d\n", f64_bits(r), q & 7);
    }
    printf("%016" PRIx64 " %016" PRIx64 " %d %d\n", f64_bits(sqrt(-1.0)), f64_bits(log(0.0)), isnan(fmod(1, 0)) != 0,
           isinf(exp(1000)) != 0);
    return 0;
}
