// Frees what is not a block, as the first argument says, after printing its address.
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    char *block = malloc(100000), *wrong = block;
    if (!strcmp(what, "interior")) wrong += 64;
    if (!strcmp(what, "page")) wrong += 8192;
    if (!strcmp(what, "stack")) wrong = (char *)&block;
    if (!strcmp(what, "mapped"))
        wrong = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!strncmp(what, "small", 5)) wrong = malloc(100);
    if (!strcmp(what, "small interior")) wrong += 32;
    printf("%p\n", (void *)wrong);
    fflush(stdout);
    if (!strcmp(what, "twice") || !strcmp(what, "small twice")) free(wrong);
    if (count > 2)
        wrong = realloc(wrong, 200000);
    else
        free(wrong);
    puts("not noticed");
    return 0;
}
