// Loads a library and gives it back, which it may outlast.
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
    void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    dlclose(library);
    if (!dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD)) return 1;
    puts("passed");
    return 0;
}
