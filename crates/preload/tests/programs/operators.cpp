// Every form of C++'s operator new and delete, and what they do where there is no memory.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>

static int failures = 0;

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);     \
            failures++;                                                      \
        }                                                                    \
    } while (0)

static bool is_aligned(void *block, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

// More than any machine has; not a constant, or the compiler would complain.
static volatile std::size_t huge = std::size_t(1) << 62;
static int handled = 0;

static void give_up_after_three() {
    if (++handled == 3) std::set_new_handler(nullptr);
}

int main() {
    const std::align_val_t line{64}, page{4096};
    ::operator delete(::operator new(10));
    ::operator delete(::operator new(10), std::size_t(10));
    ::operator delete[](::operator new[](0));
    ::operator delete[](::operator new[](100), std::size_t(100));
    void *block = ::operator new(100, line);
    CHECK(is_aligned(block, 64));
    ::operator delete(block, line);
    block = ::operator new[](100000, page);
    CHECK(is_aligned(block, 4096));
    ::operator delete[](block, std::size_t(100000), page);
    ::operator delete(::operator new(1, line), std::size_t(1), line);
    ::operator delete[](::operator new[](1, line), line);
    ::operator delete(::operator new(10, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](10, std::nothrow), std::nothrow);
    ::operator delete(::operator new(10, line, std::nothrow), line, std::nothrow);
    ::operator delete[](::operator new[](10, line, std::nothrow), line, std::nothrow);
    ::operator delete(nullptr);

    CHECK(::operator new(huge, std::nothrow) == nullptr);
    CHECK(::operator new[](huge, line, std::nothrow) == nullptr);
    bool thrown = false;
    try {
        ::operator delete(::operator new(huge));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown);
    thrown = false;
    std::set_new_handler(give_up_after_three);
    try {
        // What was made before the exception is destroyed on its way.
        std::string kept(1000, 'x');
        ::operator delete[](::operator new[](huge, page));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown && handled == 3);

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([] {
            thread_local std::map<int, std::string> own;
            for (int j = 0; j < 10000; j++) own[j % 100] += std::to_string(j);
        });
    }
    for (auto &thread : threads) thread.join();
    if (!failures) std::puts("passed");
    return failures;
}
