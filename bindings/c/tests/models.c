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
  what_is_left_out_is_named();
#endif
  return EXIT_SUCCESS;
}
