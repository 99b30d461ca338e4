/*
 * Two threads plan the same lifetimes with the same planner at once, and free what they made. A
 * search is ended by another thread, which plans meanwhile. Where the system refuses threads, a
 * search has those that it gets.
 */

#define _XOPEN_SOURCE 700

#include "check.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static const orionrt_lifetimes *lifetimes;
static const orionrt_planner *planner;
static pthread_barrier_t barrier;

/* Waits for the other thread. */
static void meet(void) {
  const int waited = pthread_barrier_wait(&barrier);
  CHECK(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void *plan(void *offsets) {
  for (int round = 0; round < 5; round++) {
    orionrt_plan *plan = NULL;
    meet();
    OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
    OK(orionrt_plan_copy_offsets(plan, offsets, orionrt_lifetimes_count(lifetimes), &error));
    orionrt_plan_free(plan);
    REFUSED(orionrt_plan_make(NULL, planner, &plan, &error), ORIONRT_NULL_POINTER, "lifetimes");
  }
  return NULL;
}

/* A search that goes on until another thread says that it is to end. */
struct search {
  unsigned calls;
  pthread_mutex_t lock;
  bool is_to_end;
};

static bool until_told(const orionrt_progress *progress, void *data) {
  struct search *search = data;
  (void)progress;
  if (search->calls++ == 0) meet();
  CHECK(pthread_mutex_lock(&search->lock) == 0);
  const bool is_to_end = search->is_to_end;
  CHECK(pthread_mutex_unlock(&search->lock) == 0);
  return !is_to_end;
}

static void *plan_until_told(void *data) {
  orionrt_planner *patient = orionrt_planner_new();
  OK(orionrt_planner_set_strategy(patient, "skyline", &error));
  OK(orionrt_planner_set_time_limit_us(patient, 3600 * UINT64_C(1000000), &error));
  OK(orionrt_planner_set_progress(patient, until_told, data, 1000, &error));
  orionrt_plan *made = NULL;
  OK(orionrt_plan_make(lifetimes, patient, &made, &error));
  orionrt_planner_free(patient);
  return made;
}

/* The other search has begun before this thread plans, and has not ended after that. */
static void a_search_is_ended_by_another_thread(void) {
  struct search search = {0, PTHREAD_MUTEX_INITIALIZER, false};
  pthread_t other;
  CHECK(pthread_create(&other, NULL, plan_until_told, &search) == 0);
  meet();
  orionrt_plan *own = NULL;
  void *others = NULL;
  OK(orionrt_plan_make(lifetimes, planner, &own, &error));
  CHECK(pthread_mutex_lock(&search.lock) == 0);
  search.is_to_end = true;
  CHECK(pthread_mutex_unlock(&search.lock) == 0);
  CHECK(pthread_join(other, &others) == 0);
  CHECK(orionrt_plan_peak(others) >= orionrt_plan_lower_bound(others));
  CHECK(orionrt_plan_count(others) == orionrt_plan_count(own));
  orionrt_plan_free(others), orionrt_plan_free(own);
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
  a_search_is_ended_by_another_thread();
  orionrt_planner_free(limited);
  CHECK(pthread_barrier_destroy(&barrier) == 0);
  without_more_threads(many);
  orionrt_lifetimes_free(many);
  return EXIT_SUCCESS;
}
