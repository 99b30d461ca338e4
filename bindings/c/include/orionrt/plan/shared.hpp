// Several models in one region.

#ifndef ORIONRT_PLAN_SHARED_HPP
#define ORIONRT_PLAN_SHARED_HPP

#include <cstddef>
#include <cstdint>
#include <string>

#include <orionrt/plan/plan.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

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
  /// The tensors of one model, with offsets in the shared region.
  result<plan> part(std::size_t model) const {
    return detail::make<plan>(orionrt_shared_plan_part, get(), model);
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
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_SHARED_HPP
