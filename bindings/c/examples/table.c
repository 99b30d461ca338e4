/*
 * Plans a table of tensors that a program already has, in its own structures, and prints where each
 * of them lies.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <orionrt/plan.h>

/* A tensor as this program knows it. The planner reads four of its fields where they are. */
struct tensor {
  const char *name;
  int64_t first_use;
  int64_t after_last_use;
  uint64_t bytes;
  double anything_else;
};

static const struct tensor tensors[] = {
  {"image", 0, 1, 602112, 0.5},  {"conv1", 0, 2, 802816, 0.1}, {"pool1", 1, 4, 200704, 0.2},
  {"conv2", 2, 4, 802816, 0.3},  {"sum", 3, 5, 802816, 0.4},   {"mean", 4, 6, 1024, 0.6},
  {"logits", 5, 7, 4000, 0.7},
};

enum { COUNT = sizeof tensors / sizeof tensors[0] };

#define FIELD(field) \
  (orionrt_column) { &tensors[0].field, sizeof tensors[0] }

static orionrt_status plan(orionrt_plan **plan, orionrt_error **error) {
  static const uint64_t alignments[COUNT] = {64, 64, 64, 64, 64, 64, 64};
  orionrt_columns columns = {0};
  columns.count = COUNT;
  columns.name = FIELD(name);
  columns.lower = FIELD(first_use);
  columns.upper = FIELD(after_last_use);
  columns.size = FIELD(bytes);
  columns.alignment = (orionrt_column){alignments, 0};

  orionrt_lifetimes *lifetimes = NULL;
  orionrt_status status = orionrt_lifetimes_from_columns(&columns, &lifetimes, error);
  if (status == ORIONRT_OK) status = orionrt_plan_make(lifetimes, NULL, plan, error);
  orionrt_lifetimes_free(lifetimes);
  return status;
}

int main(void) {
  orionrt_plan *made = NULL;
  orionrt_error *error = NULL;
  if (plan(&made, &error) != ORIONRT_OK) {
    fprintf(stderr, "%s\n", orionrt_error_message(error));
    orionrt_error_free(error);
    return EXIT_FAILURE;
  }
  const uint64_t *offsets = orionrt_plan_offsets(made);
  uint64_t separate = 0;
  printf("%-8s %8s %10s %10s\n", "tensor", "steps", "bytes", "offset");
  for (size_t i = 0; i < COUNT; i++) {
    const struct tensor *one = &tensors[i];
    printf("%-8s %4" PRId64 "..%-2" PRId64 " %10" PRIu64 " %10" PRIu64 "\n", one->name,
           one->first_use, one->after_last_use, one->bytes, offsets[i]);
    separate += one->bytes;
  }
  printf("peak %" PRIu64 " bytes%s; %" PRIu64 " without sharing\n", orionrt_plan_peak(made),
         orionrt_plan_is_optimal(made) ? ", optimal" : "", separate);
  orionrt_plan_free(made);
  return EXIT_SUCCESS;
}
