// An offset for every tensor, checked.

#ifndef ORIONRT_PLAN_PLAN_HPP
#define ORIONRT_PLAN_PLAN_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <orionrt/plan/lifetimes.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// A plan that another object owns.
class plan_ref {
 public:
  explicit plan_ref(const orionrt_plan* handle) noexcept : handle_(handle) {}

  std::size_t size() const noexcept { return orionrt_plan_count(handle_); }
  /// The offsets of all tensors in bytes, in order of the lifetimes.
  span<const std::uint64_t> offsets() const noexcept {
    return {orionrt_plan_offsets(handle_), size()};
  }
  /// The size of the planned region in bytes.
  std::uint64_t peak() const noexcept { return orionrt_plan_peak(handle_); }
  std::uint64_t load() const noexcept { return orionrt_plan_load(handle_); }
  std::uint64_t lower_bound() const noexcept { return orionrt_plan_lower_bound(handle_); }
  bool is_optimal() const noexcept { return orionrt_plan_is_optimal(handle_); }
  /// The alignment in bytes that the base of the region needs.
  std::uint64_t alignment() const noexcept { return orionrt_plan_alignment(handle_); }
  std::string_view strategy() const noexcept { return detail::of(orionrt_plan_strategy(handle_)); }
  lifetimes_ref lifetimes() const noexcept {
    return lifetimes_ref(orionrt_plan_lifetimes(handle_));
  }
  result<std::string> to_json() const {
    return detail::text(orionrt_plan_to_json, handle_);
  }
  result<std::string> to_csv() const {
    return detail::text(orionrt_plan_to_csv, handle_);
  }
  /// Writes JSON to a file, which is overwritten.
  result<void> write(const std::string& path) const {
    return detail::run(orionrt_plan_write, handle_, path.c_str());
  }
  const orionrt_plan* get() const noexcept { return handle_; }

 private:
  const orionrt_plan* handle_;
};

inline std::optional<plan_ref> error::best_plan() const& noexcept {
  const orionrt_plan* best = orionrt_error_best_plan(handle_.get());
  return best ? std::optional<plan_ref>(plan_ref(best)) : std::nullopt;
}

/// An offset for every tensor, checked: no two tensors that are alive together share a byte.
class plan : public detail::owned<orionrt_plan, orionrt_plan_free> {
 public:
  using owned::owned;

  /// Checks offsets that come from elsewhere, one for each tensor.
  static result<plan> from_offsets(lifetimes_ref lifetimes, span<const std::uint64_t> offsets) {
    return detail::make<plan>(orionrt_plan_from_offsets, lifetimes.get(),
                                            offsets.data(), offsets.size());
  }
  static result<plan> from_json(std::string_view json) {
    return detail::make<plan>(orionrt_plan_from_json, json.data(), json.size());
  }
  /// `warnings`, if it is not null, is given one warning a line about what is not planned.
  static result<plan> from_csv(std::string_view csv, std::string* warnings = nullptr) {
    return detail::read_csv<plan>(orionrt_plan_from_csv, csv, warnings);
  }
  /// Reads JSON from a file.
  static result<plan> read(const std::string& path) {
    return detail::make<plan>(orionrt_plan_read, path.c_str());
  }

  operator plan_ref() const noexcept { return plan_ref(get()); }
  plan_ref ref() const& noexcept { return *this; }
  plan_ref ref() const&& = delete;
  std::size_t size() const noexcept { return ref().size(); }
  span<const std::uint64_t> offsets() const& noexcept { return ref().offsets(); }
  span<const std::uint64_t> offsets() const&& = delete;
  std::uint64_t peak() const noexcept { return ref().peak(); }
  std::uint64_t load() const noexcept { return ref().load(); }
  std::uint64_t lower_bound() const noexcept { return ref().lower_bound(); }
  bool is_optimal() const noexcept { return ref().is_optimal(); }
  std::uint64_t alignment() const noexcept { return ref().alignment(); }
  std::string_view strategy() const& noexcept { return ref().strategy(); }
  std::string_view strategy() const&& = delete;
  lifetimes_ref lifetimes() const& noexcept { return ref().lifetimes(); }
  lifetimes_ref lifetimes() const&& = delete;
  result<std::string> to_json() const { return ref().to_json(); }
  result<std::string> to_csv() const { return ref().to_csv(); }
  result<void> write(const std::string& path) const { return ref().write(path); }
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_PLAN_HPP
