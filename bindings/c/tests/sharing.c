/* What may share bytes, within one model and among several, beside every step and every pair. */

#include "check.h"

enum { MODELS = 3, TENSORS = 8, STEPS = 40 };

struct tensor {
  int64_t lower, upper;
  uint64_t size, alignment;
};

static uint64_t state = 1;

/* A number below this one. */
static uint64_t below(uint64_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (state >> 33) % limit;
}

/* Tensors that live for fewer than 6 steps, some of them for none, or without bytes. */
static void draw(struct tensor *tensors) {
  for (size_t i = 0; i < TENSORS; i++) {
    tensors[i].lower = (int64_t)below(10);
    tensors[i].upper = tensors[i].lower + (int64_t)below(6);
    tensors[i].size = below(50);
    tensors[i].alignment = (uint64_t)1 << below(6);
  }
}

static orionrt_lifetimes *lifetimes_of(const struct tensor *tensors) {
  orionrt_columns columns;
  memset(&columns, 0, sizeof columns);
  columns.count = TENSORS;
  columns.lower = (orionrt_column){&tensors[0].lower, sizeof tensors[0]};
  columns.upper = (orionrt_column){&tensors[0].upper, sizeof tensors[0]};
  columns.size = (orionrt_column){&tensors[0].size, sizeof tensors[0]};
  columns.alignment = (orionrt_column){&tensors[0].alignment, sizeof tensors[0]};
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  return lifetimes;
}

static bool is_alive(const struct tensor *tensor, int64_t step) {
  return tensor->lower <= step && step < tensor->upper && tensor->size > 0;
}

/* Of tensors at multiples of at least `alignment`, all but one are padded to it: the one that is
 * padded most. */
static uint64_t bound_at(const struct tensor *tensors, int64_t step) {
  uint64_t bound = 0;
  for (uint64_t alignment = 1; alignment <= 32; alignment *= 2) {
    uint64_t padded = 0, most = 0;
    for (size_t i = 0; i < TENSORS; i++) {
      if (!is_alive(&tensors[i], step) || tensors[i].alignment < alignment) continue;
      const uint64_t all = (tensors[i].size + alignment - 1) / alignment * alignment;
      padded += all;
      if (all - tensors[i].size > most) most = all - tensors[i].size;
    }
    if (padded - most > bound) bound = padded - most;
  }
  return bound;
}

static void profiles_and_conflicts_are_those_of_each_step(void) {
  for (int round = 0; round < 40; round++) {
    struct tensor tensors[TENSORS];
    draw(tensors);
    orionrt_lifetimes *lifetimes = lifetimes_of(tensors);
    orionrt_profile *profile = NULL;
    OK(orionrt_profile_make(lifetimes, &profile, &error));
    const orionrt_section *sections = orionrt_profile_sections(profile);
    uint64_t highest = 0;
    for (size_t i = 0; i < orionrt_profile_count(profile); i++) {
      CHECK(sections[i].lower < sections[i].upper);
      CHECK(i == 0 || sections[i].lower == sections[i - 1].upper);
      if (sections[i].bound > highest) highest = sections[i].bound;
      for (int64_t step = sections[i].lower; step < sections[i].upper; step++) {
        uint64_t live = 0;
        for (size_t j = 0; j < TENSORS; j++)
          if (is_alive(&tensors[j], step)) live += tensors[j].size;
        CHECK(sections[i].live_bytes == live);
        CHECK(sections[i].bound == bound_at(tensors, step));
      }
    }
    CHECK(highest == orionrt_lifetimes_lower_bound(lifetimes));
    for (size_t a = 0; a < TENSORS; a++) {
      for (size_t b = 0; b < TENSORS; b++) {
        bool together = false;
        for (int64_t step = 0; step < STEPS; step++)
          together |= is_alive(&tensors[a], step) && is_alive(&tensors[b], step);
        CHECK(orionrt_lifetimes_conflict(lifetimes, a, b) == (together && a != b));
      }
      CHECK(!orionrt_lifetimes_conflict(lifetimes, a, TENSORS));
    }
    orionrt_profile_free(profile);
    orionrt_lifetimes_free(lifetimes);
  }
  CHECK(orionrt_profile_count(NULL) == 0 && orionrt_profile_sections(NULL) == NULL);
  orionrt_profile_free(NULL);
}

/* Whether two tensors of different models may be alive together. */
static bool meet(const struct tensor *a, const int64_t *starts_of_a, const struct tensor *b,
                 const int64_t *starts_of_b) {
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      for (int64_t step = -STEPS; step < 2 * STEPS; step++)
        if (is_alive(a, step - starts_of_a[i]) && is_alive(b, step - starts_of_b[j])) return true;
  return false;
}

static void check_pairs(const orionrt_sharing *sharing, struct tensor tensors[MODELS][TENSORS],
                        bool together[MODELS][MODELS], int64_t starts[MODELS][2]) {
  orionrt_sharing_pair pairs[MODELS * MODELS * TENSORS * TENSORS];
  memset(pairs, 0, sizeof pairs);
  const size_t room = sizeof pairs / sizeof pairs[0];
  size_t count = 0, expected = 0;
  OK(orionrt_sharing_copy_largest(sharing, pairs, room, &count, &error));
  for (size_t a = 0; a < MODELS * TENSORS; a++) {
    for (size_t b = 0; b < MODELS * TENSORS; b++) {
      const orionrt_model_tensor first = {a / TENSORS, a % TENSORS};
      const orionrt_model_tensor second = {b / TENSORS, b % TENSORS};
      const struct tensor *x = &tensors[first.model][first.tensor];
      const struct tensor *y = &tensors[second.model][second.tensor];
      bool may = first.model != second.model && x->lower < x->upper && y->lower < y->upper;
      if (starts != NULL)
        may = may && !meet(x, starts[first.model], y, starts[second.model]);
      else
        may = may && !together[first.model][second.model];
      const uint64_t most = !may ? 0 : x->size < y->size ? x->size : y->size;
      uint64_t bytes = 99;
      OK(orionrt_sharing_bytes(sharing, first, second, &bytes, &error));
      CHECK(bytes == most);
      size_t found = 0;
      for (size_t i = 0; i < count; i++)
        found += pairs[i].smaller.model == first.model && pairs[i].smaller.tensor == first.tensor &&
                 pairs[i].larger.model == second.model && pairs[i].larger.tensor == second.tensor &&
                 pairs[i].bytes == most && x->size <= y->size;
      CHECK(found <= (most > 0 ? 1 : 0) && (x->size >= y->size || found == (most > 0 ? 1 : 0)));
      expected += a < b && most > 0;
    }
  }
  CHECK(count == expected && orionrt_sharing_pair_count(sharing) == expected);
  CHECK(orionrt_sharing_is_complete(sharing));
  for (size_t i = 1; i < count; i++) CHECK(pairs[i].bytes <= pairs[i - 1].bytes);
  const orionrt_sharing_pair last = pairs[3];
  OK(orionrt_sharing_copy_largest(sharing, pairs, 3, &count, &error));
  CHECK(count == (expected < 3 ? expected : 3));
  CHECK(memcmp(&last, &pairs[3], sizeof last) == 0);
}

static void check_ranges(const orionrt_shared_plan *shared) {
  orionrt_shared_range ranges[MODELS * MODELS * TENSORS * TENSORS];
  const size_t room = sizeof ranges / sizeof ranges[0];
  const orionrt_plan *joint = orionrt_shared_plan_joint(shared);
  const uint64_t *offsets = orionrt_plan_offsets(joint);
  size_t count = 0, expected = 0;
  OK(orionrt_shared_plan_copy_ranges(shared, ranges, room, &count, &error));
  for (size_t a = 0; a < MODELS * TENSORS; a++) {
    for (size_t b = a + 1; b < MODELS * TENSORS; b++) {
      orionrt_row x, y;
      OK(orionrt_lifetimes_row(orionrt_plan_lifetimes(joint), a, &x, &error));
      OK(orionrt_lifetimes_row(orionrt_plan_lifetimes(joint), b, &y, &error));
      const uint64_t lower = offsets[a] > offsets[b] ? offsets[a] : offsets[b];
      const uint64_t ends[] = {offsets[a] + x.size, offsets[b] + y.size};
      const uint64_t upper = ends[0] < ends[1] ? ends[0] : ends[1];
      const bool own = x.lower < x.upper && y.lower < y.upper && x.size > 0 && y.size > 0;
      const size_t shares = a / TENSORS != b / TENSORS && own && lower < upper;
      size_t found = 0;
      for (size_t i = 0; i < count; i++)
        found += ranges[i].first.model * TENSORS + ranges[i].first.tensor == a &&
                 ranges[i].second.model * TENSORS + ranges[i].second.tensor == b &&
                 ranges[i].lower == lower && ranges[i].upper == upper;
      CHECK(found == shares);
      expected += shares;
    }
  }
  CHECK(count == expected && orionrt_shared_plan_pair_count(shared) == expected);
  for (size_t i = 1; i < count; i++) CHECK(ranges[i - 1].lower <= ranges[i].lower);
}

static void pairs_are_those_of_all_tensors(void) {
  orionrt_planner *planner = orionrt_planner_new();
  OK(orionrt_planner_set_node_limit(planner, 1000, &error));
  for (int round = 0; round < 10; round++) {
    struct tensor tensors[MODELS][TENSORS];
    orionrt_model_set *set = orionrt_model_set_new();
    const char *names[] = {"a", "b", "c"};
    int64_t starts[MODELS][2];
    orionrt_starts all_starts[MODELS];
    for (size_t model = 0; model < MODELS; model++) {
      draw(tensors[model]);
      orionrt_lifetimes *lifetimes = lifetimes_of(tensors[model]);
      OK(orionrt_model_set_add(set, names[model], lifetimes, NULL, &error));
      orionrt_lifetimes_free(lifetimes);
      starts[model][0] = (int64_t)below(10);
      starts[model][1] = starts[model][0] + 6 + (int64_t)below(10);
      all_starts[model] = (orionrt_starts){starts[model], 2};
    }
    const orionrt_model_pair pairs[] = {{round % 3, (round + 1) % 3}, {2, 0}};
    for (size_t count = 0; count < 3; count++) {
      bool together[MODELS][MODELS] = {{false}};
      for (size_t i = 0; i < count; i++) {
        const size_t first = pairs[i].first, second = pairs[i].second;
        together[first][second] = together[second][first] = true;
      }
      orionrt_sharing *sharing = NULL;
      OK(orionrt_sharing_find(set, pairs, count, &sharing, &error));
      check_pairs(sharing, tensors, together, NULL);
      orionrt_sharing_free(sharing);
      orionrt_shared_plan *shared = NULL;
      OK(orionrt_shared_plan_make(set, planner, pairs, count, &shared, &error));
      check_ranges(shared);
      orionrt_shared_plan_free(shared);
    }
    orionrt_sharing *sharing = NULL;
    OK(orionrt_sharing_find_timed(set, all_starts, MODELS, &sharing, &error));
    check_pairs(sharing, tensors, NULL, starts);
    orionrt_sharing_free(sharing);
    orionrt_model_set_free(set);
  }
  orionrt_planner_free(planner);
}

static void what_is_not_there_is_refused(void) {
  orionrt_model_set *set = orionrt_model_set_new();
  orionrt_lifetimes *lifetimes = three();
  OK(orionrt_model_set_add(set, "net", lifetimes, NULL, &error));
  orionrt_lifetimes_free(lifetimes);
  const orionrt_model_pair pair = {0, 1};
  orionrt_sharing *sharing = NULL;
  REFUSED(orionrt_sharing_find(set, &pair, 1, &sharing, &error), ORIONRT_INVALID_ARGUMENT,
          "a model is 1");
  CHECK(sharing == NULL);
  REFUSED(orionrt_sharing_find_timed(set, NULL, 0, &sharing, &error), ORIONRT_BAD_SCHEDULE,
          "starts are given for 0 models");
  OK(orionrt_sharing_find(set, NULL, 0, &sharing, &error));
  CHECK(orionrt_sharing_pair_count(sharing) == 0);
  const orionrt_model_tensor known = {0, 0};
  const orionrt_model_tensor unknown[] = {{1, 0}, {0, 3}, {SIZE_MAX, 0}, {2, SIZE_MAX}};
  for (size_t i = 0; i < 4; i++) {
    uint64_t bytes = 7;
    REFUSED(orionrt_sharing_bytes(sharing, known, unknown[i], &bytes, &error),
            ORIONRT_INVALID_ARGUMENT, i == 1 ? "tensor" : "model");
    CHECK(bytes == 0);
  }
  size_t count = 7;
  REFUSED(orionrt_sharing_copy_largest(NULL, NULL, 0, &count, &error), ORIONRT_NULL_POINTER,
          "sharing");
  CHECK(count == 0);
  OK(orionrt_sharing_copy_largest(sharing, NULL, 0, NULL, &error));
  orionrt_sharing_free(sharing);
  orionrt_model_set_free(set);
}

int main(void) {
  profiles_and_conflicts_are_those_of_each_step();
  pairs_are_those_of_all_tensors();
  what_is_not_there_is_refused();
  return EXIT_SUCCESS;
}
