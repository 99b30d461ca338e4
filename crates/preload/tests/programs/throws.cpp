// A library in C++ for a program in C: whether a refused operator new throws.
#include <cstddef>
#include <new>

static volatile std::size_t huge = std::size_t(1) << 62;
static int handled = 0;

static void give_up() {
    handled++;
    std::set_new_handler(nullptr);
}

extern "C" int throws() {
    std::set_new_handler(give_up);
    try {
        ::operator delete(::operator new(huge));
    } catch (const std::bad_alloc &) {
        return handled;
    }
    return 0;
}
