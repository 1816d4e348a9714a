// C++ exceptions: unwinding through frames with destructors, rethrowing, nesting, types, foreign frames.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

struct Trace {
    std::string name;
    explicit Trace(std::string n) : name(std::move(n)) {}
    ~Trace() { std::printf("~%s\n", name.c_str()); }
};

struct Base {
    virtual ~Base() = default;
    virtual int id() const { return 1; }
};
struct Derived : Base {
    int id() const override { return 2; }
    int payload[40] = {7};
};

__attribute__((noinline)) static int thrower(int depth, double d)
{
    Trace t("depth" + std::to_string(depth));
    if (depth == 0)
        throw std::runtime_error("bottom " + std::to_string(d));
    return thrower(depth - 1, d * 1.5) + 1;
}

static int compare(const void *a, const void *b)
{
    if (*static_cast<const int *>(a) == 13 || *static_cast<const int *>(b) == 13)
        throw std::out_of_range("thirteen");
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

struct InConstructor {
    Trace first{"member1"};
    Trace second{"member2"};
    InConstructor() { throw 42; }
};

static void nested()
{
    try {
        try {
            thrower(2, 1.0);
        } catch (const std::exception &e) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    } catch (const std::exception &e) {
        std::printf("%s", e.what());
        try {
            std::rethrow_if_nested(e);
        } catch (const std::exception &inner) {
            std::printf(" <- %s\n", inner.what());
        }
    }
}

int main()
{
    try {
        thrower(5, 1.25);
    } catch (const std::logic_error &) {
        std::puts("wrong handler");
    } catch (const std::runtime_error &e) {
        std::printf("caught %s\n", e.what());
    }
    nested();
    try {
        InConstructor c;
    } catch (int i) {
        std::printf("int %d\n", i);
    }
    try {
        throw Derived();
    } catch (Base &b) {
        std::printf("id %d dynamic %d\n", b.id(), dynamic_cast<Derived *>(&b) != nullptr);
    }
    int values[20];
    for (int i = 0; i < 20; i++)
        values[i] = (i * 7) % 20;
    try {
        std::qsort(values, 20, sizeof(int), compare);
    } catch (const std::out_of_range &e) {
        std::printf("through qsort: %s\n", e.what());
    }
    std::exception_ptr kept;
    try {
        std::vector<int>(3).at(3);
    } catch (...) {
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::exception &e) {
        std::printf("kept, is out_of_range: %d\n", typeid(e) == typeid(std::out_of_range));
    }
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            if (i % 3 == 0)
                throw i;
            if (i % 3 == 1)
                throw static_cast<double>(i);
            throw std::make_unique<int>(i);
        } catch (int v) {
            sum += v;
        } catch (double d) {
            sum += static_cast<long>(d) * 2;
        } catch (std::unique_ptr<int> &p) {
            sum += *p * 3L;
        }
    }
    std::printf("sum %ld\n", sum);
    try {
        try {
            throw 1;
        } catch (...) {
            throw;
        }
    } catch (int i) {
        std::printf("rethrown %d, uncaught %d\n", i, std::uncaught_exceptions());
    }
    return 0;
}
