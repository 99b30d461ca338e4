// Loads a library in C++ so that its symbols, and those of the C++ library, are not global.
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
    void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*throws)(void) = NULL;
    if (library) *(void **)&throws = dlsym(library, "throws");
    if (!throws) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    if (throws() != 1) return 1;
    puts("passed");
    return 0;
}
