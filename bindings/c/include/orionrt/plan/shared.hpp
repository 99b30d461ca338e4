// Several models in one region.

#ifndef ORIONRT_PLAN_SHARED_HPP
#define ORIONRT_PLAN_SHARED_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <orionrt/plan/plan.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

namespace detail {

/// Calls a function of the C interface that copies the first values of a list, as many as there
/// are but no more than `most`.
template <class Value, class Function, class Handle>
result<std::vector<Value>> first_of(Function function, const Handle* handle, std::size_t most) {
  std::vector<Value> values;
  std::size_t room = most < 1024 ? most : 1024, count = 0;
  for (;;) {
    values.resize(room);
    auto copied = run(function, handle, values.data(), room, &count);
    if (!copied) return std::move(copied).error();
    if (count < room || room == most) break;
    room = room > most / 2 ? most : 2 * room;
  }
  values.resize(count);
  return values;
}

}  // namespace detail

/// A plan of several models in one region.
class shared_plan : public detail::owned<orionrt_shared_plan, orionrt_shared_plan_free> {
 public:
  using owned::owned;

  /// The plan of all models together, whose tensors are named `model/tensor`.
  plan_ref joint() const& noexcept {
    return plan_ref(orionrt_shared_plan_joint(get()));
  }
  plan_ref joint() const&& = delete;
  /// What regions of their own for all models would take together, in bytes.
  std::uint64_t isolated_bytes() const noexcept {
    return orionrt_shared_plan_isolated_bytes(get());
  }
  /// How many pairs of tensors of different models share bytes.
  std::uint64_t pair_count() const noexcept { return orionrt_shared_plan_pair_count(get()); }
  /// The bytes that they share, in order of the first byte, and no more than `most`.
  result<std::vector<shared_range>> ranges(std::size_t most) const {
    return detail::first_of<shared_range>(orionrt_shared_plan_copy_ranges, get(), most);
  }
  /// The tensors of one model, with offsets in the shared region.
  result<plan> part(std::size_t model) const {
    return detail::make<plan>(orionrt_shared_plan_part, get(), model);
  }
};

/// Which tensors of different models may share bytes; nothing is planned.
class sharing : public detail::owned<orionrt_sharing, orionrt_sharing_free> {
 public:
  using owned::owned;

  /// How many pairs there are; at least so many if they are not complete.
  std::uint64_t pair_count() const noexcept { return orionrt_sharing_pair_count(get()); }
  bool is_complete() const noexcept { return orionrt_sharing_is_complete(get()); }
  /// How many bytes two tensors may share at most; 0 if they may not.
  result<std::uint64_t> bytes(model_tensor first, model_tensor second) const {
    std::uint64_t bytes = 0;
    orionrt_error* failed = nullptr;
    if (orionrt_sharing_bytes(get(), first, second, &bytes, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return bytes;
  }
  /// The pairs with most bytes to share, those first that have most.
  result<std::vector<sharing_pair>> largest(std::size_t most) const {
    return detail::first_of<sharing_pair>(orionrt_sharing_copy_largest, get(), most);
  }
};

/// Models that are to have one region of memory.
class model_set : public detail::owned<orionrt_model_set, orionrt_model_set_free> {
 public:
  model_set() : owned(orionrt_model_set_new()) {}
  using owned::owned;

  /// Adds a model; returns its number.
  result<std::size_t> add(const std::string& name, lifetimes_ref lifetimes) {
    std::size_t model = none;
    orionrt_error* failed = nullptr;
    if (orionrt_model_set_add(get(), name.c_str(), lifetimes.get(), &model, &failed) !=
        ORIONRT_OK)
      return orionrt::error(failed);
    return model;
  }

  /// Which tensors may share bytes, where only the models of each pair may run at the same time.
  result<orionrt::sharing> sharing(span<const model_pair> pairs = {}) const {
    return detail::make<orionrt::sharing>(orionrt_sharing_find, get(), pairs.data(), pairs.size());
  }

  /// Which tensors may share bytes, where each model starts at given steps of a common clock.
  result<orionrt::sharing> sharing_timed(span<const std::vector<std::int64_t>> starts) const {
    std::vector<orionrt_starts> raw;
    for (const auto& steps : starts) raw.push_back({steps.data(), steps.size()});
    return detail::make<orionrt::sharing>(orionrt_sharing_find_timed, get(), raw.data(),
                                          raw.size());
  }
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_SHARED_HPP
