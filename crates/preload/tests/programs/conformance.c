// What C, POSIX and glibc promise of the allocation functions, one check after another.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);  \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

// The compiler knows `malloc` and would take some of these calls out.
static void *volatile sink;

static int is_aligned(void *block, size_t alignment) { return (uintptr_t)block % alignment == 0; }

static int is_all(const unsigned char *bytes, size_t count, int value) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value) return 0;
    return 1;
}

static void sizes(void) {
    for (size_t size = 0; size < 300000; size = size < 2000 ? size + 1 : size + size / 7) {
        unsigned char *block = malloc(size);
        CHECK(block && is_aligned(block, 16));
        size_t usable = malloc_usable_size(block);
        CHECK(usable >= size && usable >= 1);
        memset(block, 0xab, usable);
        unsigned char *other = malloc(size);
        memset(other, 0xcd, malloc_usable_size(other));
        CHECK(is_all(block, usable, 0xab));
        free(other);
        free(block);
    }
    CHECK(malloc_usable_size(NULL) == 0);
    void *one = malloc(0), *two = malloc(0);
    CHECK(one && two && one != two);
    free(one);
    free(two);
}

static void refusals(void) {
    const size_t huge[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX, SIZE_MAX - 15,
                           SIZE_MAX - 4096};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        errno = 0;
        CHECK((sink = malloc(huge[i])) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK((sink = calloc(huge[i], 1)) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK((sink = pvalloc(huge[i])) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK((sink = aligned_alloc(64, huge[i])) == NULL && errno == ENOMEM);
        void *block = malloc(10);
        strcpy(block, "kept");
        errno = 0;
        CHECK((sink = realloc(block, huge[i])) == NULL && errno == ENOMEM);
        CHECK(strcmp(block, "kept") == 0);
        free(block);
    }
    errno = 0;
    CHECK((sink = calloc(SIZE_MAX / 2, 3)) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK((sink = calloc((size_t)1 << 32, (size_t)1 << 32)) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK((sink = reallocarray(NULL, SIZE_MAX / 2, 3)) == NULL && errno == ENOMEM);
}

static void zeros(void) {
    const size_t counts[] = {0, 1, 7, 100, 5000, 40000, 1 << 20, 40 << 20};
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            unsigned char *block = calloc(counts[i], 1);
            CHECK(block && is_all(block, counts[i], 0));
            memset(block, 0xff, malloc_usable_size(block));
            free(block);
        }
    }
}

static void alignments(void) {
    for (size_t alignment = 1; alignment <= (size_t)4 << 20; alignment *= 2) {
        for (size_t size = 0; size < 300000; size = size * 3 + 1) {
            void *block = memalign(alignment, size);
            CHECK(block && is_aligned(block, alignment) && malloc_usable_size(block) >= size);
            memset(block, 1, malloc_usable_size(block));
            free(block);
            block = aligned_alloc(alignment, size);
            CHECK(block && is_aligned(block, alignment));
            // It may lose its alignment, but not its bytes.
            memset(block, 7, size);
            unsigned char *moved = realloc(block, size + 5000);
            CHECK(moved && is_all(moved, size, 7));
            free(moved);
            void *place = &place;
            errno = 99;
            int expected = alignment < sizeof(void *) ? EINVAL : 0;
            CHECK(posix_memalign(&place, alignment, size) == expected && errno == 99);
            if (expected) {
                CHECK(place == &place);
                continue;
            }
            CHECK(place && is_aligned(place, alignment));
            free(place);
        }
    }
    void *place = &place;
    CHECK(posix_memalign(&place, 0, 8) == EINVAL && posix_memalign(&place, 24, 8) == EINVAL);
    CHECK(posix_memalign(&place, (size_t)1 << 62, (size_t)1 << 62) == ENOMEM && place == &place);
#ifndef GLIBC // before 2.38 it rounds up
    errno = 0;
    CHECK((sink = aligned_alloc(24, 8)) == NULL && errno == EINVAL);
#endif
    void *odd = memalign(24, 8);
    CHECK(odd && is_aligned(odd, 32));
    free(odd);
    void *page = valloc(1), *pages = pvalloc(4097);
    CHECK(is_aligned(page, 4096) && is_aligned(pages, 4096) && malloc_usable_size(pages) >= 8192);
    free(page);
    free(pages);
}

static void resizing(void) {
    CHECK((sink = realloc(malloc(100), 0)) == NULL);
    unsigned char *block = realloc(NULL, 10);
    CHECK(block);
    free(block);
    // Up and down again, with the bytes kept, through every way to hold a block.
    for (size_t step = 1; step < 100000; step = step * 2 + 1) {
        size_t size = 1;
        block = malloc(size);
        *block = 0;
        for (size_t next = 1 + step; next < ((size_t)3 << 20) && next < step * 300; next += step) {
            block = realloc(block, next);
            CHECK(block && is_aligned(block, 16));
            for (size_t i = size; i < next; i++) block[i] = (unsigned char)(i * 31);
            size = next;
        }
        while (size > 1) {
            size_t next = size / 2 + size / 5;
            block = realloc(block, next);
            CHECK(block && malloc_usable_size(block) >= next);
            for (size_t i = 0; i < next; i += 1 + next / 64)
                CHECK(block[i] == (unsigned char)(i * 31));
            size = next;
        }
        free(block);
    }
    block = reallocarray(NULL, 3, 5);
    CHECK(block && malloc_usable_size(block) >= 15);
    free(block);
}

static void giving_back(void) {
    errno = 77;
    free(NULL);
    free(malloc(100));
    free(malloc(10 << 20));
    CHECK(errno == 77);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
#ifndef GLIBC // whose older versions lack some, and whose counts mean something else
    CHECK(free_sized && free_aligned_sized);
    free_sized(malloc(10), 10);
    free_sized(NULL, 0);
    free_aligned_sized(aligned_alloc(64, 128), 64, 128);
    void *block = malloc(8 << 20);
    sink = memset(block, 1, 8 << 20);
    struct mallinfo2 full = mallinfo2();
    CHECK(full.uordblks >= 8 << 20 && full.hblkhd >= 8 << 20 && full.arena >= 8 << 20);
    free(block);
    malloc_trim(0);
    CHECK(mallinfo2().uordblks + (8 << 20) <= full.uordblks);
#endif
}

int main(void) {
    sizes();
    refusals();
    zeros();
    alignments();
    resizing();
    giving_back();
    puts("passed");
    return 0;
}
