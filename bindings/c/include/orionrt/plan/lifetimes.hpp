// When each tensor is alive, and how many bytes it needs.

#ifndef ORIONRT_PLAN_LIFETIMES_HPP
#define ORIONRT_PLAN_LIFETIMES_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <orionrt/plan/columns.hpp>
#include <orionrt/plan/handle.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// Lifetimes that another object owns.
class lifetimes_ref {
 public:
  explicit lifetimes_ref(const orionrt_lifetimes* handle) noexcept : handle_(handle) {}

  std::size_t size() const noexcept { return orionrt_lifetimes_count(handle_); }
  std::uint64_t load() const noexcept { return orionrt_lifetimes_load(handle_); }
  std::uint64_t lower_bound() const noexcept { return orionrt_lifetimes_lower_bound(handle_); }
  std::uint64_t total_bytes() const noexcept { return orionrt_lifetimes_total_bytes(handle_); }
  std::string_view name(std::size_t tensor) const noexcept {
    return detail::of(orionrt_lifetimes_name(handle_, tensor));
  }
  /// The tensor of this name; `none` if there is none.
  std::size_t find(const std::string& name) const noexcept {
    return orionrt_lifetimes_find(handle_, name.c_str());
  }
  result<orionrt::row> row(std::size_t tensor) const {
    orionrt::row row;
    orionrt_error* failed = nullptr;
    if (orionrt_lifetimes_row(handle_, tensor, &row, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return row;
  }
  /// The gaps of a tensor, in ascending order.
  result<std::vector<gap>> gaps(std::size_t tensor) const {
    std::vector<gap> gaps(orionrt_lifetimes_gap_count(handle_, tensor));
    auto copied =
        detail::run(orionrt_lifetimes_copy_gaps, handle_, tensor, gaps.data(), gaps.size());
    if (!copied) return std::move(copied).error();
    return gaps;
  }
  /// Which bytes of a tensor are needed at which steps.
  result<std::vector<piece>> pieces(std::size_t tensor) const {
    std::vector<piece> pieces(orionrt_lifetimes_piece_count(handle_, tensor));
    auto copied =
        detail::run(orionrt_lifetimes_copy_pieces, handle_, tensor, pieces.data(), pieces.size());
    if (!copied) return std::move(copied).error();
    return pieces;
  }
  /// Whether two tensors must not share bytes.
  bool conflict(std::size_t first, std::size_t second) const noexcept {
    return orionrt_lifetimes_conflict(handle_, first, second);
  }
  /// The load over time, and a lower bound beside it.
  result<std::vector<section>> profile() const {
    using made = detail::owned<orionrt_profile, orionrt_profile_free>;
    auto profile = detail::make<made>(orionrt_profile_make, handle_);
    if (!profile) return std::move(profile).error();
    const section* first = orionrt_profile_sections(profile->get());
    return std::vector<section>(first, first + orionrt_profile_count(profile->get()));
  }
  /// Checks offsets that come from elsewhere, one for each tensor.
  result<void> check(span<const std::uint64_t> offsets) const {
    return detail::run(orionrt_lifetimes_check, handle_, offsets.data(), offsets.size());
  }
  const orionrt_lifetimes* get() const noexcept { return handle_; }

 private:
  const orionrt_lifetimes* handle_;
};

/// When each tensor is alive, and how many bytes it needs.
class lifetimes : public detail::owned<orionrt_lifetimes, orionrt_lifetimes_free> {
 public:
  using owned::owned;

  static result<lifetimes> from_columns(const columns& columns) {
    const std::string fault = detail::fault(columns);
    if (!fault.empty()) return orionrt::error(ORIONRT_WRONG_COUNT, fault);
    const orionrt_columns raw = detail::raw(columns);
    return detail::make<lifetimes>(orionrt_lifetimes_from_columns, &raw);
  }

  /// `warnings`, if it is not null, is given one warning a line about what is not planned.
  static result<lifetimes> from_csv(std::string_view csv, std::string* warnings = nullptr) {
    return detail::read_csv<lifetimes>(orionrt_lifetimes_from_csv, csv, warnings);
  }

  /// The lifetimes of the rows of CSV that name this device. `warnings` is as above.
  static result<lifetimes> from_csv_on(std::string_view csv, const std::string& device,
                                       std::string* warnings = nullptr) {
    const auto read = [&](const char* text, std::size_t length, auto... out) {
      return orionrt_lifetimes_from_csv_on(text, length, device.c_str(), out...);
    };
    return detail::read_csv<lifetimes>(read, csv, warnings);
  }

  /// Adds steps at which tensors need no bytes.
  result<void> add_gaps(span<const gap> gaps) {
    return detail::run(orionrt_lifetimes_add_gaps, get(), gaps.data(), gaps.size());
  }

  /// Adds steps at which only some bytes of tensors are needed.
  result<void> add_windows(span<const piece> windows) {
    return detail::run(orionrt_lifetimes_add_windows, get(), windows.data(), windows.size());
  }

  operator lifetimes_ref() const noexcept { return lifetimes_ref(get()); }
  lifetimes_ref ref() const& noexcept { return *this; }
  lifetimes_ref ref() const&& = delete;
  std::size_t size() const noexcept { return ref().size(); }
  std::uint64_t load() const noexcept { return ref().load(); }
  std::uint64_t lower_bound() const noexcept { return ref().lower_bound(); }
  std::uint64_t total_bytes() const noexcept { return ref().total_bytes(); }
  std::string_view name(std::size_t tensor) const& noexcept { return ref().name(tensor); }
  std::string_view name(std::size_t tensor) const&& = delete;
  std::size_t find(const std::string& name) const noexcept { return ref().find(name); }
  result<orionrt::row> row(std::size_t tensor) const { return ref().row(tensor); }
  result<std::vector<gap>> gaps(std::size_t tensor) const { return ref().gaps(tensor); }
  result<std::vector<piece>> pieces(std::size_t tensor) const { return ref().pieces(tensor); }
  bool conflict(std::size_t first, std::size_t second) const noexcept {
    return ref().conflict(first, second);
  }
  result<std::vector<section>> profile() const { return ref().profile(); }
  result<void> check(span<const std::uint64_t> offsets) const { return ref().check(offsets); }
};

/// The devices that CSV names, in order of their first rows; none without a column `device`.
inline result<std::vector<std::string>> devices_of_csv(std::string_view csv) {
  using made = detail::owned<orionrt_devices, orionrt_devices_free>;
  auto devices = detail::make<made>(orionrt_devices_from_csv, csv.data(), csv.size());
  if (!devices) return std::move(devices).error();
  std::vector<std::string> names(orionrt_devices_count(devices->get()));
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = detail::of(orionrt_devices_name(devices->get(), i));
  return names;
}

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_LIFETIMES_HPP
