/* Two threads plan the same lifetimes with the same planner at once, and free what they made. */

#include "check.h"

#include <pthread.h>

static const orionrt_lifetimes *lifetimes;
static const orionrt_planner *planner;

static void *plan(void *offsets) {
  for (int round = 0; round < 5; round++) {
    orionrt_plan *plan = NULL;
    OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
    OK(orionrt_plan_copy_offsets(plan, offsets, orionrt_lifetimes_count(lifetimes), &error));
    orionrt_plan_free(plan);
    REFUSED(orionrt_plan_make(NULL, planner, &plan, &error), ORIONRT_NULL_POINTER, "lifetimes");
  }
  return NULL;
}

int main(void) {
  orionrt_lifetimes *many = endless();
  orionrt_planner *limited = orionrt_planner_new();
  OK(orionrt_planner_set_node_limit(limited, 2000, &error));
  lifetimes = many;
  planner = limited;
  uint64_t offsets[2][120];
  CHECK(orionrt_lifetimes_count(lifetimes) == 120);
  pthread_t other;
  CHECK(pthread_create(&other, NULL, plan, offsets[1]) == 0);
  plan(offsets[0]);
  CHECK(pthread_join(other, NULL) == 0);
  /* A search that is limited by its work gives the same plan every time. */
  CHECK(memcmp(offsets[0], offsets[1], sizeof offsets[0]) == 0);
  orionrt_planner_free(limited);
  orionrt_lifetimes_free(many);
  return EXIT_SUCCESS;
}
