/*
 * A function of the caller's watches a search and ends it with the best plan so far; it runs on the
 * thread that asked for the plan.
 */

#include "check.h"

#include <pthread.h>

struct watcher {
  pthread_t thread;
  unsigned calls;
  uint64_t elapsed_us;
  uint64_t best_peak;
  uint64_t lower_bound;
};

/* Ends the search as soon as there is a plan, and some calls have been made. */
static bool watch(const orionrt_progress *progress, void *data) {
  struct watcher *watcher = data;
  CHECK(pthread_equal(pthread_self(), watcher->thread));
  CHECK(progress->elapsed_us >= watcher->elapsed_us);
  CHECK(progress->best_peak <= watcher->best_peak);
  watcher->elapsed_us = progress->elapsed_us;
  CHECK(progress->lower_bound >= watcher->lower_bound);
  watcher->best_peak = progress->best_peak;
  watcher->lower_bound = progress->lower_bound;
  watcher->calls++;
  return watcher->calls < 5 || progress->best_peak == UINT64_MAX;
}

static void a_search_is_watched_and_ended(const orionrt_lifetimes *lifetimes, size_t threads) {
  struct watcher watcher = {pthread_self(), 0, 0, UINT64_MAX, 0};
  orionrt_planner *planner = orionrt_planner_new();
  OK(orionrt_planner_set_time_limit_us(planner, 3600 * UINT64_C(1000000), &error));
  OK(orionrt_planner_set_threads(planner, threads, &error));
  OK(orionrt_planner_set_progress(planner, watch, &watcher, 1000, &error));
  orionrt_plan *plan = NULL;
  OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
  CHECK(watcher.calls >= 5);
  /* The search may have found a better plan after the last call. */
  CHECK(orionrt_plan_peak(plan) <= watcher.best_peak);
  CHECK(watcher.lower_bound == orionrt_lifetimes_lower_bound(lifetimes));
  CHECK(orionrt_plan_peak(plan) > orionrt_plan_lower_bound(plan));
  orionrt_plan_free(plan);

  /* Without the function, the planner is as before; a search of no time still has a plan. */
  OK(orionrt_planner_set_progress(planner, NULL, NULL, 0, &error));
  OK(orionrt_planner_set_time_limit_us(planner, 0, &error));
  OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
  CHECK(watcher.calls >= 5 && orionrt_plan_peak(plan) >= orionrt_plan_lower_bound(plan));
  orionrt_plan_free(plan);
  orionrt_planner_free(planner);
}

/* A watcher that changes its own planner, and then frees it. */
struct owner {
  orionrt_planner *planner;
  unsigned calls;
};

static bool change_own_planner(const orionrt_progress *progress, void *data) {
  struct owner *owner = data;
  (void)progress;
  if (owner->calls++ == 0) {
    OK(orionrt_planner_set_seed(owner->planner, 7, &error));
    OK(orionrt_planner_set_progress(owner->planner, NULL, NULL, 0, &error));
    return true;
  }
  orionrt_planner_free(owner->planner);
  return false;
}

static void a_watcher_may_change_its_planner(const orionrt_lifetimes *lifetimes) {
  struct owner owner = {orionrt_planner_new(), 0};
  OK(orionrt_planner_set_time_limit_us(owner.planner, 3600 * UINT64_C(1000000), &error));
  OK(orionrt_planner_set_progress(owner.planner, change_own_planner, &owner, 1000, &error));
  orionrt_plan *plan = NULL;
  OK(orionrt_plan_make(lifetimes, owner.planner, &plan, &error));
  CHECK(owner.calls == 2 && orionrt_plan_count(plan) == orionrt_lifetimes_count(lifetimes));
  orionrt_plan_free(plan);
}

static bool never(const orionrt_progress *progress, void *data) {
  (void)progress;
  CHECK(data == NULL);
  return false;
}

static void a_failure_of_a_watched_search_is_an_error(void) {
  const uint64_t fixed[] = {0, 0, 0};
  orionrt_columns columns = three_columns();
  columns.fixed_offset.data = fixed;
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  orionrt_planner *planner = orionrt_planner_new();
  OK(orionrt_planner_set_progress(planner, never, NULL, 1, &error));
  orionrt_plan *plan = NULL;
  REFUSED(orionrt_plan_make(lifetimes, planner, &plan, &error), ORIONRT_OVERLAP, "fixed");
  orionrt_planner_free(planner);
  orionrt_lifetimes_free(lifetimes);
}

int main(void) {
  orionrt_lifetimes *lifetimes = endless();
  a_search_is_watched_and_ended(lifetimes, 1);
  a_search_is_watched_and_ended(lifetimes, 2);
  a_watcher_may_change_its_planner(lifetimes);
  orionrt_lifetimes_free(lifetimes);
  a_failure_of_a_watched_search_is_an_error();
  return EXIT_SUCCESS;
}
