// Threads that allocate after their thread-local storage is gone, blocks that outlive threads,
// forks amid it all, and functions that run when the program exits.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 200, BLOCKS = 500, FORKS = 300 };

static pthread_key_t key;
static _Atomic(void *) shared[BLOCKS];

// Called when a thread ends, once for each round that finds a value: the last ones after the
// destructors of C++ and Rust.
static void last_words(void *value) {
    intptr_t left = (intptr_t)value;
    char *block = malloc(1000 + left);
    memset(block, 1, 1000 + left);
    free(block);
    if (left > 1) pthread_setspecific(key, (void *)(left - 1));
}

static void *work(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed * 2654435761u + 1;
    pthread_setspecific(key, (void *)4);
    for (int i = 0; i < BLOCKS; i++) {
        state = state * 1664525u + 1013904223u;
        size_t size = (state >> 8) % (i % 50 ? 2000 : 200000);
        unsigned char *block = malloc(size + 1);
        if (!block) abort();
        block[0] = block[size] = (unsigned char)size;
        // Another thread's block goes back here.
        free(__atomic_exchange_n(&shared[state % BLOCKS], block, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

static void *fork_on_and_on(void *unused) {
    (void)unused;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child < 0) abort();
        if (child == 0) {
            for (int j = 0; j < 200; j++) free(malloc(j * 37));
            void *large = malloc(1 << 20);
            free(large);
            pthread_t thread;
            if (pthread_create(&thread, NULL, work, (void *)7)) _exit(2);
            pthread_join(thread, NULL);
            _exit(large ? 0 : 3);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status) abort();
    }
    return NULL;
}

static void at_exit(void) {
    char *block = strdup("passed");
    puts(block);
    free(block);
}

__attribute__((constructor)) static void before_main(void) { free(malloc(123)); }

__attribute__((destructor)) static void after_main(void) { free(calloc(3, 1000)); }

int main(void) {
    atexit(at_exit);
    pthread_key_create(&key, last_words);
    pthread_t forker, threads[THREADS];
    if (pthread_create(&forker, NULL, fork_on_and_on, NULL)) abort();
    for (int round = 0; round < ROUNDS; round++) {
        for (intptr_t i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, work, (void *)(i + round * THREADS))) abort();
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    }
    pthread_join(forker, NULL);
    for (int i = 0; i < BLOCKS; i++) free(shared[i]);
    return 0;
}
