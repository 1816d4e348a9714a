// The heap under random load: malloc, calloc, realloc, aligned blocks, strings.
#include "guest.h"
#include <malloc.h>

enum { SLOTS = 500 };

int main(void)
{
    static uint8_t *block[SLOTS];
    static size_t size[SLOTS];
    static uint8_t seed[SLOTS];
    int damaged = 0;
    uint64_t live = 0;
    for (int i = 0; i < 5000; i++) {
        size_t s = (size_t)(rnd() % SLOTS);
        for (size_t k = 0; k < size[s]; k += 61)
            damaged += block[s][k] != (uint8_t)(seed[s] + k);
        size_t n = rnd() % 8 ? rnd() % 300 : rnd() % 60000;
        switch (rnd() % 4) {
        case 0:
            free(block[s]);
            block[s] = NULL;
            n = 0;
            break;
        case 1:
            free(block[s]);
            block[s] = calloc(1, n + 1);
            damaged += block[s][n] != 0;
            break;
        case 2:
            free(block[s]);
            block[s] = aligned_alloc(64, (n + 64) & ~(size_t)63);
            damaged += ((uintptr_t)block[s] & 63) != 0;
            break;
        default: {
            size_t keep = n < size[s] ? n : size[s];
            block[s] = realloc(block[s], n + 1);
            for (size_t k = 0; k < keep; k += 61)
                damaged += block[s][k] != (uint8_t)(seed[s] + k);
        }
        }
        live += n - size[s];
        size[s] = n;
        seed[s] = (uint8_t)rnd();
        for (size_t k = 0; k < n; k++)
            block[s][k] = (uint8_t)(seed[s] + k);
    }
    printf("damaged %d live %" PRIu64 "\n", damaged, live);
    for (int i = 0; i < SLOTS; i++)
        free(block[i]);
    char *s = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&s, &n);
    for (int i = 0; i < 1000; i++)
        fprintf(f, "%d,", i);
    fclose(f);
    printf("%zu %.20s\n", n, s);
    free(s);
    if (asprintf(&s, "%s-%d", "text", 5) > 0)
        puts(s);
    free(s);
    return 0;
}
