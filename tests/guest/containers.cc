// The C++ library: containers, algorithms, strings, streams, regular expressions, virtual calls, lambdas.
#include <algorithm>
#include <bitset>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
struct Square : Shape {
    double side;
    explicit Square(double s) : side(s) {}
    double area() const override { return side * side; }
};
struct Ring : Shape {
    double inner, outer;
    Ring(double i, double o) : inner(i), outer(o) {}
    double area() const override { return 3 * (outer * outer - inner * inner); }
};
struct Left {
    virtual ~Left() = default;
    int l = 1;
};
struct Right {
    virtual ~Right() = default;
    virtual int r() { return 2; }
};
struct Both : virtual Left, Right {
    int r() override { return 30 + l; }
};

template <typename T> static std::uint64_t hash(const T &range)
{
    std::uint64_t h = 1469598103934665603u;
    for (const auto &v : range)
        h = (h ^ static_cast<std::uint64_t>(v)) * 1099511628211u;
    return h;
}

int main()
{
    std::mt19937_64 random(12345);
    std::vector<int> v(3000);
    for (int &x : v)
        x = static_cast<int>(random() % 10000);
    auto sorted = v;
    std::sort(sorted.begin(), sorted.end());
    std::printf("sort %016llx\n", static_cast<unsigned long long>(hash(sorted)));
    std::stable_sort(v.begin(), v.end(), [](int a, int b) { return a % 100 < b % 100; });
    std::printf("stable %016llx\n", static_cast<unsigned long long>(hash(v)));
    std::nth_element(v.begin(), v.begin() + 1500, v.end());
    std::printf("median %d\n", v[1500]);

    std::map<std::string, int> words;
    std::unordered_map<std::string, int> fast;
    for (int i = 0; i < 2000; i++) {
        std::string w = "w" + std::to_string(random() % 300);
        words[w]++;
        fast[w]++;
    }
    int same = 0;
    for (const auto &[w, n] : words)
        same += fast.at(w) == n;
    std::printf("words %zu same %d first %s\n", words.size(), same, words.begin()->first.c_str());

    std::set<int> set(v.begin(), v.end());
    std::deque<int> deque;
    std::list<int> list(set.begin(), set.end());
    for (int i = 0; i < 500; i++)
        (i % 3 ? deque.push_back(i) : deque.push_front(-i));
    list.remove_if([](int i) { return i % 2; });
    list.reverse();
    std::priority_queue<int> queue(deque.begin(), deque.end());
    std::printf("%zu %zu %d %d %d\n", set.size(), list.size(), list.front(), deque.front(), queue.top());

    std::vector<std::unique_ptr<Shape>> shapes;
    for (int i = 0; i < 10; i++)
        if (i % 2)
            shapes.push_back(std::make_unique<Square>(i));
        else
            shapes.push_back(std::make_unique<Ring>(i, i + 0.5));
    double total = 0;
    for (const auto &s : shapes)
        total += s->area();
    Both both;
    Right *right = &both;
    std::printf("area %.17g right %d cross %d\n", total, right->r(), dynamic_cast<Left *>(right)->l);

    std::ostringstream out;
    out << std::hex << 255 << ' ' << std::dec << 3.25 << ' ' << std::boolalpha << true << ' ' << -17L;
    std::istringstream in("12 3.5 word");
    int i;
    double d;
    std::string s;
    in >> i >> d >> s;
    std::cout << out.str() << " | " << i << ' ' << d << ' ' << s << std::endl;

    std::regex pattern("([a-z]+)([0-9]+)");
    std::string text = "abc123 x9 foo77bar";
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
        std::cout << (*it)[1] << ":" << (*it)[2] << ' ';
    std::cout << std::regex_replace(text, pattern, "<$2$1>") << '\n';

    std::function<int(int)> fibonacci = [&](int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); };
    std::variant<int, std::string, double> var = "text";
    std::optional<int> nothing;
    std::bitset<100> bits(0x5555);
    bits <<= 33;
    std::cout << fibonacci(15) << ' ' << var.index() << ' ' << nothing.value_or(-1) << ' ' << bits.count() << ' '
              << bits.test(35) << ' ' << std::accumulate(sorted.begin(), sorted.end(), 0L) << '\n';
    std::normal_distribution<double> normal;
    std::shared_ptr<int> a = std::make_shared<int>(5), b = a;
    std::weak_ptr<int> weak = a;
    a.reset();
    std::cout << *b << ' ' << weak.use_count() << '\n';
    std::string big(100, 'x');
    for (int k = 0; k < 50; k++)
        big.insert(static_cast<size_t>(k) * 2, std::to_string(k)).append("tail");
    std::cout << big.find("49") << ' ' << big.rfind("tail") << ' ' << big.substr(10, 20) << ' ' << (big < text) << '\n';
    return 0;
}
