// printf and strtod of random doubles: text and bits must be the native ones.
#include "guest.h"

int main(void)
{
    char text[400];
    for (int i = 0; i < 3000; i++) {
        double d = rnd_double();
        static const char *const formats[] = {"%.17g", "%a", "%.3e", "%g", "%.6f", "%+.0e", "%#.10g", "%20.4g"};
        const char *format = formats[i % 8];
        snprintf(text, sizeof text, format, d);
        for (char *c = text; *c; c++)
            digest((uint64_t)(unsigned char)*c);
        double back = strtod(text, NULL);
        digest(f64_bits(back));
        snprintf(text, sizeof text, "%.17g", d);
        if (f64_bits(strtod(text, NULL)) != f64_bits(d))
            printf("%s does not come back\n", text);
        float f = (float)d;
        snprintf(text, sizeof text, "%.9g", (double)f);
        digest(f32_bits(strtof(text, NULL)));
        if (i < 40)
            printf("%s %016" PRIx64 "\n", text, f64_bits(back));
        if (i % 500 == 0)
            digest_print("random");
    }
    digest_print("random");
    static const char *const hard[] = {
        "2.2250738585072011e-308", "1.7976931348623159e308", "0x1.fffffffffffffp1023",
        "0.1e-323", "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "9007199254740993", "1e23", "8.5e22", "-0", "inf", "nan", "0x1.8p-1075", "123456789012345678901234567890",
        "1.00000000000000011102230246251565404236316680908203125", ".5e+1x", "  7"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        char *end;
        double d = strtod(hard[i], &end);
        printf("%s -> %016" PRIx64 " %s rest '%s'\n", hard[i], f64_bits(d), d != d ? "nan" : "", end);
    }
    printf("[%5d|%-7d|%+d|%05d|%x|%#X|%o|%c|%s|%.3s|%10s|%-10s|%%|%zu|%ld|%hhd|%*d]\n", 42, -42, 7, 33, 255, 255,
           8, 'x', "str", "truncated", "right", "left", (size_t)123, -1234567890123L, (signed char)300 % 128, 6, 1);
    printf("%'d %i %u %lld %llx %jd %td\n", 1234567, -1, 4000000000u, -9223372036854775807LL - 1,
           0xfedcba9876543210ULL, (intmax_t)-5, (ptrdiff_t)6);
    int a, n;
    double x;
    char word[20];
    int got = sscanf("12 0x1f abc 3.5e2,tail", "%d %*x %19[a-z] %lf,%n", &a, word, &x, &n);
    printf("sscanf %d: %d %s %g %d\n", got, a, word, x, n);
    return 0;
}
