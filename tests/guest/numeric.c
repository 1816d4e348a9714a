// Numeric kernels: linear algebra, FFT, n-body, integration, complex numbers; results to the last bit.
#include "guest.h"
#include <complex.h>
#include <math.h>

enum { N = 40 };

static double a[N][N], inv[N][N];

static void invert(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(int32_t)rnd() / 2147483648.0 + (i == j ? 4 : 0);
            inv[i][j] = i == j;
        }
    for (int c = 0; c < N; c++) {
        int p = c;
        for (int r = c + 1; r < N; r++)
            if (fabs(a[r][c]) > fabs(a[p][c]))
                p = r;
        for (int j = 0; j < N; j++) {
            double t = a[c][j];
            a[c][j] = a[p][j], a[p][j] = t;
            t = inv[c][j], inv[c][j] = inv[p][j], inv[p][j] = t;
        }
        double d = a[c][c];
        for (int j = 0; j < N; j++)
            a[c][j] /= d, inv[c][j] /= d;
        for (int r = 0; r < N; r++) {
            double f = a[r][c];
            if (r == c)
                continue;
            for (int j = 0; j < N; j++)
                a[r][j] -= f * a[c][j], inv[r][j] -= f * inv[c][j];
        }
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            digest(f64_bits(inv[i][j]));
    digest_print("inverse");
}

typedef struct {
    double p[3], v[3], mass;
} Body;

static void bodies(void)
{
    Body b[5];
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 3; k++)
            b[i].p[k] = (double)(int32_t)rnd() / 1e9, b[i].v[k] = (double)(int32_t)rnd() / 1e10;
        b[i].mass = 1.0 / (i + 1);
    }
    for (int step = 0; step < 500; step++) {
        for (int i = 0; i < 5; i++)
            for (int j = i + 1; j < 5; j++) {
                double d[3], r2 = 1e-3;
                for (int k = 0; k < 3; k++)
                    d[k] = b[i].p[k] - b[j].p[k], r2 += d[k] * d[k];
                double mag = 1e-3 / (r2 * sqrt(r2));
                for (int k = 0; k < 3; k++)
                    b[i].v[k] -= d[k] * b[j].mass * mag, b[j].v[k] += d[k] * b[i].mass * mag;
            }
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 3; k++)
                b[i].p[k] += 1e-3 * b[i].v[k];
    }
    for (int i = 0; i < 5; i++)
        printf("%.17g %.17g %.17g\n", b[i].p[0], b[i].p[1], b[i].p[2]);
}

static void fft(float *re, float *im, int n)
{
    for (int i = 1, j = 0; i < n; i++) {
        int bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            float t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
    }
    for (int len = 2; len <= n; len *= 2) {
        // The root by a recurrence, to stay independent of the library.
        float wr = len == 2 ? -1 : len == 4 ? 0 : 1 - 9.0f / (float)(len * len) * 2, wi = sqrtf(1 - wr * wr);
        for (int i = 0; i < n; i += len) {
            float cr = 1, ci = 0;
            for (int k = 0; k < len / 2; k++) {
                float ur = re[i + k], ui = im[i + k];
                float vr = re[i + k + len / 2] * cr - im[i + k + len / 2] * ci;
                float vi = re[i + k + len / 2] * ci + im[i + k + len / 2] * cr;
                re[i + k] = ur + vr, im[i + k] = ui + vi;
                re[i + k + len / 2] = ur - vr, im[i + k + len / 2] = ui - vi;
                float t = cr * wr - ci * wi;
                ci = cr * wi + ci * wr, cr = t;
            }
        }
    }
}

int main(void)
{
    invert();
    bodies();
    static float re[256], im[256];
    for (int i = 0; i < 256; i++)
        re[i] = (float)(int16_t)rnd() / 256, im[i] = 0;
    fft(re, im, 256);
    for (int i = 0; i < 256; i++)
        digest(f32_bits(re[i]) ^ (uint64_t)f32_bits(im[i]) << 32);
    digest_print("fft");
    double complex z = 0;
    int inside = 0;
    for (int y = -20; y < 20; y++)
        for (int x = -40; x < 20; x++) {
            double complex c = x / 20.0 + y / 20.0 * I;
            z = 0;
            int n = 0;
            while (n < 60 && creal(z) * creal(z) + cimag(z) * cimag(z) < 4)
                z = z * z + c, n++;
            inside += n;
        }
    printf("mandelbrot %d %.17g\n", inside, cabs(z) < 3 ? creal(z) : 0);
    double complex q = (1.5 - 2.5 * I) / (0.25 + 3 * I) * (2 + I);
    printf("%.17g %.17g\n", creal(q), cimag(q));
    double x = 0, h = 1e-3, area = 0;
    for (int i = 0; i < 2000; i++, x += h)
        area += h / (1 + x * x);
    printf("%.17g\n", area);
    return 0;
}
