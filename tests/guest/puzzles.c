// Search programs with many unpredictable branches: queens, sudoku, life, shortest paths, sieve.
#include "guest.h"

static int queens(int n, int row, unsigned columns, unsigned left, unsigned right)
{
    if (row == n)
        return 1;
    int found = 0;
    for (unsigned free = ~(columns | left | right) & ((1u << n) - 1); free; free &= free - 1) {
        unsigned bit = free & -free;
        found += queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

static char grid[82] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static int tries;

static bool solve(void)
{
    char *hole = strchr(grid, '.');
    if (!hole)
        return true;
    int at = (int)(hole - grid), r = at / 9, c = at % 9;
    for (char v = '1'; v <= '9'; v++) {
        bool ok = true;
        for (int i = 0; i < 9; i++)
            ok &= grid[r * 9 + i] != v && grid[i * 9 + c] != v && grid[(r / 3 * 3 + i / 3) * 9 + c / 3 * 3 + i % 3] != v;
        if (ok) {
            tries++;
            *hole = v;
            if (solve())
                return true;
            *hole = '.';
        }
    }
    return false;
}

int main(void)
{
    for (int n = 4; n <= 8; n++)
        printf("queens %d: %d\n", n, queens(n, 0, 0, 0, 0));
    printf("sudoku %d ", solve());
    printf("%s %d\n", grid, tries);
    enum { W = 40, H = 30 };
    static uint8_t cell[2][H][W];
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            cell[0][y][x] = rnd() % 3 == 0;
    for (int g = 0; g < 50; g++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int n = 0;
                for (int dy = -1; dy <= 1; dy++)
                    for (int dx = -1; dx <= 1; dx++)
                        n += (dx || dy) && cell[g & 1][(y + dy + H) % H][(x + dx + W) % W];
                cell[~g & 1][y][x] = n == 3 || (n == 2 && cell[g & 1][y][x]);
            }
    int alive = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            alive += cell[0][y][x];
    printf("life %d\n", alive);
    enum { NODES = 60 };
    static int dist[NODES][NODES];
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++)
            dist[i][j] = i == j ? 0 : rnd() % 5 == 0 ? (int)(rnd() % 100) + 1 : 100000;
    for (int k = 0; k < NODES; k++)
        for (int i = 0; i < NODES; i++)
            for (int j = 0; j < NODES; j++)
                if (dist[i][k] + dist[k][j] < dist[i][j])
                    dist[i][j] = dist[i][k] + dist[k][j];
    for (int i = 0; i < NODES; i++)
        digest((unsigned)dist[i][(i * 7) % NODES]);
    digest_print("paths");
    static uint8_t composite[20000];
    int primes = 0;
    for (int i = 2; i < 20000; i++) {
        if (composite[i])
            continue;
        primes++;
        for (int j = 2 * i; j < 20000; j += i)
            composite[j] = 1;
    }
    printf("primes %d\n", primes);
    const char *s = "kitten sitting on the mat", *t = "sitting kitten at the gate";
    int row[40];
    for (int j = 0; j <= (int)strlen(t); j++)
        row[j] = j;
    for (int i = 1; s[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; t[j - 1]; j++) {
            int cost = diagonal + (s[i - 1] != t[j - 1]);
            diagonal = row[j];
            row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = row[j] < cost ? row[j] : cost;
        }
    }
    printf("edits %d\n", row[strlen(t)]);
    return 0;
}
