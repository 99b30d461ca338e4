// A library to preload whose functions for files allocate.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *volatile block;

static void allocates(void) {
    block = malloc(100);
    free(block);
}

int open(const char *path, int flags, ...) {
    allocates();
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

ssize_t read(int file, void *place, size_t most) {
    allocates();
    return syscall(SYS_read, file, place, most);
}

int close(int file) {
    allocates();
    return (int)syscall(SYS_close, file);
}
