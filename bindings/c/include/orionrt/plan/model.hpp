// Model files: ONNX and TensorFlow Lite.

#ifndef ORIONRT_PLAN_MODEL_HPP
#define ORIONRT_PLAN_MODEL_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <orionrt/plan/lifetimes.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// A model that was read from an ONNX or TensorFlow Lite file.
class model : public detail::owned<orionrt_model, orionrt_model_free> {
 public:
  using owned::owned;

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    return detail::make<orionrt::lifetimes>(orionrt_lifetimes_from_model,
                                                               get(), aliasing);
  }
  std::size_t operator_count() const noexcept {
    return orionrt_model_operator_count(get());
  }
  std::uint64_t weights_bytes() const noexcept {
    return orionrt_model_weights_bytes(get());
  }
  std::size_t left_out_count() const noexcept {
    return orionrt_model_left_out_count(get());
  }
  /// The name of something that is not in the lifetimes, counted from 0.
  std::string_view left_out_name(std::size_t index) const& noexcept {
    return detail::of(orionrt_model_left_out_name(get(), index));
  }
  std::string_view left_out_name(std::size_t index) const&& = delete;
};

/// What you decide about a model before it is read, and reading it.
class model_options : public detail::builder<model_options, orionrt_model_options,
                                             orionrt_model_options_free> {
 public:
  model_options() : builder(orionrt_model_options_new()) {}
  using builder::builder;

  model_options& dimension(const std::string& name, std::uint64_t size) & {
    return set(orionrt_model_options_set_dimension, name.c_str(), size);
  }
  model_options& input(const std::string& name, span<const std::int64_t> values) & {
    return set(orionrt_model_options_set_input, name.c_str(), values.data(), values.size());
  }
  model_options& alignment(std::uint64_t bytes) & {
    return set(orionrt_model_options_set_alignment, bytes);
  }
  model_options& skip_unknown(bool skip = true) & {
    return set(orionrt_model_options_set_skip_unknown, skip);
  }
  /// Sets the alignment, too.
  model_options& tflite_micro() & { return set(orionrt_model_options_set_tflite_micro); }
  /// Gives up the bytes of an input, so that results in place may be written over it.
  model_options& donate(const std::string& name) & {
    return set(orionrt_model_options_donate, name.c_str());
  }
  /// Gives up the bytes of all inputs.
  model_options& donate_all() & { return set(orionrt_model_options_donate_all); }
  /// Declares that an output is the new value of an input: both have one offset in every plan.
  model_options& alias_output(const std::string& output, const std::string& input) & {
    return set(orionrt_model_options_alias_output, output.c_str(), input.c_str());
  }

  // The same of options without a name.
  model_options dimension(const std::string& name, std::uint64_t size) && {
    return std::move(dimension(name, size));
  }
  model_options input(const std::string& name, span<const std::int64_t> values) && {
    return std::move(input(name, values));
  }
  model_options alignment(std::uint64_t bytes) && { return std::move(alignment(bytes)); }
  model_options skip_unknown(bool skip = true) && { return std::move(skip_unknown(skip)); }
  model_options tflite_micro() && { return std::move(tflite_micro()); }
  model_options donate(const std::string& name) && { return std::move(donate(name)); }
  model_options donate_all() && { return std::move(donate_all()); }
  model_options alias_output(const std::string& output, const std::string& input) && {
    return std::move(alias_output(output, input));
  }

  /// Reads a model file.
  result<model> read(const std::string& path) const {
    return build<model>(orionrt_model_read, path.c_str(), get());
  }
  /// Reads a model that is in memory.
  result<model> parse(span<const std::uint8_t> bytes) const {
    return build<model>(orionrt_model_parse, bytes.data(), bytes.size(), get());
  }
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_MODEL_HPP
