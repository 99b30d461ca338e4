/*
 * Two threads plan the same lifetimes with the same planner at once, and free what they made. Where
 * the system refuses threads, a search has those that it gets.
 */

#define _XOPEN_SOURCE 700

#include "check.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static const orionrt_lifetimes *lifetimes;
static const orionrt_planner *planner;
static pthread_barrier_t barrier;

static void *plan(void *offsets) {
  for (int round = 0; round < 5; round++) {
    orionrt_plan *plan = NULL;
    const int waited = pthread_barrier_wait(&barrier);
    CHECK(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
    OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
    OK(orionrt_plan_copy_offsets(plan, offsets, orionrt_lifetimes_count(lifetimes), &error));
    orionrt_plan_free(plan);
    REFUSED(orionrt_plan_make(NULL, planner, &plan, &error), ORIONRT_NULL_POINTER, "lifetimes");
  }
  return NULL;
}

static bool go_on(const orionrt_progress *progress, void *data) {
  (void)progress, (void)data;
  return true;
}

static void *nothing(void *data) {
  return data;
}

/* No limit on threads holds for the user root, so it becomes another one. */
static void without_more_threads(const orionrt_lifetimes *many) {
  if (geteuid() == 0) CHECK(setuid(65534) == 0);
  struct rlimit before;
  CHECK(getrlimit(RLIMIT_NPROC, &before) == 0);
  const struct rlimit none = {0, before.rlim_max};
  CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
  pthread_t other;
  if (pthread_create(&other, NULL, nothing, NULL) == 0) {
    puts("the system refuses no threads");
    CHECK(pthread_join(other, NULL) == 0);
    return;
  }
  orionrt_planner *many_threads = orionrt_planner_new();
  OK(orionrt_planner_set_threads(many_threads, 8, &error));
  OK(orionrt_planner_set_node_limit(many_threads, 2000, &error));
  orionrt_plan *made = NULL;
  OK(orionrt_plan_make(many, many_threads, &made, &error));
  orionrt_plan_free(made);
  OK(orionrt_planner_set_progress(many_threads, go_on, NULL, 1, &error));
  REFUSED(orionrt_plan_make(many, many_threads, &made, &error), ORIONRT_INTERNAL,
          "refuses a thread");
  orionrt_planner_free(many_threads);
  CHECK(setrlimit(RLIMIT_NPROC, &before) == 0);
}

int main(void) {
  orionrt_lifetimes *many = endless();
  orionrt_planner *limited = orionrt_planner_new();
  OK(orionrt_planner_set_node_limit(limited, 2000, &error));
  lifetimes = many;
  planner = limited;
  uint64_t offsets[2][120];
  CHECK(orionrt_lifetimes_count(lifetimes) == 120);
  CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  pthread_t other;
  CHECK(pthread_create(&other, NULL, plan, offsets[1]) == 0);
  plan(offsets[0]);
  CHECK(pthread_join(other, NULL) == 0);
  /* A search that is limited by its work gives the same plan every time. */
  CHECK(memcmp(offsets[0], offsets[1], sizeof offsets[0]) == 0);
  orionrt_planner_free(limited);
  CHECK(pthread_barrier_destroy(&barrier) == 0);
  without_more_threads(many);
  orionrt_lifetimes_free(many);
  return EXIT_SUCCESS;
}
