// A thread that allocates for the first time when there is no memory left is refused, and nothing
// else happens; once there is memory again it is served.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t turn;
static int failures;

static void expect(int holds, const char *what) {
    if (holds) return;
    printf("failed: %s\n", what);
    failures++;
}

static void *first_allocation(void *unused) {
    pthread_barrier_wait(&turn);
    // Larger than what may be left over in some span.
    for (size_t size = 1 << 20; size >= 1 << 12; size /= 2)
        expect(!malloc(size), "refused while there is no memory");
    free(malloc(1));  // Perhaps served: a span may have room.
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    void *block = malloc(1 << 16);
    expect(block != NULL, "served when there is memory");
    free(block);
    return unused;
}

int main(void) {
    enum { MOST = 1 << 16 };
    static void *blocks[MOST];
    pthread_t thread;
    pthread_barrier_init(&turn, NULL, 2);
    if (pthread_create(&thread, NULL, first_allocation, NULL)) return 2;
    int count = 0;
    for (size_t size = 1 << 20; size; size /= 2)
        while (count < MOST && (blocks[count] = malloc(size))) count++;
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    while (count) free(blocks[--count]);
    pthread_barrier_wait(&turn);
    pthread_join(thread, NULL);
    if (!failures) puts("passed");
    return failures > 0;
}
