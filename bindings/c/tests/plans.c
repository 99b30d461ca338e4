/* What the C interface plans: columns, CSV, gaps, graphs, models, options, files. */

#include "check.h"

static int text_is(orionrt_view view, const char *text) {
  return view.length == strlen(text) && memcmp(view.data, text, view.length) == 0;
}

static orionrt_plan *planned(const orionrt_lifetimes *lifetimes, const orionrt_planner *planner) {
  orionrt_plan *plan = NULL;
  OK(orionrt_plan_make(lifetimes, planner, &plan, &error));
  return plan;
}

static void columns_are_planned(void) {
  orionrt_lifetimes *lifetimes = three();
  CHECK(orionrt_lifetimes_count(lifetimes) == 3);
  CHECK(orionrt_lifetimes_load(lifetimes) == 3072);
  CHECK(orionrt_lifetimes_lower_bound(lifetimes) == 3072);
  CHECK(orionrt_lifetimes_total_bytes(lifetimes) == 4096);
  CHECK(text_is(orionrt_lifetimes_name(lifetimes, 2), "2"));
  CHECK(orionrt_lifetimes_find(lifetimes, "1") == 1);
  CHECK(orionrt_lifetimes_find(lifetimes, "none such") == ORIONRT_NONE);
  orionrt_plan *plan = planned(lifetimes, NULL);
  orionrt_lifetimes_free(lifetimes);

  CHECK(orionrt_plan_peak(plan) == 3072);
  CHECK(orionrt_plan_load(plan) == 3072);
  CHECK(orionrt_plan_lower_bound(plan) == 3072);
  CHECK(orionrt_plan_is_optimal(plan));
  CHECK(orionrt_plan_alignment(plan) == 1);
  CHECK(orionrt_plan_count(plan) == 3);
  CHECK(text_is(orionrt_plan_strategy(plan), "auto"));
  CHECK(orionrt_lifetimes_count(orionrt_plan_lifetimes(plan)) == 3);
  const uint64_t *offsets = orionrt_plan_offsets(plan);
  CHECK(offsets[0] == offsets[2]);
  uint64_t copied[3] = {9, 9, 9};
  OK(orionrt_plan_copy_offsets(plan, copied, 3, &error));
  CHECK(memcmp(copied, offsets, sizeof copied) == 0);
  orionrt_plan_free(plan);
}

/* A structure without padding: its fields are not aligned. */
#pragma pack(push, 1)
struct packed {
  char tag;
  int64_t lower, upper;
  uint64_t size, alignment, fixed;
  const char *name;
};
#pragma pack(pop)

static void columns_may_be_fields_of_packed_structures(void) {
  static const struct packed rows[] = {
    {'a', 0, 2, 100, 4, ORIONRT_NOT_FIXED, "left"},
    {'b', 1, 3, 64, 64, 128, "right"},
  };
  const char *bytes = (const char *)rows;
  orionrt_columns columns = {0};
  columns.count = 2;
  columns.lower = (orionrt_column){bytes + offsetof(struct packed, lower), sizeof rows[0]};
  columns.upper = (orionrt_column){bytes + offsetof(struct packed, upper), sizeof rows[0]};
  columns.size = (orionrt_column){bytes + offsetof(struct packed, size), sizeof rows[0]};
  columns.alignment = (orionrt_column){bytes + offsetof(struct packed, alignment), sizeof rows[0]};
  columns.fixed_offset = (orionrt_column){bytes + offsetof(struct packed, fixed), sizeof rows[0]};
  columns.name = (orionrt_column){bytes + offsetof(struct packed, name), sizeof rows[0]};
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  CHECK(text_is(orionrt_lifetimes_name(lifetimes, 1), "right"));
  orionrt_row row;
  OK(orionrt_lifetimes_row(lifetimes, 0, &row, &error));
  CHECK(row.lower == 0 && row.upper == 2 && row.size == 100 && row.alignment == 4);
  CHECK(row.fixed_offset == ORIONRT_NOT_FIXED && row.root == ORIONRT_NONE);
  orionrt_plan *plan = planned(lifetimes, NULL);
  CHECK(orionrt_plan_offsets(plan)[1] == 128 && orionrt_plan_alignment(plan) == 64);
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
}

static void no_tensors_make_an_empty_plan(void) {
  const orionrt_columns columns = {0};
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  orionrt_plan *plan = planned(lifetimes, NULL);
  CHECK(orionrt_plan_count(plan) == 0 && orionrt_plan_peak(plan) == 0);
  OK(orionrt_plan_copy_offsets(plan, NULL, 0, &error));
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
}

static void csv_is_read_with_its_warnings(void) {
  const char *csv = "buffer,lower,upper,size,color\na,0,2,8,red\nb,2,3,8,blue\n";
  orionrt_lifetimes *lifetimes = NULL;
  orionrt_text *warnings = NULL;
  OK(orionrt_lifetimes_from_csv(csv, strlen(csv), &lifetimes, &warnings, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 8);
  CHECK(text_is(orionrt_text_view(warnings), "column 'color' is not known and is ignored\n"));
  orionrt_text_free(warnings);
  orionrt_lifetimes_free(lifetimes);
}

static void gaps_are_used_by_others(void) {
  const char *csv = "id,lower,upper,size\nstate,0,6,100\nwork,2,4,100\n";
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_csv(csv, strlen(csv), &lifetimes, NULL, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 200);
  const orionrt_gap gap = {0, 2, 4};
  OK(orionrt_lifetimes_add_gaps(lifetimes, &gap, 1, &error));
  orionrt_plan *plan = planned(lifetimes, NULL);
  CHECK(orionrt_plan_peak(plan) == 100);
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
}

static void gaps_come_in_any_order_and_in_several_calls(void) {
  const int64_t lower[] = {0}, upper[] = {10};
  const uint64_t size[] = {8};
  orionrt_columns columns = {0};
  columns.count = 1;
  columns.lower.data = lower;
  columns.upper.data = upper;
  columns.size.data = size;
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  /* The first two touch. */
  const orionrt_gap gaps[] = {{0, 4, 5}, {0, 3, 4}, {0, 7, 8}};
  OK(orionrt_lifetimes_add_gaps(lifetimes, gaps, 3, &error));
  const orionrt_gap more[] = {{0, 9, 10}, {0, 0, 1}}, overlapping[] = {{0, 5, 7}, {0, 6, 7}};
  OK(orionrt_lifetimes_add_gaps(lifetimes, more, 2, &error));
  REFUSED(orionrt_lifetimes_add_gaps(lifetimes, overlapping, 2, &error), ORIONRT_BAD_GAP, "6..7");
  orionrt_row row;
  OK(orionrt_lifetimes_row(lifetimes, 0, &row, &error));
  CHECK(row.lower == 1 && row.upper == 9);
  orionrt_lifetimes_free(lifetimes);
}

static void graphs_have_views_and_results_in_place(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t a, b, c, op;
  OK(orionrt_graph_add_tensor(graph, "a", 100, 4, &a, &error));
  OK(orionrt_graph_add_tensor(graph, "b", 100, 4, &b, &error));
  OK(orionrt_graph_add_tensor(graph, "c", 40, 4, &c, &error));
  OK(orionrt_graph_add_operator(graph, "load", NULL, 0, &a, 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "relu", NULL, 0, NULL, 0, &op, &error));
  OK(orionrt_graph_add_in_place(graph, op, b, a, &error));
  OK(orionrt_graph_add_operator(graph, "slice", NULL, 0, NULL, 0, &op, &error));
  OK(orionrt_graph_add_view(graph, op, c, b, 20, &error));
  OK(orionrt_graph_add_output(graph, c, &error));
  const uint64_t expected[] = {240, 200, 100};
  for (uint32_t aliasing = 0; aliasing <= ORIONRT_ALIASING_IN_PLACE; aliasing++) {
    orionrt_lifetimes *lifetimes = NULL;
    OK(orionrt_lifetimes_from_graph(graph, aliasing, &lifetimes, &error));
    CHECK(orionrt_lifetimes_total_bytes(lifetimes) == expected[aliasing]);
    orionrt_row row;
    OK(orionrt_lifetimes_row(lifetimes, c, &row, &error));
    CHECK((row.root == ORIONRT_NONE) == (aliasing == ORIONRT_ALIASING_OFF));
    CHECK(row.root == ORIONRT_NONE || row.root_offset == 20);
    orionrt_lifetimes_free(lifetimes);
  }
  orionrt_graph_free(graph);
}

static void graphs_have_streams_branches_and_loops(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t x, a, b, y, op;
  OK(orionrt_graph_add_tensor(graph, "x", 1, 1, &x, &error));
  OK(orionrt_graph_add_tensor(graph, "a", 100, 1, &a, &error));
  OK(orionrt_graph_add_tensor(graph, "b", 200, 1, &b, &error));
  OK(orionrt_graph_add_tensor(graph, "y", 10, 1, &y, &error));
  OK(orionrt_graph_add_input(graph, x, &error));
  OK(orionrt_graph_add_operator(graph, "widen", &x, 1, &a, 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "reduce", &a, 1, &y, 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "widen", &x, 1, &b, 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "reduce", &b, 1, &y, 1, &op, &error));
  const size_t bounds[] = {0, 2, 4};
  OK(orionrt_graph_add_branches(graph, bounds, 3, &error));
  OK(orionrt_graph_add_output(graph, y, &error));
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_IN_PLACE, &lifetimes, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 210);
  orionrt_lifetimes_free(lifetimes);
  orionrt_graph_free(graph);

  graph = orionrt_graph_new();
  size_t load, relu;
  OK(orionrt_graph_add_tensor(graph, "x", 8, 8, &x, &error));
  OK(orionrt_graph_add_tensor(graph, "y", 8, 8, &y, &error));
  OK(orionrt_graph_add_operator(graph, "load", NULL, 0, &x, 1, &load, &error));
  OK(orionrt_graph_set_stream(graph, load, 1, &error));
  OK(orionrt_graph_add_operator(graph, "relu", &x, 1, &y, 1, &relu, &error));
  OK(orionrt_graph_add_output(graph, y, &error));
  REFUSED(orionrt_lifetimes_from_graph(graph, 2, &lifetimes, &error), ORIONRT_BAD_GRAPH, "'relu'");
  OK(orionrt_graph_add_wait(graph, relu, load, &error));
  OK(orionrt_lifetimes_from_graph(graph, 2, &lifetimes, &error));
  orionrt_lifetimes_free(lifetimes);
  orionrt_graph_free(graph);

  graph = orionrt_graph_new();
  size_t state, next;
  OK(orionrt_graph_add_tensor(graph, "state", 8, 8, &state, &error));
  OK(orionrt_graph_add_tensor(graph, "next", 8, 8, &next, &error));
  OK(orionrt_graph_add_operator(graph, "init", NULL, 0, &state, 1, NULL, &error));
  OK(orionrt_graph_add_operator(graph, "step", &state, 1, &next, 1, NULL, &error));
  OK(orionrt_graph_add_operator(graph, "copy", &next, 1, &state, 1, NULL, &error));
  OK(orionrt_graph_add_loop(graph, 1, 3, &error));
  OK(orionrt_graph_add_output(graph, state, &error));
  OK(orionrt_lifetimes_from_graph(graph, 2, &lifetimes, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 16);
  orionrt_lifetimes_free(lifetimes);
  orionrt_graph_free(graph);
}

static void operators_are_reordered_if_that_needs_less(void) {
  /* x is read by two branches; each widens it and reduces it again. */
  orionrt_graph *graph = orionrt_graph_new();
  size_t x, wide[2], narrow[2], y, op;
  OK(orionrt_graph_add_tensor(graph, "x", 10, 1, &x, &error));
  OK(orionrt_graph_add_tensor(graph, "wide 0", 100, 1, &wide[0], &error));
  OK(orionrt_graph_add_tensor(graph, "wide 1", 100, 1, &wide[1], &error));
  OK(orionrt_graph_add_tensor(graph, "narrow 0", 10, 1, &narrow[0], &error));
  OK(orionrt_graph_add_tensor(graph, "narrow 1", 10, 1, &narrow[1], &error));
  OK(orionrt_graph_add_tensor(graph, "y", 10, 1, &y, &error));
  OK(orionrt_graph_add_operator(graph, "widen 0", &x, 1, &wide[0], 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "widen 1", &x, 1, &wide[1], 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "reduce 0", &wide[0], 1, &narrow[0], 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "reduce 1", &wide[1], 1, &narrow[1], 1, &op, &error));
  OK(orionrt_graph_add_operator(graph, "add", narrow, 2, &y, 1, &op, &error));
  OK(orionrt_graph_add_output(graph, y, &error));
  orionrt_lifetimes *before = NULL, *after = NULL;
  OK(orionrt_lifetimes_from_graph(graph, 2, &before, &error));
  size_t order[5];
  OK(orionrt_lifetimes_from_reordered_graph(graph, 2, order, 5, &after, &error));
  CHECK(orionrt_lifetimes_load(before) == 210 && orionrt_lifetimes_load(after) == 120);
  CHECK(order[1] == order[0] + 2 && order[3] == order[2] + 2 && order[4] == 4);
  orionrt_lifetimes_free(after);
  REFUSED(orionrt_lifetimes_from_reordered_graph(graph, 2, order, 4, &after, &error),
          ORIONRT_WRONG_COUNT, "expected 5");
  OK(orionrt_lifetimes_from_reordered_graph(graph, 2, NULL, 0, &after, &error));
  orionrt_lifetimes_free(after), orionrt_lifetimes_free(before);
  orionrt_graph_free(graph);
}

static void options_are_heeded(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_planner *planner = orionrt_planner_new();
  OK(orionrt_planner_set_time_limit_us(planner, 1000000, &error));
  OK(orionrt_planner_set_node_limit(planner, 1000, &error));
  OK(orionrt_planner_set_threads(planner, 2, &error));
  OK(orionrt_planner_set_seed(planner, 7, &error));
  OK(orionrt_planner_set_alignment(planner, 4096, &error));
  for (size_t i = 0; i < orionrt_strategy_count(); i++) {
    OK(orionrt_planner_set_strategy(planner, orionrt_strategy_name(i), &error));
    orionrt_plan *plan = planned(lifetimes, planner);
    CHECK(text_is(orionrt_plan_strategy(plan), orionrt_strategy_name(i)));
    for (size_t tensor = 0; tensor < 3; tensor++)
      CHECK(orionrt_plan_offsets(plan)[tensor] % 4096 == 0);
    orionrt_plan_free(plan);
  }
  CHECK(orionrt_strategy_name(orionrt_strategy_count()) == NULL);
  orionrt_planner_free(planner);

  const uint64_t apart[] = {4096, 0, 8192};
  orionrt_plan *given = NULL, *kept = NULL, *better = NULL;
  OK(orionrt_plan_from_offsets(lifetimes, apart, 3, &given, &error));
  CHECK(orionrt_plan_peak(given) == 9216);
  planner = orionrt_planner_new();
  OK(orionrt_planner_keep(planner, given, &error));
  OK(orionrt_plan_make(lifetimes, planner, &kept, &error));
  CHECK(memcmp(orionrt_plan_offsets(kept), apart, sizeof apart) == 0);
  orionrt_planner_free(planner);
  planner = orionrt_planner_new();
  OK(orionrt_planner_start_from(planner, given, &error));
  orionrt_plan_free(given);
  OK(orionrt_plan_make(lifetimes, planner, &better, &error));
  CHECK(orionrt_plan_peak(better) == 3072);
  orionrt_plan_free(kept), orionrt_plan_free(better);
  orionrt_planner_free(planner);
  orionrt_lifetimes_free(lifetimes);
}

static void above_the_capacity_the_best_plan_is_in_the_error(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_planner *planner = orionrt_planner_new();
  OK(orionrt_planner_set_capacity(planner, 3000, &error));
  orionrt_plan *plan = NULL;
  orionrt_error *error = NULL;
  CHECK(orionrt_plan_make(lifetimes, planner, &plan, &error) == ORIONRT_OVER_CAPACITY);
  CHECK(plan == NULL);
  CHECK(strstr(orionrt_error_message(error), "3000 bytes") != NULL);
  CHECK(orionrt_plan_peak(orionrt_error_best_plan(error)) == 3072);
  orionrt_error_free(error);
  orionrt_planner_free(planner);
  orionrt_lifetimes_free(lifetimes);
}

static void json_and_csv_are_what_was_planned(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_plan *plan = planned(lifetimes, NULL), *read = NULL;
  orionrt_text *json = NULL, *csv = NULL;
  OK(orionrt_plan_to_json(plan, &json, &error));
  const orionrt_view view = orionrt_text_view(json);
  OK(orionrt_plan_from_json(view.data, view.length, &read, &error));
  CHECK(memcmp(orionrt_plan_offsets(plan), orionrt_plan_offsets(read), 3 * sizeof(uint64_t)) == 0);
  orionrt_plan_free(read);
  OK(orionrt_plan_write(plan, "plans_test.json", &error));
  OK(orionrt_plan_read("plans_test.json", &read, &error));
  CHECK(orionrt_plan_peak(read) == 3072);
  CHECK(remove("plans_test.json") == 0);
  OK(orionrt_plan_to_csv(plan, &csv, &error));
  CHECK(strncmp(orionrt_text_view(csv).data, "id,lower,upper,size", 19) == 0);
  orionrt_text_free(json), orionrt_text_free(csv);
  orionrt_plan_free(read), orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
}

static void several_models_share_a_region(void) {
  orionrt_lifetimes *lifetimes = three();
  orionrt_model_set *set = orionrt_model_set_new();
  const char *names[] = {"detect", "label", "speech"};
  for (size_t i = 0; i < 3; i++) {
    size_t model;
    OK(orionrt_model_set_add(set, names[i], lifetimes, &model, &error));
    CHECK(model == i);
  }
  orionrt_shared_plan *shared = NULL;
  OK(orionrt_shared_plan_make(set, NULL, NULL, 0, &shared, &error));
  CHECK(orionrt_plan_peak(orionrt_shared_plan_joint(shared)) == 3072);
  CHECK(orionrt_shared_plan_isolated_bytes(shared) == 3 * 3072);
  orionrt_shared_plan_free(shared);

  const orionrt_model_pair pair = {2, 0};
  OK(orionrt_shared_plan_make(set, NULL, &pair, 1, &shared, &error));
  CHECK(orionrt_plan_peak(orionrt_shared_plan_joint(shared)) == 2 * 3072);
  orionrt_plan *part = NULL;
  OK(orionrt_shared_plan_part(shared, 2, &part, &error));
  CHECK(orionrt_plan_count(part) == 3);
  orionrt_plan_free(part);
  orionrt_shared_plan_free(shared);

  const int64_t steps[] = {0, 10, 20, 30};
  const orionrt_starts starts[] = {{steps, 2}, {steps + 2, 1}, {steps + 3, 1}};
  OK(orionrt_shared_plan_make_timed(set, NULL, starts, 3, &shared, &error));
  CHECK(orionrt_plan_peak(orionrt_shared_plan_joint(shared)) == 3072);
  orionrt_shared_plan_free(shared);
  orionrt_model_set_free(set);
  orionrt_lifetimes_free(lifetimes);
}

#ifdef ORIONRT_MODELS

/* An ONNX model, byte by byte: y = Relu(x), both of 2 x 3 floats. */
static const uint8_t relu[] = {
  0x08, 8, 0x42, 2, 0x10, 13, 0x3a, 59,
  0x0a, 12, 0x0a, 1, 'x', 0x12, 1, 'y', 0x22, 4, 'R', 'e', 'l', 'u',
  0x12, 1, 'g',
  0x5a, 19, 0x0a, 1, 'x', 0x12, 14, 0x0a, 12, 0x08, 1, 0x12, 8,
  0x0a, 2, 0x08, 2, 0x0a, 2, 0x08, 3,
  0x62, 19, 0x0a, 1, 'y', 0x12, 14, 0x0a, 12, 0x08, 1, 0x12, 8,
  0x0a, 2, 0x08, 2, 0x0a, 2, 0x08, 3,
};

static void models_are_read_from_memory_and_from_files(void) {
  FILE *file = fopen("plans_test.onnx", "wb");
  CHECK(file != NULL && fwrite(relu, 1, sizeof relu, file) == sizeof relu && fclose(file) == 0);
  for (int from_file = 0; from_file < 2; from_file++) {
    orionrt_model_options *options = orionrt_model_options_new();
    OK(orionrt_model_options_set_alignment(options, 32, &error));
    OK(orionrt_model_options_set_skip_unknown(options, true, &error));
    orionrt_model *model = NULL;
    if (from_file)
      OK(orionrt_model_read("plans_test.onnx", options, &model, &error));
    else
      OK(orionrt_model_parse(relu, sizeof relu, options, &model, &error));
    orionrt_model_options_free(options);
    CHECK(orionrt_model_operator_count(model) == 1);
    CHECK(orionrt_model_weights_bytes(model) == 0 && orionrt_model_left_out_count(model) == 0);
    orionrt_text *left_out = NULL;
    OK(orionrt_model_left_out(model, &left_out, &error));
    CHECK(orionrt_text_view(left_out).length == 0);
    orionrt_text_free(left_out);
    orionrt_lifetimes *lifetimes = NULL;
    OK(orionrt_lifetimes_from_model(model, ORIONRT_ALIASING_OFF, &lifetimes, &error));
    orionrt_model_free(model);
    orionrt_plan *plan = planned(lifetimes, NULL);
    CHECK(orionrt_plan_count(plan) == 2 && orionrt_plan_peak(plan) == 32 + 24);
    orionrt_plan_free(plan);
    orionrt_lifetimes_free(lifetimes);
  }
  CHECK(remove("plans_test.onnx") == 0);
}

#endif

int main(void) {
  CHECK(strcmp(orionrt_version(), ORIONRT_VERSION) == 0);
  char numbers[64];
  snprintf(numbers, sizeof numbers, "%d.%d.%d", ORIONRT_VERSION_MAJOR, ORIONRT_VERSION_MINOR,
           ORIONRT_VERSION_PATCH);
  CHECK(strcmp(numbers, ORIONRT_VERSION) == 0);
  CHECK(orionrt_abi_version() == ORIONRT_ABI_VERSION);
  columns_are_planned();
  columns_may_be_fields_of_packed_structures();
  no_tensors_make_an_empty_plan();
  csv_is_read_with_its_warnings();
  gaps_are_used_by_others();
  gaps_come_in_any_order_and_in_several_calls();
  graphs_have_views_and_results_in_place();
  graphs_have_streams_branches_and_loops();
  operators_are_reordered_if_that_needs_less();
  options_are_heeded();
  above_the_capacity_the_best_plan_is_in_the_error();
  json_and_csv_are_what_was_planned();
  several_models_share_a_region();
#ifdef ORIONRT_MODELS
  models_are_read_from_memory_and_from_files();
#endif
  return EXIT_SUCCESS;
}
