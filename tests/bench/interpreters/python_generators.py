from collections import deque, Counter
from functools import reduce
from itertools import islice, chain
def primes():
    found, n = {}, 2
    while True:
        p = found.pop(n, None)
        if p is None:
            yield n
            found[n * n] = n
        else:
            k = n + p
            while k in found: k += p
            found[k] = p
        n += 1
def permutations(v):
    if not v: yield []
    for i in range(len(v)):
        for rest in permutations(v[:i] + v[i + 1:]):
            yield [v[i]] + rest
def queens(n, row=0, cols=0, d1=0, d2=0):
    if row == n:
        yield 1
        return
    for c in range(n):
        if not (cols >> c & 1 or d1 >> row + c & 1 or d2 >> row - c + n & 1):
            yield from queens(n, row + 1, cols | 1 << c, d1 | 1 << row + c, d2 | 1 << row - c + n)
def life(cells):
    near = Counter((x + i, y + j) for x, y in cells for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
    return {c for c, n in near.items() if n == 3 or n == 2 and c in cells}
cells = {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2), (10, 10), (10, 11), (10, 12), (11, 11), (12, 11)}
for _ in range(150): cells = life(cells)
q = deque(range(1000))
for i in range(500000): q.append(q.popleft() + 1)
print(sum(islice(primes(), 40000)), sum(1 for _ in permutations(list(range(8)))), sum(queens(8)), len(cells), q[0],
      reduce(lambda a, b: a ^ b, chain(range(400000), (x * x for x in range(400000)))), sum(x for x in range(1500000) if x % 3))
