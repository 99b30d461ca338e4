/* What the C tests share: checks that end the program, and lifetimes to plan. */

#ifndef ORIONRT_TESTS_CHECK_H
#define ORIONRT_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orionrt/plan.h>

#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) {                                                     \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      exit(EXIT_FAILURE);                                                   \
    }                                                                       \
  } while (0)

/* A call that must succeed. */
#define OK(call)                                                              \
  do {                                                                        \
    orionrt_error *error = NULL;                                              \
    if ((call) != ORIONRT_OK) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, orionrt_error_message(error)); \
      exit(EXIT_FAILURE);                                                     \
    }                                                                         \
    CHECK(error == NULL);                                                     \
  } while (0)

/* A call that must fail, with this status and with this text in its message. */
#define REFUSED(call, expected, text)                                         \
  do {                                                                        \
    orionrt_error *error = NULL;                                              \
    const orionrt_status status = (call);                                     \
    if (status != (expected)) {                                               \
      fprintf(stderr, "%s:%d: %s instead of %s\n", __FILE__, __LINE__,        \
              orionrt_status_name(status), orionrt_status_name(expected));    \
      exit(EXIT_FAILURE);                                                     \
    }                                                                         \
    CHECK(orionrt_error_status(error) == (expected));                         \
    if (strstr(orionrt_error_message(error), (text)) == NULL) {               \
      fprintf(stderr, "%s:%d: '%s' does not say '%s'\n", __FILE__, __LINE__,  \
              orionrt_error_message(error), (text));                          \
      exit(EXIT_FAILURE);                                                     \
    }                                                                         \
    orionrt_error_free(error);                                                \
  } while (0)

/* Three tensors, of which the first and the last are never alive together. */
static const int64_t three_lower[] = {0, 1, 2};
static const int64_t three_upper[] = {2, 3, 4};
static const uint64_t three_size[] = {1024, 2048, 1024};

static inline orionrt_columns three_columns(void) {
  orionrt_columns columns;
  memset(&columns, 0, sizeof columns);
  columns.count = 3;
  columns.lower.data = three_lower;
  columns.upper.data = three_upper;
  columns.size.data = three_size;
  return columns;
}

static inline orionrt_lifetimes *three(void) {
  const orionrt_columns columns = three_columns();
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  return lifetimes;
}

static inline orionrt_plan *planned(const orionrt_lifetimes *lifetimes,
                                    const orionrt_planner *planner) {
  orionrt_plan *plan = NULL;
  OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
  return plan;
}

static inline bool text_is(orionrt_string string, const char *text) {
  return string.length == strlen(text) && memcmp(string.data, text, string.length) == 0;
}

/*
 * Lifetimes whose search does not end by itself: between aligned tensors there are gaps that no
 * other one fits in, which the lower bound does not count, and there are too many orders to try.
 */
static inline orionrt_lifetimes *endless(void) {
  enum { COUNT = 120 };
  int64_t lower[COUNT], upper[COUNT];
  uint64_t size[COUNT], alignment[COUNT];
  uint64_t state = 1;
  for (size_t i = 0; i < COUNT; i++) {
    uint64_t random[3];
    for (size_t j = 0; j < 3; j++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      random[j] = state >> 33;
    }
    lower[i] = (int64_t)(random[0] % 50);
    upper[i] = (int64_t)(51 + random[1] % 50);
    size[i] = i % 2 == 0 ? 33 + random[2] % 7 : 40 + random[2] % 60;
    alignment[i] = i % 2 == 0 ? 64 : 1;
  }
  orionrt_columns columns;
  memset(&columns, 0, sizeof columns);
  columns.count = COUNT;
  columns.lower.data = lower;
  columns.upper.data = upper;
  columns.size.data = size;
  columns.alignment.data = alignment;
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  return lifetimes;
}

#endif
