class Vector:
    __slots__ = ("x", "y")
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def dot(self, other):
        return self.x * other.x + self.y * other.y
class Shape:
    def __init__(self, name): self.name = name
    def area(self): return 0
class Square(Shape):
    def __init__(self, n):
        super().__init__("square")
        self.n = n
    def area(self): return self.n * self.n
class Circle(Shape):
    def __init__(self, r):
        super().__init__("circle")
        self.r = r
    @property
    def double(self): return self.r * 2
    def area(self): return 3 * self.double
def insert(tree, key):
    if tree is None: return [key, None, None]
    if key < tree[0]: tree[1] = insert(tree[1], key)
    else: tree[2] = insert(tree[2], key)
    return tree
def depth(tree): return 0 if tree is None else 1 + max(depth(tree[1]), depth(tree[2]))
v, total = Vector(0, 0), 0
for i in range(500000):
    v = v + Vector(i & 7, 1.5)
    total += v.dot(v) > i
for i in range(250000):
    total += (Square(i & 15) if i & 1 else Circle(i & 31)).area()
tree, seed = None, 1
for i in range(40000):
    seed = seed * 1103515245 + 12345 & 0x7fffffff
    tree = insert(tree, seed)
counts = {}
for i in range(900000):
    k = (i * 7919) % 5003
    counts[k] = counts.get(k, 0) + 1
try:
    for i in range(150000):
        try:
            if i % 3 == 0: raise ValueError(i)
        except ValueError as e:
            total += e.args[0] & 1
finally:
    print(total, depth(tree), len(counts), v.x)
