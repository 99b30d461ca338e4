// Allocates a little and exits.
#include <stdlib.h>

int main(void) {
    free(malloc(1000));
    return 0;
}
