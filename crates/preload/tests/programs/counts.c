/* Counts the calls of the allocation functions, to be preloaded before the library: each call goes
 * on to it by glibc's other name. The counts are in the file that COUNTS names, at any time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);
void *__libc_memalign(size_t, size_t);
int __posix_memalign(void **, size_t, size_t);

enum { ALLOCATED, FREED, RESIZED, BYTES, COUNTERS };

static union {
    _Atomic unsigned long counts[COUNTERS];
    char page[4096];
} counters __attribute__((aligned(4096)));

static void count(int which, unsigned long more)
{
    atomic_fetch_add_explicit(&counters.counts[which], more, memory_order_relaxed);
}

static void *allocated(void *block, size_t size)
{
    if (block) {
        count(ALLOCATED, 1);
        count(BYTES, size);
    }
    return block;
}

void *malloc(size_t size) { return allocated(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size)
{
    return allocated(__libc_calloc(count, size), count * size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return allocated(__libc_memalign(alignment, size), size);
}

void *memalign(size_t alignment, size_t size)
{
    return allocated(__libc_memalign(alignment, size), size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
    int error = __posix_memalign(place, alignment, size);
    if (!error)
        allocated(*place, size);
    return error;
}

void free(void *block)
{
    if (block)
        count(FREED, 1);
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    if (!size) {
        free(block);
        return NULL;
    }
    void *resized = __libc_realloc(block, size);
    if (resized)
        count(RESIZED, 1);
    return resized;
}

/* C++'s operators, under the names that compilers give them. What they get is not counted as an
 * allocation of `malloc` besides: the library serves them by itself. */
#define NEW(name, more) \
    void *name(size_t size more) { return allocated(__libc_malloc(size), size); }
#define ALIGNED_NEW(name, more) \
    void *name(size_t size, size_t alignment more) \
    { return allocated(__libc_memalign(alignment, size), size); }
#define DELETE(name, more) \
    void name(void *block more) { free(block); }
#define NOTHROW , const void *nothrow __attribute__((unused))
#define SIZE , size_t size __attribute__((unused))
#define ALIGN , size_t alignment __attribute__((unused))

NEW(_Znwm, )
NEW(_Znam, )
NEW(_ZnwmRKSt9nothrow_t, NOTHROW)
NEW(_ZnamRKSt9nothrow_t, NOTHROW)
ALIGNED_NEW(_ZnwmSt11align_val_t, )
ALIGNED_NEW(_ZnamSt11align_val_t, )
ALIGNED_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, NOTHROW)
ALIGNED_NEW(_ZnamSt11align_val_tRKSt9nothrow_t, NOTHROW)
DELETE(_ZdlPv, )
DELETE(_ZdaPv, )
DELETE(_ZdlPvm, SIZE)
DELETE(_ZdaPvm, SIZE)
DELETE(_ZdlPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdaPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdlPvSt11align_val_t, ALIGN)
DELETE(_ZdaPvSt11align_val_t, ALIGN)
DELETE(_ZdlPvmSt11align_val_t, SIZE ALIGN)
DELETE(_ZdaPvmSt11align_val_t, SIZE ALIGN)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, ALIGN NOTHROW)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, ALIGN NOTHROW)

/* What was counted so far moves into the file; there is one thread yet. */
__attribute__((constructor)) static void map(void)
{
    const char *name = getenv("COUNTS");
    int file = name ? open(name, O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    if (file < 0)
        return;
    unsetenv("COUNTS");
    if (write(file, counters.page, sizeof counters) != sizeof counters)
        abort();
    mmap(&counters, sizeof counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    close(file);
}
