// Allocates in the ways that C++ and C have.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

struct Node { int values[64]; };

__attribute__((noinline)) std::vector<int>* make_vector(int n) { return new std::vector<int>(n); }
__attribute__((noinline)) void* raw_buffer(size_t n) { return malloc(n); }

int main() {
    std::map<std::string, int> words;
    for (int i = 0; i < 20; i++)
        words["a key that is long enough to be on the heap " + std::to_string(i)] = i;
    void* keep = raw_buffer(100000);
    for (int i = 0; i < 5; i++) delete make_vector(1000 * (i + 1));
    void* grown = calloc(10, 100);
    grown = realloc(grown, 5000);
    free(grown);
    Node* leak = new Node;
    leak->values[0] = 1;
    printf("%d %d\n", (int)words.size(), keep != nullptr);
    free(keep);
}
