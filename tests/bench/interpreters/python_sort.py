import bisect, heapq
seed, a = 1, []
for i in range(250000):
    seed = seed * 1103515245 + 12345 & 0x7fffffff
    a.append(seed)
b = sorted(a)
c = sorted(a, key=lambda x: (x % 1000, -x))
d = sorted(map(str, a))
def quick(v):
    if len(v) < 2: return v
    p = v[len(v) // 2]
    return quick([x for x in v if x < p]) + [x for x in v if x == p] + quick([x for x in v if x > p])
def merge(v):
    if len(v) < 2: return v
    m = len(v) // 2
    l, r, out, i, j = merge(v[:m]), merge(v[m:]), [], 0, 0
    while i < len(l) and j < len(r):
        if l[i] <= r[j]:
            out.append(l[i]); i += 1
        else:
            out.append(r[j]); j += 1
    return out + l[i:] + r[j:]
assert quick(a) == b and merge(a[:80000]) == sorted(a[:80000])
h = []
for x in a[:60000]: heapq.heappush(h, x)
e = [heapq.heappop(h) for _ in range(60000)]
f = []
for x in a[:20000]: bisect.insort(f, x)
print(b[77], c[77], d[77], e[77], f[77])
