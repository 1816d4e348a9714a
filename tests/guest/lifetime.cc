// What runs before main and after it: constructors by priority, static objects, atexit, thread-local storage.
#include <cstdio>
#include <cstdlib>
#include <string>

struct Loud {
    std::string name;
    explicit Loud(const char *n) : name(n) { std::printf("+%s\n", name.c_str()); }
    ~Loud() { std::printf("-%s\n", name.c_str()); }
};

static Loud global("global");
thread_local Loud per_thread("per thread");
thread_local int counter = 41;

__attribute__((constructor(201))) static void second()
{
    std::puts("constructor 201");
}
__attribute__((constructor(200))) static void first()
{
    std::puts("constructor 200");
}
__attribute__((destructor)) static void last()
{
    std::puts("destructor");
}

static Loud &local()
{
    static Loud inner("function static");
    return inner;
}

int main()
{
    std::puts("main");
    std::atexit([] { std::puts("atexit 1"); });
    std::printf("%s %d\n", per_thread.name.c_str(), ++counter);
    std::printf("%s\n", local().name.c_str());
    std::printf("%s\n", local().name.c_str());
    std::atexit([] { std::puts("atexit 2"); });
    std::fflush(stdout);
    std::exit(7);
}
