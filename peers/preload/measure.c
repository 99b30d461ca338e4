// Runs a command and writes what it has used to the file descriptor 3: CPU seconds, and the most
// resident memory of one of its processes in KiB.
//
// The system counts a process's memory from the moment when it is a copy of its parent. So the
// parent must be as small as this program is.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec * 1e-6; }

int main(int count, char **arguments) {
    // The heap to preload, or an empty text; then the command.
    if (count < 3) return 2;
    pid_t child = fork();
    if (child == 0) {
        close(3);
        if (*arguments[1]) setenv("LD_PRELOAD", arguments[1], 1);
        execvp(arguments[2], arguments + 2);
        fprintf(stderr, "%s: %s\n", arguments[2], strerror(errno));
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) != child) return 1;
    dprintf(3, "%f %ld\n", seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
