/* A program that changes the mapping of its own recording, so that what is rare happens at once.
 * The first argument says what. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POPULATE_WRITE = 23, HEADER_BYTES = 64 << 10, UNIT_BYTES = 4096, AT_CLAIMED = 6 };

static char *start;
static size_t length;
static void *volatile blocks[4];

/* Finds where the recording is mapped. */
static void find_mapping(void)
{
    static char text[1 << 16];
    size_t have = 0;
    ssize_t more;
    int file = open("/proc/self/maps", O_RDONLY);
    while ((more = read(file, text + have, sizeof text - 1 - have)) > 0)
        have += more;
    close(file);
    char *line = strstr(text, getenv("ORIONRT_RECORD"));
    while (line > text && line[-1] != '\n')
        line--;
    uintptr_t from, to;
    if (!line || sscanf(line, "%zx-%zx", &from, &to) != 2)
        _exit(10);
    start = (char *)from;
    length = to - from;
}

/* The thread has written to the recording, which is protected, and has not noted the event yet. */
static void free_one(int signal)
{
    if (mprotect(start, length, PROT_READ | PROT_WRITE))
        _exit(20 + signal);
    free(blocks[1]);
}

/* Blocks are freed while an event is written, and allocated again. */
static void handlers(void)
{
    signal(SIGSEGV, free_one);
    for (int round = 0; round < 1000; round++) {
        blocks[0] = malloc(711);
        blocks[1] = malloc(711);
        if (mprotect(start, length, PROT_READ))
            _exit(11);
        free(blocks[0]);
        blocks[2] = malloc(711);
        blocks[3] = malloc(711);
        free(blocks[2]);
        free(blocks[3]);
    }
}

/* While a part of the recording has no memory, a new stack comes a thousand times. */
static void shortage(void)
{
    void *page = mmap(NULL, UNIT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || (madvise(page, UNIT_BYTES, POPULATE_WRITE) && errno == EINVAL))
        _exit(77);
    size_t used = HEADER_BYTES + ((uint64_t *)start)[AT_CLAIMED] * UNIT_BYTES;
    if (munmap(start + used, length - used))
        _exit(12);
    for (int index = 0; index < 10000; index++) {
        blocks[0] = malloc(333);
        free(blocks[0]);
    }
    /* Volatile, so that there is one call for both sizes. */
    volatile size_t size = 444;
    for (int index = 0; index < 1010; index++) {
        if (index == 1000) {
            int file = open(getenv("ORIONRT_RECORD"), O_RDWR);
            void *again = mmap(start + used, length - used, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_FIXED_NOREPLACE, file, used);
            if (again != start + used)
                _exit(13);
            close(file);
            size = 555;
        }
        blocks[0] = malloc(size);
        free(blocks[0]);
    }
}

int main(int count, char **arguments)
{
    blocks[0] = malloc(1);
    free(blocks[0]);
    find_mapping();
    if (!strcmp(arguments[count > 1], "handlers"))
        handlers();
    else
        shortage();
    return 0;
}
