/* Runs a program with the library of PRELOAD on a system that can do less. The first argument says
 * what it cannot do, the others are the program and its arguments. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POPULATE_WRITE = 23, TABLE_BYTES = (8 << 20) + 4096 };

/* From here on, a call of the system fails with this error where the lower half of an argument,
 * which is at this place, has this value. */
static int refuse(int call, size_t argument, unsigned value, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* From here on, `madvise` with MADV_POPULATE_WRITE fails with this error. */
static int refuse_to_populate(int error)
{
    return refuse(SYS_madvise, offsetof(struct seccomp_data, args[2]), POPULATE_WRITE, error);
}

/* From here on, nothing of as many bytes as the table of stacks is mapped. */
static int refuse_tables(void)
{
    return refuse(SYS_mmap, offsetof(struct seccomp_data, args[1]), TABLE_BYTES, ENOMEM);
}

/* From here on, files have at most so many bytes. */
static int limit_files(rlim_t bytes)
{
    struct rlimit limit = { bytes, bytes };
    return setrlimit(RLIMIT_FSIZE, &limit);
}

int main(int count, char **arguments)
{
    if (count < 3)
        return 99;
    int failed = !strcmp(arguments[1], "populate")  ? refuse_to_populate(EINVAL)
                 : !strcmp(arguments[1], "memory") ? refuse_to_populate(ENOMEM)
                 : !strcmp(arguments[1], "tables") ? refuse_tables()
                                                   : limit_files(51200);
    if (failed)
        return 77;
    setenv("LD_PRELOAD", getenv("PRELOAD"), 1);
    execv(arguments[2], arguments + 2);
    return 98;
}
