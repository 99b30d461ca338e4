/* What a recording is made of: calls by several threads, which free each other's blocks; children;
 * ends of all kinds. The first argument says which. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, STEPS = 20000, SLOTS = 512 };

static _Atomic(void *) slots[SLOTS];

static void *work(void *argument)
{
    unsigned long state = (unsigned long)argument * 0x9e3779b97f4a7c15 + 1;
    for (int step = 0; step < STEPS; step++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        size_t size = state % 64 ? state % 2000 : state % 300000;
        void *block = NULL;
        switch (state >> 20 & 7) {
        case 0: block = calloc(3, size / 3 + 1); break;
        case 1: block = aligned_alloc(256, size); break;
        case 2: block = realloc(malloc(size + 1), size / 2 + 1); break;
        case 3: block = realloc(malloc(size + 1), size * 3 + 1); break;
        default: block = malloc(size);
        }
        free(atomic_exchange(&slots[state >> 40 & (SLOTS - 1)], block));
    }
    return NULL;
}

static void threads(void)
{
    pthread_t threads[THREADS];
    for (long index = 0; index < THREADS; index++)
        pthread_create(&threads[index], NULL, work, (void *)index);
    for (int index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    for (int slot = 0; slot < SLOTS; slot++)
        free(slots[slot]);
}

static void *volatile kept;

static void *allocate_once(void *size)
{
    return malloc((size_t)size);
}

static void allocate(int count, size_t size)
{
    for (int index = 0; index < count; index++) {
        kept = malloc(size);
        free(kept);
    }
}

static void say_mapped_pages(void)
{
    char text[32];
    int file = open("/proc/self/statm", O_RDONLY);
    ssize_t length = read(file, text, sizeof text);
    close(file);
    char *end = memchr(text, ' ', length > 0 ? length : 0);
    if (!end)
        _exit(1);
    *end++ = '\n';
    if (write(1, text, end - text) != end - text)
        _exit(1);
}

int main(int count, char **arguments)
{
    const char *what = arguments[count > 1];
    allocate(1000, 777);
    if (!strcmp(what, "threads")) {
        threads();
    } else if (!strcmp(what, "killed")) {
        kept = malloc(888);
        kill(getpid(), SIGKILL);
    } else if (!strcmp(what, "crashes")) {
        kept = malloc(888);
        *(volatile int *)8 = 1;
    } else if (!strcmp(what, "leaves")) {
        kept = malloc(888);
        _exit(0);
    } else if (!strcmp(what, "forks")) {
        for (int child = 1; child <= 3; child++)
            if (!fork()) {
                allocate(100 * child, 555);
                _exit(0);
            }
        while (wait(NULL) > 0)
            ;
        allocate(10, 444);
    } else if (!strcmp(what, "short")) {
        for (int index = 0; index < 2000; index++) {
            pthread_t thread;
            void *block;
            pthread_create(&thread, NULL, allocate_once, (void *)333);
            pthread_join(thread, &block);
            free(block);
        }
    } else if (!strcmp(what, "exits")) {
        if (!fork())
            exit(0);
        while (wait(NULL) > 0)
            ;
    } else if (!strcmp(what, "generations")) {
        /* A child has a child; each says how many pages it has mapped. */
        for (int generation = 0; generation < 4 && !fork(); generation++) {
            allocate(1, 555);
            say_mapped_pages();
        }
        wait(NULL);
    } else if (!strcmp(what, "clones")) {
        /* As `fork`, but nobody is told. */
        if (!syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) {
            allocate(100, 555);
            _exit(0);
        }
        while (wait(NULL) > 0)
            ;
        allocate(10, 444);
    } else if (!strcmp(what, "becomes")) {
        execl(arguments[0], arguments[0], "nothing", NULL);
    } else if (!strcmp(what, "closes")) {
        for (int file = 3; file < 100; file++)
            close(file);
        allocate(100000, 333);
    }
    return 0;
}
