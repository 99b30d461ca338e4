/* Models: several in one region, and those of ONNX files. */

#include "check.h"

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
    CHECK(orionrt_model_left_out_name(model, 0).length == 0);
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

/* The peak of a plan of a model that is read with these options, which are freed. */
static uint64_t peak(const uint8_t *bytes, size_t length, orionrt_model_options *options,
                     uint32_t aliasing) {
  orionrt_model *model = NULL;
  OK(orionrt_model_parse(bytes, length, options, &model, &error));
  orionrt_model_options_free(options);
  orionrt_lifetimes *lifetimes = NULL;
  OK(orionrt_lifetimes_from_model(model, aliasing, &lifetimes, &error));
  orionrt_model_free(model);
  orionrt_plan *plan = planned(lifetimes, NULL);
  const uint64_t bytes_of_it = orionrt_plan_peak(plan);
  orionrt_plan_free(plan);
  orionrt_lifetimes_free(lifetimes);
  return bytes_of_it;
}

/* Options with tensors at multiples of 8 bytes. */
static orionrt_model_options *tight(void) {
  orionrt_model_options *options = orionrt_model_options_new();
  OK(orionrt_model_options_set_alignment(options, 8, &error));
  return options;
}

static void inputs_of_models_are_given_up(void) {
  CHECK(peak(relu, sizeof relu, tight(), ORIONRT_ALIASING_IN_PLACE) == 2 * 24);
  for (int all = 0; all < 2; all++)
    for (uint32_t aliasing = ORIONRT_ALIASING_OFF; aliasing <= ORIONRT_ALIASING_PARTS; aliasing++) {
      orionrt_model_options *options = tight();
      if (all)
        OK(orionrt_model_options_donate_all(options, &error));
      else
        OK(orionrt_model_options_donate(options, "x", &error));
      const uint64_t expected = aliasing < ORIONRT_ALIASING_IN_PLACE ? 2 * 24 : 24;
      CHECK(peak(relu, sizeof relu, options, aliasing) == expected);
    }
  orionrt_model_options *options = tight();
  OK(orionrt_model_options_donate(options, "y", &error));
  orionrt_model *model = NULL;
  REFUSED(orionrt_model_parse(relu, sizeof relu, options, &model, &error), ORIONRT_UNKNOWN_NAME,
          "no input of the graph is called 'y'; expected 'x'");
  CHECK(model == NULL);
  orionrt_model_options_free(options);
}

static void outputs_of_models_lie_in_inputs(void) {
  for (uint32_t aliasing = ORIONRT_ALIASING_OFF; aliasing <= ORIONRT_ALIASING_PARTS; aliasing++) {
    orionrt_model_options *options = tight();
    OK(orionrt_model_options_alias_output(options, "y", "x", &error));
    CHECK(peak(relu, sizeof relu, options, aliasing) == 24);
  }
  static const char *unknown[][3] = {{"x", "x", "no output of the graph is called 'x'"},
                                     {"y", "y", "no input of the graph is called 'y'"}};
  for (int i = 0; i < 2; i++) {
    orionrt_model_options *options = orionrt_model_options_new();
    OK(orionrt_model_options_alias_output(options, unknown[i][0], unknown[i][1], &error));
    orionrt_model *model = NULL;
    REFUSED(orionrt_model_parse(relu, sizeof relu, options, &model, &error), ORIONRT_UNKNOWN_NAME,
            unknown[i][2]);
    CHECK(model == NULL);
    orionrt_model_options_free(options);
  }
}

/* a = Relu(x), b = Sigmoid(a), both of 2 x 3 floats; y = Concat(a, b) along the first axis. */
static const uint8_t joined[] = {
  0x08, 8, 0x42, 2, 0x10, 13, 0x3a, 108,
  0x0a, 12, 0x0a, 1, 'x', 0x12, 1, 'a', 0x22, 4, 'R', 'e', 'l', 'u',
  0x0a, 15, 0x0a, 1, 'a', 0x12, 1, 'b', 0x22, 7, 'S', 'i', 'g', 'm', 'o', 'i', 'd',
  0x0a, 30, 0x0a, 1, 'a', 0x0a, 1, 'b', 0x12, 1, 'y', 0x22, 6, 'C', 'o', 'n', 'c', 'a', 't',
  0x2a, 11, 0x0a, 4, 'a', 'x', 'i', 's', 0x18, 0, 0xa0, 0x01, 2,
  0x12, 1, 'g',
  0x5a, 19, 0x0a, 1, 'x', 0x12, 14, 0x0a, 12, 0x08, 1, 0x12, 8,
  0x0a, 2, 0x08, 2, 0x0a, 2, 0x08, 3,
  0x62, 19, 0x0a, 1, 'y', 0x12, 14, 0x0a, 12, 0x08, 1, 0x12, 8,
  0x0a, 2, 0x08, 4, 0x0a, 2, 0x08, 3,
};

static void operands_of_models_lie_within_the_results_of_concatenations(void) {
  CHECK(peak(joined, sizeof joined, tight(), ORIONRT_ALIASING_IN_PLACE) == 4 * 24);
  CHECK(peak(joined, sizeof joined, tight(), ORIONRT_ALIASING_PARTS) == 2 * 24);
}

/* Another one: t = Identity(s), both of 2 x 3 strings, which are no memory of a plan. */
static const uint8_t strings[] = {
  0x08, 8, 0x42, 2, 0x10, 13, 0x3a, 63,
  0x0a, 16, 0x0a, 1, 's', 0x12, 1, 't', 0x22, 8, 'I', 'd', 'e', 'n', 't', 'i', 't', 'y',
  0x12, 1, 'g',
  0x5a, 19, 0x0a, 1, 's', 0x12, 14, 0x0a, 12, 0x08, 8, 0x12, 8,
  0x0a, 2, 0x08, 2, 0x0a, 2, 0x08, 3,
  0x62, 19, 0x0a, 1, 't', 0x12, 14, 0x0a, 12, 0x08, 8, 0x12, 8,
  0x0a, 2, 0x08, 2, 0x0a, 2, 0x08, 3,
};

static void what_is_left_out_is_named(void) {
  orionrt_model *model = NULL;
  OK(orionrt_model_parse(strings, sizeof strings, NULL, &model, &error));
  CHECK(orionrt_model_left_out_count(model) == 2);
  CHECK(text_is(orionrt_model_left_out_name(model, 0), "s"));
  CHECK(text_is(orionrt_model_left_out_name(model, 1), "t"));
  CHECK(text_is(orionrt_model_left_out_name(model, 2), ""));
  orionrt_model_free(model);
}

#endif

int main(void) {
  several_models_share_a_region();
#ifdef ORIONRT_MODELS
  models_are_read_from_memory_and_from_files();
  inputs_of_models_are_given_up();
  outputs_of_models_lie_in_inputs();
  operands_of_models_lie_within_the_results_of_concatenations();
  what_is_left_out_is_named();
#endif
  return EXIT_SUCCESS;
}
