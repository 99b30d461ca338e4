/* What the C interface plans: columns, CSV, gaps, offsets, options, files. */

#include "check.h"

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
  CHECK(text_is(orionrt_text_string(warnings), "column 'color' is not known and is ignored\n"));
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
  /* Read back, those that touch are one, and those at the ends are none. */
  CHECK(orionrt_lifetimes_gap_count(lifetimes, 0) == 2);
  orionrt_gap found[3] = {{7, 7, 7}, {7, 7, 7}, {7, 7, 7}};
  OK(orionrt_lifetimes_copy_gaps(lifetimes, 0, found, 3, &error));
  CHECK(found[0].tensor == 0 && found[0].lower == 3 && found[0].upper == 5);
  CHECK(found[1].tensor == 0 && found[1].lower == 7 && found[1].upper == 8);
  CHECK(found[2].tensor == 7);
  orionrt_lifetimes_free(lifetimes);
}

static void windows_leave_bytes_to_others(void) {
  const char *csv = "id,lower,upper,size\ntable,0,6,100\nwork,2,4,60\nmore,2,4,30\n";
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_csv(csv, strlen(csv), &lifetimes, NULL, &error));
  CHECK(orionrt_lifetimes_load(lifetimes) == 190);
  const orionrt_piece window = {0, 2, 4, 0, 10};
  OK(orionrt_lifetimes_add_windows(lifetimes, &window, 1, &error));
  CHECK(orionrt_lifetimes_piece_count(lifetimes, 0) == 3);
  CHECK(orionrt_lifetimes_piece_count(lifetimes, 1) == 1);
  orionrt_piece found[3];
  OK(orionrt_lifetimes_copy_pieces(lifetimes, 0, found, 3, &error));
  CHECK(found[0].upper == 2 && found[0].first == 0 && found[0].end == 100);
  CHECK(memcmp(&found[1], &window, sizeof window) == 0 && found[2].lower == 4);
  orionrt_plan *plan = planned(lifetimes, NULL);
  CHECK(orionrt_plan_peak(plan) == 100);
  /* Files keep them. */
  orionrt_text *json = NULL;
  OK(orionrt_plan_to_json(plan, &json, &error));
  const orionrt_string text = orionrt_text_string(json);
  orionrt_plan *again = NULL;
  OK(orionrt_plan_from_json(text.data, text.length, &again, &error));
  CHECK(orionrt_lifetimes_piece_count(orionrt_plan_lifetimes(again), 0) == 3);
  orionrt_plan_free(again);
  orionrt_text_free(json);
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
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
  const orionrt_string string = orionrt_text_string(json);
  OK(orionrt_plan_from_json(string.data, string.length, &read, &error));
  CHECK(memcmp(orionrt_plan_offsets(plan), orionrt_plan_offsets(read), 3 * sizeof(uint64_t)) == 0);
  orionrt_plan_free(read);
  OK(orionrt_plan_write(plan, "plans_test.json", &error));
  /* What the new file takes the place of stays readable. */
  FILE *earlier = fopen("plans_test.json", "rb");
  OK(orionrt_plan_write(plan, "plans_test.json", &error));
  CHECK(earlier != NULL && fgetc(earlier) == '{' && fclose(earlier) == 0);
  OK(orionrt_plan_read("plans_test.json", &read, &error));
  CHECK(orionrt_plan_peak(read) == 3072);
  CHECK(remove("plans_test.json") == 0);
  OK(orionrt_plan_to_csv(plan, &csv, &error));
  CHECK(strncmp(orionrt_text_string(csv).data, "id,lower,upper,size", 19) == 0);
  orionrt_plan_free(read);
  const orionrt_string lines = orionrt_text_string(csv);
  OK(orionrt_plan_from_csv(lines.data, lines.length, &read, NULL, &error));
  CHECK(memcmp(orionrt_plan_offsets(plan), orionrt_plan_offsets(read), 3 * sizeof(uint64_t)) == 0);
  orionrt_plan_free(read);
  const char *colored = "id,lower,upper,size,offset,color\na,0,2,8,16,red\n";
  orionrt_text *warnings = NULL;
  OK(orionrt_plan_from_csv(colored, strlen(colored), &read, &warnings, &error));
  CHECK(orionrt_plan_peak(read) == 24);
  CHECK(text_is(orionrt_text_string(warnings), "column 'color' is not known and is ignored\n"));
  orionrt_text_free(warnings);
  orionrt_text_free(json), orionrt_text_free(csv);
  orionrt_plan_free(read), orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
}

static void tensors_lie_within_others(void) {
  static const int64_t lower[] = {0, 1, 3}, upper[] = {4, 3, 4};
  static const uint64_t size[] = {100, 40, 50};
  size_t root[] = {ORIONRT_NONE, 0, 0};
  uint64_t root_offset[] = {0, 60, 50};
  orionrt_columns columns;
  memset(&columns, 0, sizeof columns);
  columns.count = 3;
  columns.lower.data = lower, columns.upper.data = upper, columns.size.data = size;
  columns.root.data = root, columns.root_offset.data = root_offset;
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  orionrt_row row;
  OK(orionrt_lifetimes_row(lifetimes, 1, &row, &error));
  CHECK(row.root == 0 && row.root_offset == 60);
  orionrt_plan *plan = planned(lifetimes, NULL);
  CHECK(orionrt_plan_peak(plan) == 100 && orionrt_plan_offsets(plan)[1] == 60);
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);

  columns.root_offset.data = NULL;
  OK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error));
  OK(orionrt_lifetimes_row(lifetimes, 1, &row, &error));
  CHECK(row.root == 0 && row.root_offset == 0);
  orionrt_lifetimes_free(lifetimes);
  columns.root_offset.data = root_offset, columns.root.data = NULL;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error), ORIONRT_NULL_POINTER,
          "root");
  columns.root.data = root, root[2] = 3;
  orionrt_error *error = NULL;
  CHECK(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error) == ORIONRT_INVALID_ARGUMENT);
  CHECK(orionrt_error_index(error) == 2);
  orionrt_error_free(error);
  root[2] = 0, root_offset[2] = 51;
  REFUSED(orionrt_lifetimes_from_columns(&columns, &lifetimes, &error), ORIONRT_BAD_VIEW, "'2'");
}

static void each_device_has_lifetimes_of_its_own(void) {
  const char *csv = "id,lower,upper,size,device,hint\n"
                    "a,0,2,10,gpu1,1\nb,0,2,20,gpu0,\na,2,4,5,gpu0,\n";
  orionrt_devices *devices = NULL;
  OK(orionrt_devices_from_csv(csv, strlen(csv), &devices, &error));
  CHECK(orionrt_devices_count(devices) == 2);
  CHECK(text_is(orionrt_devices_name(devices, 0), "gpu1"));
  CHECK(text_is(orionrt_devices_name(devices, 1), "gpu0"));
  CHECK(text_is(orionrt_devices_name(devices, 2), ""));
  orionrt_devices_free(devices);
  const struct {
    const char *device;
    size_t count;
    uint64_t load;
  } expected[] = {{"gpu0", 2, 20}, {"gpu1", 1, 10}, {"gpu2", 0, 0}};
  for (size_t i = 0; i < 3; i++) {
    orionrt_lifetimes *lifetimes = NULL;
    orionrt_text *warnings = NULL;
    OK(orionrt_lifetimes_from_csv_on(csv, strlen(csv), expected[i].device, &lifetimes, &warnings,
                                     &error));
    CHECK(orionrt_lifetimes_count(lifetimes) == expected[i].count);
    CHECK(orionrt_lifetimes_load(lifetimes) == expected[i].load);
    CHECK(strstr(orionrt_text_string(warnings).data, "hint") != NULL);
    orionrt_text_free(warnings);
    orionrt_lifetimes_free(lifetimes);
  }
  OK(orionrt_devices_from_csv("id,lower,upper,size\n", 20, &devices, &error));
  CHECK(orionrt_devices_count(devices) == 0);
  orionrt_devices_free(devices);
  REFUSED(orionrt_devices_from_csv("id\n", 3, &devices, &error), ORIONRT_MALFORMED, "lower");
  orionrt_lifetimes *lifetimes = NULL;
  REFUSED(orionrt_lifetimes_from_csv_on(csv, strlen(csv), NULL, &lifetimes, NULL, &error),
          ORIONRT_NULL_POINTER, "device");
}

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
  tensors_lie_within_others();
  each_device_has_lifetimes_of_its_own();
  gaps_are_used_by_others();
  gaps_come_in_any_order_and_in_several_calls();
  windows_leave_bytes_to_others();
  options_are_heeded();
  above_the_capacity_the_best_plan_is_in_the_error();
  json_and_csv_are_what_was_planned();
  return EXIT_SUCCESS;
}
