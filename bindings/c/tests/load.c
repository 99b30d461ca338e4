/*
 * The binary interface: a program that was not linked to the library loads it, finds its functions
 * by name and calls them. What stands here must stay valid for every library of this SONAME.
 *
 *   load LIBRARY
 */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      exit(EXIT_FAILURE);                                                      \
    }                                                                          \
  } while (0)

/* The structures as they were when this interface was first given out. */
struct column {
  const void *data;
  size_t stride;
};
struct columns {
  size_t count;
  struct column lower, upper, size, alignment, fixed_offset, root, root_offset, name;
};

static void *library;

/* Writes a function's address to a pointer to it, as POSIX has it. */
static void find(void *function, const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "%s is not there\n", name);
    exit(EXIT_FAILURE);
  }
  memcpy(function, &found, sizeof found);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return EXIT_FAILURE;
  }
  uint32_t (*abi_version)(void);
  int32_t (*from_columns)(const struct columns *, void **, void **);
  int32_t (*make)(const void *, const void *, void **, void **);
  uint64_t (*peak)(const void *);
  const uint64_t *(*offsets)(const void *);
  const char *(*message)(const void *);
  void (*free_error)(void *), (*free_plan)(void *), (*free_lifetimes)(void *);
  find(&abi_version, "orionrt_abi_version");
  find(&from_columns, "orionrt_lifetimes_from_columns");
  find(&make, "orionrt_plan_make");
  find(&peak, "orionrt_plan_peak");
  find(&offsets, "orionrt_plan_offsets");
  find(&message, "orionrt_error_message");
  find(&free_error, "orionrt_error_free");
  find(&free_plan, "orionrt_plan_free");
  find(&free_lifetimes, "orionrt_lifetimes_free");

  CHECK(abi_version() == 3);
  const int64_t lower[] = {0, 1, 2}, upper[] = {2, 3, 4};
  const uint64_t size[] = {1024, 2048, 1024}, wrong[] = {1, 2, 3};
  struct columns columns;
  memset(&columns, 0, sizeof columns);
  columns.count = 3;
  columns.lower.data = lower;
  columns.upper.data = upper;
  columns.size.data = size;
  void *lifetimes = NULL, *plan = NULL, *error = NULL;
  CHECK(from_columns(&columns, &lifetimes, &error) == 0 && error == NULL);
  CHECK(make(lifetimes, NULL, &plan, &error) == 0 && error == NULL);
  CHECK(peak(plan) == 3072 && offsets(plan)[0] == offsets(plan)[2]);
  free_plan(plan);
  free_lifetimes(lifetimes);
  columns.alignment.data = wrong;
  CHECK(from_columns(&columns, &lifetimes, &error) == 11 && lifetimes == NULL);
  CHECK(strstr(message(error), "3") != NULL);
  free_error(error);
  return EXIT_SUCCESS;
}
