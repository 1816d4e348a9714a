// group: indirect
// Virtual calls on a list of objects of several classes.
#include "bench.h"
#include <memory>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual uint64_t step(uint64_t x) = 0;
};
struct A : Shape {
    uint64_t n = 1;
    uint64_t step(uint64_t x) override { return x + n++; }
};
struct B : Shape {
    uint64_t step(uint64_t x) override { return x * 5 + 1; }
};
struct C : Shape {
    uint64_t last = 0;
    uint64_t step(uint64_t x) override { uint64_t r = x ^ last; last = x; return r; }
};

BENCH(300000, indirect)
{
    std::vector<std::unique_ptr<Shape>> shapes;
    uint32_t seed = 5;
    for (int i = 0; i < 100; i++) {
        switch (next(&seed) % 3) {
        case 0: shapes.push_back(std::make_unique<A>()); break;
        case 1: shapes.push_back(std::make_unique<B>()); break;
        default: shapes.push_back(std::make_unique<C>()); break;
        }
    }
    uint64_t x = 1;
    for (uint32_t i = 0; i < n; i++)
        for (const auto &s : shapes)
            x = s->step(x);
    return x;
}
