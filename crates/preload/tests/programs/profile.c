/* Allocates known amounts at known places: `keeps` 200 blocks of 10,000 bytes, `drops` 300 of 2,000
   that are freed. What the first argument names happens besides. */
#define _GNU_SOURCE
#define ORIONRT_OPTIONAL
#include <errno.h>
#include <orionrt/malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

void *volatile kept[200];

__attribute__((noinline)) void keeps(void) {
    for (int i = 0; i < 200; i++) kept[i] = malloc(10000);
}

__attribute__((noinline)) void drops(void) {
    for (int i = 0; i < 300; i++) {
        void *volatile block = malloc(2000);
        free(block);
    }
}

static void *churns(void *seed) {
    unsigned state = (unsigned)(size_t)seed;
    void *blocks[64] = {0};
    for (int i = 0; i < 200000; i++) {
        void **place = &blocks[rand_r(&state) % 64];
        free(*place);
        *place = malloc(rand_r(&state) % 3000 + 1);
    }
    for (int i = 0; i < 64; i++) free(blocks[i]);
    return NULL;
}

/* Raises a signal, and takes slow paths of the heap, the first of which serves it. */
static void is_profiled(void) {
    raise(SIGUSR2);
    for (int i = 0; i < 4; i++) {
        void *volatile block = malloc(1 << 20);
        free(block);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    keeps();
    drops();
    if (!strcmp(what, "forks")) {
        pid_t child = fork();
        if (child == 0) {
            keeps();
            exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status) return 1;
        printf("%d\n", (int)child);
    } else if (!strcmp(what, "signals")) {
        /* A timer interrupts three threads in the middle of allocations. */
        struct itimerval every = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
        if (argc > 2) signal(SIGALRM, SIG_IGN);
        setitimer(ITIMER_REAL, &every, NULL);
        pthread_t threads[3];
        for (size_t i = 0; i < 3; i++) pthread_create(&threads[i], NULL, churns, (void *)(i + 1));
        for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
        setitimer(ITIMER_REAL, &never, NULL);
    } else if (!strcmp(what, "asks")) {
        if (!orionrt_heap_profile_write(argv[2])) return 1;
        if (orionrt_heap_profile_write("/nowhere/at/all") || errno != ENOENT) return 2;
        if (orionrt_heap_profile_write(NULL) || errno != EINVAL) return 3;
        if (symlink("elsewhere", "link") || orionrt_heap_profile_write("link")) return 4;
    } else if (!strcmp(what, "moves")) {
        if (chdir(argv[2])) return 1;
        is_profiled();
    } else if (!strcmp(what, "forks profiled")) {
        is_profiled();
        is_profiled();
        pid_t child = fork();
        if (child == 0) {
            is_profiled();
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status) return 1;
        printf("%d\n", (int)child);
    }
    return 0;
}
