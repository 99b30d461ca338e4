// Blocks of glibc's other names for its functions are freed by `free`, and the other way round. A
// block of another heap would end the process.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Looked up: not every version of glibc has all of them to link with.
#define NAMED(type, name) type name = (type)dlsym(RTLD_DEFAULT, #name)

typedef void *(*one)(size_t);
typedef void *(*two)(size_t, size_t);
typedef void *(*resize)(void *, size_t);
typedef void (*give)(void *);
typedef int (*place)(void **, size_t, size_t);

int main(void) {
    NAMED(one, __libc_malloc);
    NAMED(two, __libc_calloc);
    NAMED(resize, __libc_realloc);
    NAMED(give, __libc_free);
    NAMED(two, __libc_memalign);
    NAMED(one, __libc_valloc);
    NAMED(one, __libc_pvalloc);
    NAMED(place, __posix_memalign);
    NAMED(give, cfree);
    free(__libc_malloc(100));
    free(__libc_calloc(10, 10));
    free(__libc_realloc(malloc(100), 100000));
    free(realloc(__libc_malloc(100), 100000));
    __libc_free(malloc(100));
    cfree(calloc(10, 10));
    void *blocks[4] = {__libc_memalign(64, 100), __libc_valloc(100), __libc_pvalloc(100), NULL};
    if (__posix_memalign(&blocks[3], 128, 100)) return 1;
    const uintptr_t alignments[4] = {64, 4096, 4096, 128};
    for (int i = 0; i < 4; i++) {
        if (!blocks[i] || (uintptr_t)blocks[i] % alignments[i]) return 1;
        free(blocks[i]);
    }
    puts("passed");
    return 0;
}
