// qsort and bsearch with callbacks, and sorts of our own.
#include "guest.h"

typedef struct {
    char name[12];
    int rank;
    double weight;
} Record;

static int by_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Record *)a)->name, ((const Record *)b)->name);
}

static int by_weight(const void *a, const void *b)
{
    double x = ((const Record *)a)->weight, y = ((const Record *)b)->weight;
    return x < y ? 1 : x > y ? -1 : ((const Record *)a)->rank - ((const Record *)b)->rank;
}

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void heap_sort(uint64_t *v, size_t n)
{
    for (size_t end = n, start = n / 2; end > 1;) {
        if (start)
            start--;
        else {
            end--;
            uint64_t t = v[0];
            v[0] = v[end], v[end] = t;
        }
        for (size_t root = start; 2 * root + 1 < end;) {
            size_t child = 2 * root + 1;
            if (child + 1 < end && v[child] < v[child + 1])
                child++;
            if (v[root] >= v[child])
                break;
            uint64_t t = v[root];
            v[root] = v[child], v[child] = t;
            root = child;
        }
    }
}

int main(void)
{
    enum { N = 5000 };
    static int ints[N];
    static Record records[N];
    static uint64_t words[N];
    static char *strings[N];
    for (int i = 0; i < N; i++)
        ints[i] = (int)(rnd() % 10000);
    qsort(ints, N, sizeof *ints, by_int);
    for (int i = 0; i < N; i++)
        digest((unsigned)ints[i]);
    digest_print("ints");
    int found = 0;
    for (int key = 0; key < 10000; key += 7)
        found += bsearch(&key, ints, N, sizeof *ints, by_int) != NULL;
    printf("found %d\n", found);
    for (int i = 0; i < N; i++) {
        snprintf(records[i].name, sizeof records[i].name, "n%08x", (unsigned)rnd());
        records[i].rank = i;
        records[i].weight = (double)(rnd() % 1000) / 8;
        words[i] = rnd();
        strings[i] = records[i].name;
    }
    qsort(records, N, sizeof *records, by_weight);
    for (int i = 0; i < N; i++)
        digest((unsigned)records[i].rank);
    digest_print("weights");
    qsort(strings, N, sizeof *strings, by_string);
    printf("%s %s\n", strings[0], strings[N - 1]);
    qsort(records, N, sizeof *records, by_name);
    printf("%s %d\n", records[N / 2].name, records[N / 2].rank);
    heap_sort(words, N);
    for (int i = 0; i < N; i++)
        digest(words[i]);
    digest_print("heap");
    return 0;
}
