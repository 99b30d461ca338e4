// Allocates a little and exits.
#include <stdlib.h>

// Not what a compiler leaves out.
static void *volatile block;

int main(void) {
    block = malloc(1000);
    free(block);
    return 0;
}
