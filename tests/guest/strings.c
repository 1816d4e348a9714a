// String and memory functions whose arguments end at the end of a page, with nothing mapped behind.
#include "guest.h"
#include <sys/mman.h>
#include <wchar.h>

enum { PAGE = 4096, MAX = 140 };

// A page whose successor isn't mapped: the end of it.
static char *guarded(void)
{
    char *p = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE);
    return p + 2 * PAGE;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

int main(void)
{
    char *a_end = guarded(), *b_end = guarded(), *c_end = guarded();
    for (int n = 0; n < MAX; n++) {
        char *a = a_end - n - 1, *b = b_end - n - 1, *c = c_end - n - 1;
        for (int i = 0; i < n; i++)
            a[i] = (char)('a' + (rnd() % 20));
        a[n] = 0;
        memset(b_end - PAGE, '#', PAGE);
        memset(c_end - PAGE, '.', PAGE);
        digest(strlen(a));
        digest(strnlen(a, (size_t)n / 2));
        strcpy(b, a);
        digest((uint64_t)sign(strcmp(a, b)));
        memcpy(c, a, (size_t)n + 1);
        digest((uint64_t)(memcmp(b, c, (size_t)n + 1) == 0));
        if (n > 3) {
            c[n / 2] = 'z';
            digest((uint64_t)(sign(strcmp(a, c)) * 5 + sign(memcmp(c, a, (size_t)n)) * 3 +
                              sign(strncmp(a, c, (size_t)n / 2))));
            digest((uint64_t)(strchr(c, 'z') - c));
            digest((uint64_t)(strrchr(c, 'z') - c));
            digest((uint64_t)((char *)memchr(c, 'z', (size_t)n) - c));
            digest((uint64_t)((char *)memrchr(c, 'z', (size_t)n) - c));
            digest((uint64_t)(strstr(c, "z") - c));
            digest(strspn(c, "abcdefghijklmnopqrst"));
            digest(strcspn(c, "z"));
            digest((uint64_t)(strpbrk(c, "xyz") - c));
            digest((uint64_t)sign(strcasecmp(a, "ABC")));
            char *half = b + n / 2;
            *half = 0;
            strcat(b, "ab" + (n < 6 ? 2 : 0));
            digest(strlen(b));
            stpcpy(b, a);
            strncpy(b, a, (size_t)n / 3);
            memmove(b + 1, b, (size_t)n - 1);
            memmove(c, c + 2, (size_t)n - 2);
            memset(b + n / 4, '!', (size_t)n / 3);
            digest((uint64_t)(rawmemchr(a, 0) == a + n));
            digest((uint64_t)((char *)memmem(a, (size_t)n, a + n - 3, 3) <= a + n - 3));
        }
        digest(memchr(a, 'Z', (size_t)n + 1) == NULL);
        digest(strchr(a, 'Z') == NULL);
        digest((uint64_t)(strchrnul(a, 'Z') - a));
        for (int i = -20; i <= n; i++)
            digest((uint64_t)(unsigned char)b[i] << 8 | (unsigned char)c[i]);
        if (n % 20 == 0)
            digest_print("lengths");
    }
    digest_print("lengths");
    // All small alignments of both operands.
    static char x[256], y[256];
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            for (int n = 0; n < 80; n += 3) {
                for (int k = 0; k < 256; k++)
                    x[k] = (char)(k * 7 + n), y[k] = 1;
                memcpy(y + 64 + i, x + 64 + j, (size_t)n);
                memmove(x + 64 + i, x + 64 + j, (size_t)n);
                digest((uint64_t)sign(memcmp(x + 60 + i, y + 60 + i, (size_t)n + 8)));
                for (int k = 48; k < 200; k += 8) {
                    uint64_t u, v;
                    memcpy(&u, x + k, 8);
                    memcpy(&v, y + k, 8);
                    digest(u ^ (v << 1));
                }
            }
    digest_print("alignments");
    wchar_t wide[100];
    for (int i = 0; i < 99; i++)
        wide[i] = (wchar_t)(0x400 + i);
    wide[99] = 0;
    printf("wide %zu %td\n", wcslen(wide), wcschr(wide, 0x440) - wide);
    char list[] = "alpha,beta,,gamma;delta";
    char *save;
    for (char *t = strtok_r(list, ",;", &save); t; t = strtok_r(NULL, ",;", &save))
        puts(t);
    return 0;
}
