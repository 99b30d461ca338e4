// The interface of include/orionrt/malloc.h, in a program that also runs without the library.
#define ORIONRT_OPTIONAL
#include <orionrt/malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(int holds, const char *what) {
    if (holds) return;
    printf("failed: %s\n", what);
    failures++;
}

static orionrt_heap_stats now(void) {
    orionrt_heap_stats stats = {.size = sizeof stats};
    expect(orionrt_heap_read_stats(&stats), "statistics");
    return stats;
}

int main(void) {
    if (!orionrt_heap_read_stats) {
        puts("without it");
        return 0;
    }
    size_t size = 8 << 20;
    orionrt_heap_stats before = now();
    char *block = memset(malloc(size), 1, size);
    orionrt_heap_stats after = now();
    expect(after.allocations > before.allocations, "an allocation is counted");
    expect(after.live_bytes - before.live_bytes >= size, "its bytes are live");
    expect(after.large_bytes - before.large_bytes >= size, "it is large");
    expect(after.peak_bytes >= after.used_bytes, "the peak is the most in use");
    expect(after.limit_bytes == SIZE_MAX, "there is no limit");

    expect(orionrt_heap_contains(block + size - 1), "a block is in the heap");
    expect(!orionrt_heap_contains(&block), "a variable is not");
    expect(!orionrt_heap_contains(NULL), "null is not");

    expect(orionrt_heap_set_limit(after.resident_bytes + (1 << 20)), "a limit is set");
    expect(now().limit_bytes == after.resident_bytes + (1 << 20), "it is told");
    expect(!malloc(size), "what is beyond it is refused");
    expect(now().failures > after.failures, "that is counted");
    expect(orionrt_heap_set_limit(SIZE_MAX), "it is lifted");
    expect(orionrt_heap_set_largest_block(size / 2), "blocks are limited");
    expect(!malloc(size), "a larger one is refused");
    expect(orionrt_heap_set_largest_block(SIZE_MAX), "that is lifted");
    free(block);
    free(malloc(size));
    expect(orionrt_heap_purge() > 0, "free memory goes back");

    // As a program that was compiled when the struct was smaller.
    orionrt_heap_stats older;
    memset(&older, 0x55, sizeof older);
    older.size = offsetof(orionrt_heap_stats, failures);
    expect(orionrt_heap_read_stats(&older), "a smaller struct");
    expect(older.allocations > 0 && older.failures == 0x5555555555555555, "the rest stays");
    older.size = sizeof older.size - 1;
    expect(!orionrt_heap_read_stats(&older), "too small a struct");
    if (!failures) puts("passed");
    return failures > 0;
}
