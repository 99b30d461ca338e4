// Overwrites the memory of its environment, as programs do that change their titles.
#include <stdlib.h>
#include <string.h>

extern char **environ;

// Not what a compiler leaves out.
static void *volatile block;

int main(void) {
    block = malloc(1000);
    free(block);
    for (char **variable = environ; *variable; variable++)
        memset(*variable, 'x', strlen(*variable));
    return 0;
}
