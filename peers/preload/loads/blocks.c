// Loads of allocation alone, of kinds that allocators are commonly measured with; each is written
// anew from its description.
//
//   larson    threads replace random blocks of a table that is handed on to a new thread
//   handover  blocks are allocated in one thread and freed in another
//   sizes     groups of blocks of many sizes, freed in another order, by several threads
//   mixed     trees of objects that live for different times, with large blocks among them
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2 };

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void run(void *(*work)(void *), void *arguments[THREADS]) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, arguments[i])) abort();
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

enum { TABLE = 5000, REPLACED = 250000, GENERATIONS = 40 };

struct table {
    char *blocks[TABLE];
    uint64_t state;
    int generation;
};

static void *larson(void *argument) {
    struct table *table = argument;
    for (int i = 0; i < REPLACED; i++) {
        uint64_t random = next(&table->state);
        size_t size = 10 + (random >> 32) % 500, at = random % TABLE;
        free(table->blocks[at]);
        table->blocks[at] = malloc(size);
        table->blocks[at][0] = table->blocks[at][size - 1] = 1;
    }
    if (++table->generation < GENERATIONS) {
        pthread_t heir;
        if (pthread_create(&heir, NULL, larson, table)) abort();
        pthread_join(heir, NULL);
    }
    return NULL;
}

enum { BATCH = 200, BATCHES = 40000, WAITING = 64 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void **batches[WAITING];
    int count, done;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *take(void *unused) {
    for (;;) {
        pthread_mutex_lock(&queue.lock);
        while (!queue.count && !queue.done) pthread_cond_wait(&queue.changed, &queue.lock);
        if (!queue.count) break;
        void **batch = queue.batches[--queue.count];
        pthread_cond_broadcast(&queue.changed);
        pthread_mutex_unlock(&queue.lock);
        for (int i = 0; i < BATCH; i++) free(batch[i]);
        free(batch);
    }
    pthread_mutex_unlock(&queue.lock);
    return unused;
}

static void *give(void *unused) {
    uint64_t state = 99;
    for (int i = 0; i < BATCHES; i++) {
        void **batch = malloc(BATCH * sizeof *batch);
        for (int j = 0; j < BATCH; j++) {
            size_t size = 16 + next(&state) % 400;
            batch[j] = memset(malloc(size), 1, size);
        }
        pthread_mutex_lock(&queue.lock);
        while (queue.count == WAITING) pthread_cond_wait(&queue.changed, &queue.lock);
        queue.batches[queue.count++] = batch;
        queue.done = i + 1 == BATCHES;
        pthread_cond_broadcast(&queue.changed);
        pthread_mutex_unlock(&queue.lock);
    }
    return unused;
}

static void *handover(void *seed) { return seed ? give(seed) : take(seed); }

enum { GROUP = 3000, GROUPS = 3000 };

static void *sizes(void *seed) {
    uint64_t state = 7 + (uintptr_t)seed;
    char **blocks = malloc(GROUP * sizeof *blocks);
    for (int round = 0; round < GROUPS; round++) {
        for (int i = 0; i < GROUP; i++) {
            uint64_t random = next(&state);
            size_t size = 8 + (random >> 20) % (random % 16 ? 200 : 3000);
            blocks[i] = malloc(size);
            blocks[i][0] = 1;
        }
        // Every second one forwards, the others backwards.
        for (int i = 0; i < GROUP; i += 2) free(blocks[i]);
        for (int i = GROUP - 1; i > 0; i -= 2) free(blocks[i]);
    }
    free(blocks);
    return NULL;
}

struct node {
    struct node *left, *right;
    size_t size;
};

static struct node *tree(uint64_t *state, int depth) {
    size_t size = sizeof(struct node) + next(state) % 120;
    struct node *node = malloc(size);
    node->size = size;
    node->left = depth ? tree(state, depth - 1) : NULL;
    node->right = depth ? tree(state, depth - 1) : NULL;
    return node;
}

static void fell(struct node *node) {
    if (!node) return;
    fell(node->left);
    fell(node->right);
    free(node);
}

static void *mixed(void *seed) {
    uint64_t state = 3 + (uintptr_t)seed;
    struct node *kept[16] = {0};
    char *large[8] = {0};
    for (int round = 0; round < 1500; round++) {
        uint64_t random = next(&state);
        fell(kept[random % 16]);
        kept[random % 16] = tree(&state, 8 + random % 5);
        fell(tree(&state, 10));
        size_t size = (size_t)32768 << (random >> 40) % 6;
        free(large[round % 8]);
        large[round % 8] = memset(malloc(size), 1, size);
    }
    for (int i = 0; i < 16; i++) fell(kept[i]);
    for (int i = 0; i < 8; i++) free(large[i]);
    return NULL;
}

int main(int count, char **arguments) {
    const char *load = count > 1 ? arguments[1] : "";
    void *seeds[THREADS] = {NULL, &queue};
    if (!strcmp(load, "larson")) {
        void *tables[THREADS];
        for (int i = 0; i < THREADS; i++) {
            struct table *table = calloc(1, sizeof *table);
            table->state = i + 1;
            tables[i] = table;
        }
        run(larson, tables);
    } else if (!strcmp(load, "handover")) {
        run(handover, seeds);
    } else if (!strcmp(load, "sizes")) {
        run(sizes, seeds);
    } else if (!strcmp(load, "mixed")) {
        run(mixed, seeds);
    } else {
        fprintf(stderr, "expected larson, handover, sizes or mixed\n");
        return 2;
    }
    return 0;
}
