// A program that replaces only the forms of operator new and delete that all others forward to, by
// ones whose blocks begin behind a header.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

static int failures = 0;
static long live = 0, made = 0;

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);     \
            failures++;                                                      \
        }                                                                    \
    } while (0)

static const std::uint64_t MARK = 0x6f72696f6e727400, MARK_ALIGNED = MARK + 1;
static const std::size_t MOST = std::size_t(1) << 40;
static volatile std::size_t huge = MOST;

static void *marked(char *start, std::size_t header, std::uint64_t mark) {
    live++;
    made++;
    std::uint64_t *place = reinterpret_cast<std::uint64_t *>(start + header);
    place[-1] = mark;
    return place;
}

static void unmark(void *block, std::size_t header, std::uint64_t mark) {
    if (!block) return;
    std::uint64_t *place = static_cast<std::uint64_t *>(block);
    if (place[-1] != mark) {
        std::fprintf(stderr, "a block of another allocator is freed\n");
        std::abort();
    }
    place[-1] = 0;
    live--;
    std::free(reinterpret_cast<char *>(block) - header);
}

void *operator new(std::size_t size) {
    if (size >= MOST) throw std::bad_alloc();
    return marked(static_cast<char *>(std::malloc(size + 16)), 16, MARK);
}

void operator delete(void *block) noexcept { unmark(block, 16, MARK); }

#if __cplusplus >= 201703L
void *operator new(std::size_t size, std::align_val_t align) {
    if (size >= MOST) throw std::bad_alloc();
    const std::size_t header = std::size_t(align);
    void *start = nullptr;
    if (posix_memalign(&start, header, size + header)) throw std::bad_alloc();
    return marked(static_cast<char *>(start), header, MARK_ALIGNED);
}

void operator delete(void *block, std::align_val_t align) noexcept {
    unmark(block, std::size_t(align), MARK_ALIGNED);
}
#endif

// As a compiler calls them, whatever the standard it compiles for.
extern "C" {
void _ZdlPvm(void *, std::size_t);
void _ZdaPvm(void *, std::size_t);
}

int main() {
    ::operator delete[](::operator new[](10));
    _ZdlPvm(::operator new(10), 10);
    _ZdaPvm(::operator new[](10), 10);
    ::operator delete(::operator new(10, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](10, std::nothrow), std::nothrow);
    long expected = 5;
    CHECK(::operator new(huge, std::nothrow) == nullptr);
    CHECK(::operator new[](huge, std::nothrow) == nullptr);
    bool thrown = false;
    try {
        ::operator delete[](::operator new[](huge));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown);
#if __cplusplus >= 201703L
    const std::align_val_t line{64};
    ::operator delete[](::operator new[](10, line), line);
    ::operator delete(::operator new(10, line), std::size_t(10), line);
    ::operator delete[](::operator new[](10, line), std::size_t(10), line);
    ::operator delete(::operator new(10, line, std::nothrow), line, std::nothrow);
    ::operator delete[](::operator new[](10, line, std::nothrow), line, std::nothrow);
    expected += 5;
    CHECK(::operator new(huge, line, std::nothrow) == nullptr);
    CHECK(::operator new[](huge, line, std::nothrow) == nullptr);
#endif
    CHECK(live == 0);
    CHECK(made == expected);
    if (!failures) std::puts("passed");
    return failures;
}
