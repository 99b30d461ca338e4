/* Every kind of wrong input is an error with a name and a message, and none is a crash. */

#include "check.h"

static orionrt_lifetimes *made;

/* Lifetimes of one tensor. */
static orionrt_status one(int64_t lower, int64_t upper, uint64_t size, uint64_t alignment,
                          uint64_t fixed, orionrt_error **error) {
  orionrt_columns columns = {0};
  columns.count = 1;
  columns.lower.data = &lower;
  columns.upper.data = &upper;
  columns.size.data = &size;
  columns.alignment.data = &alignment;
  columns.fixed_offset.data = &fixed;
  return orionrt_lifetimes_from_columns(&columns, &made, error);
}

static void rows(void) {
  const uint64_t any = ORIONRT_NOT_FIXED;
  REFUSED(one(2, 1, 8, 1, any, &error), ORIONRT_ENDS_BEFORE_START, "lower 2 is above upper 1");
  REFUSED(one(0, 1, 8, 3, any, &error), ORIONRT_BAD_ALIGNMENT, "3");
  REFUSED(one(0, 1, 8, 0, any, &error), ORIONRT_BAD_ALIGNMENT, "0");
  const uint64_t most = UINT64_C(1) << 62;
  REFUSED(one(0, 1, 8, 2 * most, any, &error), ORIONRT_BAD_ALIGNMENT, "up to 2^62");
  REFUSED(one(0, 1, most + 1, most, any, &error), ORIONRT_SIZE_OVERFLOW, "2^63");
  OK(one(0, 1, 8, most, any, &error));
  orionrt_lifetimes_free(made);
  REFUSED(one(0, 1, UINT64_MAX, 1, any, &error), ORIONRT_SIZE_OVERFLOW, "2^63");
  REFUSED(one(0, 1, 8, 64, 32, &error), ORIONRT_BAD_FIXED_OFFSET, "32");
  REFUSED(one(0, 1, 8, 1, UINT64_MAX - 1, &error), ORIONRT_BAD_FIXED_OFFSET, "2^63");
  CHECK(made == NULL);
}

static void columns(void) {
  orionrt_columns columns = three_columns();
  REFUSED(orionrt_lifetimes_from_columns(NULL, &made, &error), ORIONRT_NULL_POINTER, "columns");
  REFUSED(orionrt_lifetimes_from_columns(&columns, NULL, &error), ORIONRT_NULL_POINTER,
          "lifetimes");
  columns.size.data = NULL;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &made, &error), ORIONRT_NULL_POINTER, "size");
  columns = three_columns();
  columns.upper.stride = 4;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &made, &error), ORIONRT_INVALID_ARGUMENT,
          "the stride of upper is 4");
  columns = three_columns();
  columns.count = SIZE_MAX;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &made, &error), ORIONRT_LENGTH_OVERFLOW,
          "lower");
  columns.count = 3;
  columns.lower.stride = SIZE_MAX / 2;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &made, &error), ORIONRT_LENGTH_OVERFLOW,
          "lower");
  const char *twice[] = {"a", "b", "a"};
  const char *no_text[] = {"a", NULL, "c"};
  const char *latin[] = {"a", "b", "\xe9"};
  columns = three_columns();
  columns.name.data = twice;
  orionrt_error *error = NULL;
  CHECK(orionrt_lifetimes_from_columns(&columns, &made, &error) == ORIONRT_DUPLICATE_NAME);
  CHECK(orionrt_error_index(error) == 2);
  orionrt_error_free(error);
  columns.name.data = no_text;
  CHECK(orionrt_lifetimes_from_columns(&columns, &made, &error) == ORIONRT_NULL_POINTER);
  CHECK(orionrt_error_index(error) == 1);
  orionrt_error_free(error);
  columns.name.data = latin;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &made, &error), ORIONRT_NOT_UTF8, "a name");
}

static void text(void) {
  const char *csv = "id,lower,upper,size\na,0,x,8\n";
  REFUSED(orionrt_lifetimes_from_csv(csv, strlen(csv), &made, NULL, &error), ORIONRT_MALFORMED,
          "line 2: upper is 'x'");
  REFUSED(orionrt_lifetimes_from_csv(NULL, 3, &made, NULL, &error), ORIONRT_NULL_POINTER, "text");
  /* Whatever fails, what is not given is null. */
  orionrt_text *warnings = (orionrt_text *)csv;
  REFUSED(orionrt_lifetimes_from_csv(csv, 3, NULL, &warnings, &error), ORIONRT_NULL_POINTER,
          "lifetimes");
  CHECK(warnings == NULL);
  REFUSED(orionrt_lifetimes_from_csv(csv, SIZE_MAX, &made, NULL, &error), ORIONRT_LENGTH_OVERFLOW,
          "text");
  const char *backwards = "id,lower,upper,size\na,2,1,8\n";
  REFUSED(orionrt_lifetimes_from_csv(backwards, strlen(backwards), &made, NULL, &error),
          ORIONRT_ENDS_BEFORE_START, "line 2");
  orionrt_plan *plan = NULL;
  REFUSED(orionrt_plan_from_json("{", 1, &plan, &error), ORIONRT_MALFORMED, "line 1");
  const char *no_offsets = "id,lower,upper,size\na,0,1,8\n";
  REFUSED(orionrt_plan_from_csv(no_offsets, strlen(no_offsets), &plan, NULL, &error),
          ORIONRT_MALFORMED, "offset");
  const char *overlapping = "id,lower,upper,size,offset\na,0,2,8,0\nb,1,3,8,7\n";
  REFUSED(orionrt_plan_from_csv(overlapping, strlen(overlapping), &plan, NULL, &error),
          ORIONRT_OVERLAP, "line 3");
  REFUSED(orionrt_plan_from_csv(overlapping, 3, NULL, NULL, &error), ORIONRT_NULL_POINTER, "plan");
  REFUSED(orionrt_plan_read("no such file", &plan, &error), ORIONRT_IO, "no such file");
  REFUSED(orionrt_plan_read(NULL, &plan, &error), ORIONRT_NULL_POINTER, "path");
  /* A path need not be UTF-8. */
  REFUSED(orionrt_plan_read("\xe9", &plan, &error), ORIONRT_IO, "No such file");
  CHECK(plan == NULL);
}

static void gaps(void) {
  orionrt_lifetimes *lifetimes = three();
  const orionrt_gap outside = {0, 5, 6}, unknown = {3, 0, 1};
  REFUSED(orionrt_lifetimes_add_gaps(lifetimes, &outside, 1, &error), ORIONRT_BAD_GAP, "5..6");
  REFUSED(orionrt_lifetimes_add_gaps(lifetimes, &unknown, 1, &error), ORIONRT_INVALID_ARGUMENT,
          "a tensor is 3");
  REFUSED(orionrt_lifetimes_add_gaps(lifetimes, NULL, 1, &error), ORIONRT_NULL_POINTER, "gaps");
  REFUSED(orionrt_lifetimes_add_gaps(NULL, &outside, 1, &error), ORIONRT_NULL_POINTER,
          "lifetimes");
  orionrt_row row;
  REFUSED(orionrt_lifetimes_row(lifetimes, 3, &row, &error), ORIONRT_INVALID_ARGUMENT, "below 3");
  REFUSED(orionrt_lifetimes_row(lifetimes, 0, NULL, &error), ORIONRT_NULL_POINTER, "row");
  orionrt_gap found;
  REFUSED(orionrt_lifetimes_copy_gaps(lifetimes, 3, &found, 1, &error), ORIONRT_INVALID_ARGUMENT,
          "below 3");
  CHECK(orionrt_lifetimes_gap_count(lifetimes, 3) == 0);
  CHECK(orionrt_lifetimes_load(lifetimes) == 3072);
  orionrt_lifetimes_free(lifetimes);

  OK(one(0, 3, 8, 1, ORIONRT_NOT_FIXED, &error));
  const orionrt_gap middle = {0, 1, 2};
  OK(orionrt_lifetimes_add_gaps(made, &middle, 1, &error));
  REFUSED(orionrt_lifetimes_copy_gaps(made, 0, &found, 0, &error), ORIONRT_WRONG_COUNT,
          "gaps has room for 0; expected 1");
  REFUSED(orionrt_lifetimes_copy_gaps(made, 0, NULL, 1, &error), ORIONRT_NULL_POINTER, "gaps");
  orionrt_lifetimes_free(made);
}

static void windows(void) {
  orionrt_lifetimes *lifetimes = three();
  const orionrt_piece outside = {0, 0, 1, 1000, 1025}, unknown = {3, 0, 1, 0, 1};
  REFUSED(orionrt_lifetimes_add_windows(lifetimes, &outside, 1, &error), ORIONRT_BAD_WINDOW,
          "1000..1025");
  REFUSED(orionrt_lifetimes_add_windows(lifetimes, &unknown, 1, &error), ORIONRT_INVALID_ARGUMENT,
          "a tensor is 3");
  REFUSED(orionrt_lifetimes_add_windows(lifetimes, NULL, 1, &error), ORIONRT_NULL_POINTER,
          "windows");
  orionrt_piece found;
  REFUSED(orionrt_lifetimes_copy_pieces(lifetimes, 3, &found, 1, &error), ORIONRT_INVALID_ARGUMENT,
          "below 3");
  REFUSED(orionrt_lifetimes_copy_pieces(lifetimes, 0, &found, 0, &error), ORIONRT_WRONG_COUNT,
          "pieces has room for 0; expected 1");
  CHECK(orionrt_lifetimes_piece_count(lifetimes, 3) == 0);
  CHECK(orionrt_lifetimes_piece_count(NULL, 0) == 0 && orionrt_lifetimes_load(lifetimes) == 3072);
  orionrt_lifetimes_free(lifetimes);
}

static void offsets(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_plan *plan = NULL;
  const uint64_t overlapping[] = {0, 512, 0}, far_away[] = {0, UINT64_MAX, 0};
  const uint64_t good[] = {0, 1024, 0};
  REFUSED(orionrt_plan_from_offsets(lifetimes, overlapping, 3, &plan, &error), ORIONRT_OVERLAP,
          "share bytes");
  REFUSED(orionrt_plan_from_offsets(lifetimes, far_away, 3, &plan, &error), ORIONRT_OUT_OF_RANGE,
          "'1'");
  REFUSED(orionrt_plan_from_offsets(lifetimes, good, 2, &plan, &error), ORIONRT_WRONG_COUNT,
          "2 offsets for 3 tensors");
  REFUSED(orionrt_plan_from_offsets(lifetimes, NULL, 3, &plan, &error), ORIONRT_NULL_POINTER,
          "offsets");
  REFUSED(orionrt_plan_from_offsets(lifetimes, (const uint64_t *)((const char *)good + 1), 3, &plan,
                                    &error),
          ORIONRT_INVALID_ARGUMENT, "a multiple of 8");
  REFUSED(orionrt_lifetimes_check(lifetimes, overlapping, 3, &error), ORIONRT_OVERLAP, "share");
  REFUSED(orionrt_lifetimes_check(lifetimes, good, 2, &error), ORIONRT_WRONG_COUNT, "2 offsets");
  REFUSED(orionrt_lifetimes_check(lifetimes, NULL, 3, &error), ORIONRT_NULL_POINTER, "offsets");
  REFUSED(orionrt_lifetimes_check(NULL, good, 3, &error), ORIONRT_NULL_POINTER, "lifetimes");
  OK(orionrt_lifetimes_check(lifetimes, good, 3, &error));
  OK(orionrt_plan_from_offsets(lifetimes, good, 3, &plan, &error));
  uint64_t room[3];
  REFUSED(orionrt_plan_copy_offsets(plan, room, 2, &error), ORIONRT_WRONG_COUNT, "expected 3");
  REFUSED(orionrt_plan_copy_offsets(plan, NULL, 3, &error), ORIONRT_NULL_POINTER, "offsets");
  REFUSED(orionrt_plan_write(plan, "no/such/folder/plan", &error), ORIONRT_IO, "no/such/folder");
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);

  OK(one(0, 1, 8, 64, ORIONRT_NOT_FIXED, &error));
  const uint64_t odd = 32;
  REFUSED(orionrt_plan_from_offsets(made, &odd, 1, &plan, &error), ORIONRT_MISALIGNED, "32");
  orionrt_lifetimes_free(made);
  OK(one(0, 1, 8, 1, 64, &error));
  REFUSED(orionrt_plan_from_offsets(made, &odd, 1, &plan, &error), ORIONRT_WRONG_PLACE, "64");
  orionrt_lifetimes_free(made);
}

static void fixed_tensors_that_overlap(void) {
  const uint64_t fixed[] = {0, 0, 0};
  orionrt_columns columns = three_columns();
  columns.fixed_offset.data = fixed;
  OK(orionrt_lifetimes_from_columns(&columns, &made, &error));
  orionrt_plan *plan = NULL;
  REFUSED(orionrt_plan_make(made, NULL, &plan, &error), ORIONRT_OVERLAP, "fixed offsets");
  orionrt_lifetimes_free(made);
}

static void options(void) {
  orionrt_planner *planner = orionrt_planner_new();
  REFUSED(orionrt_planner_set_threads(planner, 0, &error), ORIONRT_INVALID_ARGUMENT, "0");
  REFUSED(orionrt_planner_set_threads(planner, 1025, &error), ORIONRT_INVALID_ARGUMENT, "1024");
  REFUSED(orionrt_planner_set_alignment(planner, 12, &error), ORIONRT_BAD_ALIGNMENT, "12");
  REFUSED(orionrt_planner_set_alignment(planner, UINT64_C(1) << 63, &error), ORIONRT_BAD_ALIGNMENT,
          "up to 2^62");
  REFUSED(orionrt_planner_set_strategy(planner, "none such", &error), ORIONRT_UNKNOWN_STRATEGY,
          "greedy-size");
  REFUSED(orionrt_planner_set_strategy(planner, NULL, &error), ORIONRT_NULL_POINTER, "name");
  REFUSED(orionrt_planner_keep(planner, NULL, &error), ORIONRT_NULL_POINTER, "plan");
  REFUSED(orionrt_planner_set_seed(NULL, 1, &error), ORIONRT_NULL_POINTER, "planner");
  orionrt_planner_free(planner);
}

static void graphs(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t x;
  REFUSED(orionrt_graph_add_tensor(graph, "x", 8, 3, &x, &error), ORIONRT_BAD_ALIGNMENT, "3");
  REFUSED(orionrt_graph_add_tensor(graph, "x", 8, UINT64_C(1) << 63, &x, &error),
          ORIONRT_BAD_ALIGNMENT, "up to 2^62");
  REFUSED(orionrt_graph_add_tensor(graph, "x", UINT64_MAX, 1, &x, &error), ORIONRT_SIZE_OVERFLOW,
          "18446744073709551615 bytes");
  REFUSED(orionrt_graph_add_tensor(graph, NULL, 8, 1, &x, &error), ORIONRT_NULL_POINTER, "name");
  CHECK(x == ORIONRT_NONE);
  OK(orionrt_graph_add_tensor(graph, "x", 8, 1, &x, &error));
  const size_t unknown = 7;
  REFUSED(orionrt_graph_add_operator(graph, "op", &unknown, 1, NULL, 0, NULL, &error),
          ORIONRT_INVALID_ARGUMENT, "a tensor is 7");
  REFUSED(orionrt_graph_add_operator(graph, "op", NULL, 1, NULL, 0, NULL, &error),
          ORIONRT_NULL_POINTER, "reads");
  REFUSED(orionrt_graph_set_stream(graph, 0, 1, &error), ORIONRT_INVALID_ARGUMENT, "an operator");
  REFUSED(orionrt_graph_add_wait(graph, 0, 0, &error), ORIONRT_INVALID_ARGUMENT, "an operator");
  REFUSED(orionrt_graph_add_loop(graph, 0, 1, &error), ORIONRT_INVALID_ARGUMENT, "a bound");
  REFUSED(orionrt_graph_add_branches(graph, NULL, 0, &error), ORIONRT_INVALID_ARGUMENT, "bounds");
  OK(orionrt_graph_add_operator(graph, "write", NULL, 0, &x, 1, NULL, &error));
  OK(orionrt_graph_add_operator(graph, "again", NULL, 0, &x, 1, NULL, &error));
  REFUSED(orionrt_lifetimes_from_graph(graph, 2, &made, &error), ORIONRT_BAD_GRAPH, "'again'");
  REFUSED(orionrt_lifetimes_from_graph(graph, 4, &made, &error), ORIONRT_INVALID_ARGUMENT,
          "aliasing is 4");
  REFUSED(orionrt_graph_add_part(graph, 7, x, x, 0, &error), ORIONRT_INVALID_ARGUMENT,
          "an operator is 7");
  OK(orionrt_graph_add_tensor(graph, "x", 8, 1, NULL, &error));
  REFUSED(orionrt_lifetimes_from_graph(graph, 2, &made, &error), ORIONRT_DUPLICATE_NAME, "'x'");
  orionrt_graph_free(graph);
}

static void shared_models(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_model_set *set = orionrt_model_set_new();
  OK(orionrt_model_set_add(set, "a", lifetimes, NULL, &error));
  REFUSED(orionrt_model_set_add(set, "a", lifetimes, NULL, &error), ORIONRT_DUPLICATE_NAME, "'a'");
  REFUSED(orionrt_model_set_add(set, "b", NULL, NULL, &error), ORIONRT_NULL_POINTER, "lifetimes");
  orionrt_shared_plan *shared = NULL;
  const orionrt_model_pair unknown = {0, 1}, itself = {0, 0};
  REFUSED(orionrt_shared_plan_make(set, NULL, &unknown, 1, &shared, &error),
          ORIONRT_INVALID_ARGUMENT, "a model is 1");
  REFUSED(orionrt_shared_plan_make(set, NULL, &itself, 1, &shared, &error), ORIONRT_BAD_SCHEDULE,
          "itself");
  REFUSED(orionrt_shared_plan_make_timed(set, NULL, NULL, 0, &shared, &error),
          ORIONRT_BAD_SCHEDULE, "starts");
  REFUSED(orionrt_shared_plan_make(NULL, NULL, NULL, 0, &shared, &error), ORIONRT_NULL_POINTER,
          "set");
  OK(orionrt_shared_plan_make(set, NULL, NULL, 0, &shared, &error));
  orionrt_plan *part = NULL;
  REFUSED(orionrt_shared_plan_part(shared, 1, &part, &error), ORIONRT_INVALID_ARGUMENT, "a model");
  orionrt_shared_plan_free(shared);
  orionrt_model_set_free(set);
  orionrt_lifetimes_free(lifetimes);
}

#ifdef ORIONRT_MODELS
static void models(void) {
  orionrt_model *model = NULL;
  const uint8_t zip[] = "PK\x03\x04";
  REFUSED(orionrt_model_parse(zip, sizeof zip, NULL, &model, &error), ORIONRT_BAD_MODEL, "ZIP");
  REFUSED(orionrt_model_parse(NULL, 4, NULL, &model, &error), ORIONRT_NULL_POINTER, "bytes");
  REFUSED(orionrt_model_read("no such file", NULL, &model, &error), ORIONRT_IO, "no such file");
  orionrt_model_options *options = orionrt_model_options_new();
  REFUSED(orionrt_model_options_set_alignment(options, 3, &error), ORIONRT_BAD_ALIGNMENT, "3");
  REFUSED(orionrt_model_options_set_dimension(options, "\xff", 1, &error), ORIONRT_NOT_UTF8,
          "name");
  REFUSED(orionrt_model_options_set_input(options, "n", NULL, 1, &error), ORIONRT_NULL_POINTER,
          "values");
  REFUSED(orionrt_model_options_donate(options, NULL, &error), ORIONRT_NULL_POINTER, "name");
  REFUSED(orionrt_model_options_alias_output(options, "y", NULL, &error), ORIONRT_NULL_POINTER,
          "input");
  REFUSED(orionrt_model_options_donate_all(NULL, &error), ORIONRT_NULL_POINTER, "options");
  orionrt_model_options_free(options);
}
#endif

/* What only tells something says nothing of a null handle; what frees leaves it alone. */
static void null_handles(void) {
  CHECK(orionrt_plan_peak(NULL) == 0 && orionrt_plan_count(NULL) == 0);
  CHECK(orionrt_plan_offsets(NULL) == NULL && !orionrt_plan_is_optimal(NULL));
  CHECK(orionrt_plan_strategy(NULL).length == 0 && orionrt_plan_lifetimes(NULL) == NULL);
  CHECK(orionrt_lifetimes_count(NULL) == 0 && orionrt_lifetimes_load(NULL) == 0);
  CHECK(orionrt_lifetimes_gap_count(NULL, 0) == 0 && orionrt_graph_operator_count(NULL) == 0);
  CHECK(orionrt_lifetimes_name(NULL, 0).length == 0 && *orionrt_lifetimes_name(NULL, 0).data == 0);
  CHECK(orionrt_lifetimes_find(NULL, "a") == ORIONRT_NONE);
  CHECK(orionrt_shared_plan_joint(NULL) == NULL && orionrt_text_string(NULL).length == 0);
  CHECK(orionrt_error_status(NULL) == ORIONRT_OK && orionrt_error_message(NULL) == NULL);
  CHECK(orionrt_error_index(NULL) == ORIONRT_NONE && orionrt_error_best_plan(NULL) == NULL);
  orionrt_error_free(NULL), orionrt_text_free(NULL), orionrt_lifetimes_free(NULL);
  orionrt_graph_free(NULL), orionrt_planner_free(NULL), orionrt_plan_free(NULL);
  orionrt_model_set_free(NULL), orionrt_shared_plan_free(NULL);
  /* Without a place for the error there is the status alone. */
  orionrt_plan *plan = NULL;
  CHECK(orionrt_plan_make(NULL, NULL, &plan, NULL) == ORIONRT_NULL_POINTER && plan == NULL);
  CHECK(strcmp(orionrt_status_name(ORIONRT_OVERLAP), "ORIONRT_OVERLAP") == 0);
  CHECK(strcmp(orionrt_status_name(12345), "unknown status") == 0);
}

int main(void) {
  rows();
  columns();
  text();
  gaps();
  windows();
  offsets();
  fixed_tensors_that_overlap();
  options();
  graphs();
  shared_models();
#ifdef ORIONRT_MODELS
  models();
#endif
  null_handles();
  return EXIT_SUCCESS;
}
