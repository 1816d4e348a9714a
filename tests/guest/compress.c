// A small compressor (LZ77 with a hash table, then canonical Huffman codes) and its inverse.
#include "guest.h"

enum { LIMIT = 60000 };

static uint8_t input[LIMIT], packed[LIMIT * 2], output[LIMIT];
static uint32_t bit_count;

static void put_bits(uint32_t v, int n)
{
    for (int i = 0; i < n; i++, bit_count++)
        if (v >> i & 1)
            packed[bit_count / 8] |= (uint8_t)(1 << (bit_count % 8));
}

static uint32_t get_bits(uint32_t *at, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++, ++*at)
        v |= (uint32_t)(packed[*at / 8] >> (*at % 8) & 1) << i;
    return v;
}

static void lengths_of(const uint32_t *count, uint8_t *length)
{
    int node_of[512], parent[512];
    uint64_t weight[512];
    int n = 0, alive = 0;
    for (int i = 0; i < 256; i++) {
        weight[n] = count[i] + 1;
        node_of[alive++] = n++;
    }
    while (alive > 1) {
        for (int pick = 0; pick < 2; pick++) {
            int best = pick;
            for (int i = pick; i < alive; i++)
                if (weight[node_of[i]] < weight[node_of[best]])
                    best = i;
            int t = node_of[pick];
            node_of[pick] = node_of[best], node_of[best] = t;
        }
        weight[n] = weight[node_of[0]] + weight[node_of[1]];
        parent[node_of[0]] = parent[node_of[1]] = n;
        node_of[0] = n++;
        node_of[1] = node_of[--alive];
    }
    parent[n - 1] = -1;
    for (int i = 0; i < 256; i++) {
        length[i] = 0;
        for (int p = i; parent[p] >= 0; p = parent[p])
            length[i]++;
    }
}

static void codes_of(const uint8_t *length, uint32_t *code)
{
    uint32_t next = 0;
    for (int l = 1; l < 32; l++) {
        for (int i = 0; i < 256; i++)
            if (length[i] == l)
                code[i] = next++;
        next <<= 1;
    }
}

static size_t pack(size_t n, uint8_t *length)
{
    uint32_t count[256] = {0}, code[256] = {0};
    for (size_t i = 0; i < n; i++)
        count[input[i]]++;
    lengths_of(count, length);
    codes_of(length, code);
    static uint32_t table[4096];
    memset(table, 0, sizeof table);
    memset(packed, 0, sizeof packed);
    bit_count = 0;
    for (size_t i = 0; i < n;) {
        uint32_t word, best = 0, at = 0;
        if (i + 4 <= n) {
            memcpy(&word, input + i, 4);
            uint32_t *slot = &table[word * 2654435761u >> 20];
            at = *slot;
            *slot = (uint32_t)i + 1;
            if (at && i + 1 - at < 32768)
                while (best < 255 && i + best < n && input[at - 1 + best] == input[i + best])
                    best++;
        }
        if (best >= 4) {
            put_bits(1, 1);
            put_bits(best, 8);
            put_bits((uint32_t)(i + 1 - at), 15);
            i += best;
        } else {
            put_bits(0, 1);
            for (int b = length[input[i]] - 1; b >= 0; b--)
                put_bits(code[input[i]] >> b & 1, 1);
            i++;
        }
    }
    return (bit_count + 7) / 8;
}

static void unpack(size_t n, const uint8_t *length)
{
    uint32_t code[256] = {0}, at = 0;
    codes_of(length, code);
    for (size_t i = 0; i < n;) {
        if (get_bits(&at, 1)) {
            uint32_t run = get_bits(&at, 8), back = get_bits(&at, 15);
            for (; run--; i++)
                output[i] = output[i - back];
        } else {
            uint32_t c = 0;
            for (int l = 1, found = 0; !found; l++) {
                c = c << 1 | get_bits(&at, 1);
                for (int s = 0; s < 256 && !found; s++)
                    if (length[s] == l && code[s] == c)
                        output[i++] = (uint8_t)s, found = 1;
            }
        }
    }
}

int main(void)
{
    uint8_t length[256];
    for (int kind = 0; kind < 4; kind++) {
        size_t n = 3000 + 1000 * (size_t)kind;
        for (size_t i = 0; i < n; i++) {
            switch (kind) {
            case 0: input[i] = 'a'; break;
            case 1: input[i] = (uint8_t)(rnd() % 7 * rnd() % 23); break;
            case 2: input[i] = i > 40 && rnd() % 9 ? input[i - 37] : (uint8_t)rnd(); break;
            default: input[i] = (uint8_t)rnd();
            }
        }
        size_t size = pack(n, length);
        memset(output, 0, sizeof output);
        unpack(n, length);
        for (size_t i = 0; i < size; i++)
            digest(packed[i]);
        printf("kind %d: %zu -> %zu %s\n", kind, n, size, memcmp(input, output, n) == 0 ? "same" : "DIFFERENT");
    }
    digest_print("packed");
    return 0;
}
