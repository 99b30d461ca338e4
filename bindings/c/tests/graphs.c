/* Lifetimes of graphs: views, results in place, parts, streams, branches, loops, a better order. */

#include "check.h"

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

static void donated_inputs_are_written_over(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t x, y, op;
  OK(orionrt_graph_add_tensor(graph, "x", 100, 4, &x, &error));
  OK(orionrt_graph_add_tensor(graph, "y", 100, 4, &y, &error));
  OK(orionrt_graph_add_operator(graph, "relu", NULL, 0, NULL, 0, &op, &error));
  OK(orionrt_graph_add_in_place(graph, op, y, x, &error));
  OK(orionrt_graph_add_output(graph, y, &error));
  orionrt_lifetimes *kept = NULL, *lifetimes = NULL;
  OK(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_IN_PLACE, &kept, &error));
  CHECK(orionrt_lifetimes_load(kept) == 200);
  REFUSED(orionrt_graph_donate(graph, 2, &error), ORIONRT_INVALID_ARGUMENT, "2");
  REFUSED(orionrt_graph_donate(NULL, 0, &error), ORIONRT_NULL_POINTER, "graph");
  OK(orionrt_graph_donate(graph, x, &error));
  OK(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_IN_PLACE, &lifetimes, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 100);
  orionrt_lifetimes_free(lifetimes), orionrt_lifetimes_free(kept);
  OK(orionrt_graph_donate(graph, y, &error));
  REFUSED(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_IN_PLACE, &lifetimes, &error),
          ORIONRT_BAD_GRAPH, "donated");
  orionrt_graph_free(graph);
}

static void operands_lie_within_the_result_of_a_concatenation(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t a, b, joined, op;
  OK(orionrt_graph_add_tensor(graph, "a", 100, 4, &a, &error));
  OK(orionrt_graph_add_tensor(graph, "b", 60, 4, &b, &error));
  OK(orionrt_graph_add_tensor(graph, "joined", 160, 4, &joined, &error));
  OK(orionrt_graph_add_operator(graph, "load a", NULL, 0, &a, 1, NULL, &error));
  OK(orionrt_graph_add_operator(graph, "load b", NULL, 0, &b, 1, NULL, &error));
  OK(orionrt_graph_add_operator(graph, "concatenate", NULL, 0, NULL, 0, &op, &error));
  OK(orionrt_graph_add_part(graph, op, a, joined, 0, &error));
  OK(orionrt_graph_add_part(graph, op, b, joined, 100, &error));
  OK(orionrt_graph_add_output(graph, joined, &error));
  orionrt_lifetimes *copied = NULL, *within = NULL;
  OK(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_IN_PLACE, &copied, &error));
  CHECK(orionrt_lifetimes_load(copied) == 320);
  OK(orionrt_lifetimes_from_graph(graph, ORIONRT_ALIASING_PARTS, &within, &error));
  CHECK(orionrt_lifetimes_load(within) == 160);
  orionrt_row row;
  OK(orionrt_lifetimes_row(within, b, &row, &error));
  CHECK(row.root == joined && row.root_offset == 100);
  orionrt_lifetimes_free(within), orionrt_lifetimes_free(copied);
  REFUSED(orionrt_graph_add_part(graph, op, 3, joined, 0, &error), ORIONRT_INVALID_ARGUMENT, "3");
  orionrt_graph_free(graph);
}

static void outputs_have_the_bytes_of_inputs(void) {
  orionrt_graph *graph = orionrt_graph_new();
  size_t past, present, y, op;
  OK(orionrt_graph_add_tensor(graph, "past", 100, 4, &past, &error));
  OK(orionrt_graph_add_tensor(graph, "present", 100, 4, &present, &error));
  OK(orionrt_graph_add_tensor(graph, "y", 8, 4, &y, &error));
  OK(orionrt_graph_add_operator(graph, "append", NULL, 0, NULL, 0, &op, &error));
  OK(orionrt_graph_add_in_place(graph, op, present, past, &error));
  OK(orionrt_graph_add_operator(graph, "attend", &present, 1, &y, 1, NULL, &error));
  OK(orionrt_graph_add_output(graph, present, &error));
  OK(orionrt_graph_add_output(graph, y, &error));
  REFUSED(orionrt_graph_alias_output(graph, present, 3, &error), ORIONRT_INVALID_ARGUMENT, "3");
  OK(orionrt_graph_alias_output(graph, present, past, &error));
  for (uint32_t aliasing = 0; aliasing <= ORIONRT_ALIASING_IN_PLACE; aliasing++) {
    orionrt_lifetimes *lifetimes = NULL;
    OK(orionrt_lifetimes_from_graph(graph, aliasing, &lifetimes, &error));
    CHECK(orionrt_lifetimes_load(lifetimes) == 108);
    orionrt_plan *plan = NULL;
    OK(orionrt_plan_make(lifetimes, NULL, &plan, &error));
    CHECK(orionrt_plan_offsets(plan)[present] == orionrt_plan_offsets(plan)[past]);
    orionrt_plan_free(plan);
    orionrt_lifetimes_free(lifetimes);
  }
  /* Somebody reads the old value after the new one is written. */
  OK(orionrt_graph_add_operator(graph, "compare", &past, 1, NULL, 0, NULL, &error));
  orionrt_lifetimes *refused = NULL;
  REFUSED(orionrt_lifetimes_from_graph(graph, 0, &refused, &error), ORIONRT_BAD_GRAPH, "compare");
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
  CHECK(orionrt_graph_operator_count(graph) == 5);
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

int main(void) {
  graphs_have_views_and_results_in_place();
  donated_inputs_are_written_over();
  operands_lie_within_the_result_of_a_concatenation();
  outputs_have_the_bytes_of_inputs();
  graphs_have_streams_branches_and_loops();
  operators_are_reordered_if_that_needs_less();
  return EXIT_SUCCESS;
}
