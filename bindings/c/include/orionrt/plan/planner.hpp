// The options of planning, and planning itself.

#ifndef ORIONRT_PLAN_PLANNER_HPP
#define ORIONRT_PLAN_PLANNER_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <orionrt/plan/shared.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {
namespace detail {

inline std::uint64_t at_least(std::uint64_t least, std::chrono::microseconds time) {
  const auto count = time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
  return count < least ? least : count;
}

/// Is told how a search goes on; returns false to end it.
using watcher = std::function<bool(const progress&)>;

extern "C" {
/// What the C interface calls: a function of its language, which must not throw.
inline bool orionrt_detail_watch(const orionrt_progress* progress, void* data) noexcept {
  return (*static_cast<const watcher*>(data))(*progress);
}
}

}  // namespace detail

/// The options of planning, and planning itself.
class planner : public detail::builder<planner, orionrt_planner, orionrt_planner_free> {
 public:
  /// Is told how a search goes on; returns false to end it.
  using watcher = detail::watcher;

  planner() : builder(orionrt_planner_new()) {}
  using builder::builder;

  planner& time_limit(std::chrono::microseconds limit) & {
    return set(orionrt_planner_set_time_limit_us, detail::at_least(0, limit));
  }
  planner& node_limit(std::uint64_t nodes) & { return set(orionrt_planner_set_node_limit, nodes); }
  planner& threads(std::size_t threads) & { return set(orionrt_planner_set_threads, threads); }
  planner& capacity(std::uint64_t bytes) & { return set(orionrt_planner_set_capacity, bytes); }
  planner& alignment(std::uint64_t bytes) & { return set(orionrt_planner_set_alignment, bytes); }
  planner& seed(std::uint64_t seed) & { return set(orionrt_planner_set_seed, seed); }
  planner& strategy(const std::string& name) & {
    return set(orionrt_planner_set_strategy, name.c_str());
  }
  planner& keep(plan_ref plan) & { return set(orionrt_planner_keep, plan.get()); }
  planner& start_from(plan_ref plan) & { return set(orionrt_planner_start_from, plan.get()); }

  /// Calls a function on the planning thread while a search goes on. It returns false to end the
  /// search with the best plan so far. If it throws, the program ends. With an empty function,
  /// later plans have none.
  /// Not to be called from within the function itself, which it replaces, nor while the planner
  /// plans. Several plans of one planner at once call the function on several threads at once.
  planner& on_progress(watcher function,
                       std::chrono::microseconds interval = std::chrono::milliseconds(100)) & {
    auto next = function ? std::make_unique<watcher>(std::move(function)) : nullptr;
    set(orionrt_planner_set_progress, next ? &detail::orionrt_detail_watch : nullptr, next.get(),
        detail::at_least(1, interval));
    watcher_ = std::move(next);
    return *this;
  }

  // The same of a planner without a name: `auto planner = orionrt::planner().threads(4);`
  planner time_limit(std::chrono::microseconds limit) && { return std::move(time_limit(limit)); }
  planner node_limit(std::uint64_t nodes) && { return std::move(node_limit(nodes)); }
  planner threads(std::size_t threads) && { return std::move(this->threads(threads)); }
  planner capacity(std::uint64_t bytes) && { return std::move(capacity(bytes)); }
  planner alignment(std::uint64_t bytes) && { return std::move(alignment(bytes)); }
  planner seed(std::uint64_t seed) && { return std::move(this->seed(seed)); }
  planner strategy(const std::string& name) && { return std::move(strategy(name)); }
  planner keep(plan_ref plan) && { return std::move(keep(plan)); }
  planner start_from(plan_ref plan) && { return std::move(start_from(plan)); }
  planner on_progress(watcher function,
                      std::chrono::microseconds interval = std::chrono::milliseconds(100)) && {
    return std::move(on_progress(std::move(function), interval));
  }

  /// Hands over the handle, without the function that watches, as that belongs to this object.
  orionrt_planner* release() noexcept {
    if (get()) on_progress(nullptr);
    return builder::release();
  }

  result<orionrt::plan> plan(lifetimes_ref lifetimes) const {
    return build<orionrt::plan>(orionrt_plan_make, lifetimes.get(), get());
  }

  /// Plans models into one region, where only the models of each pair may run at the same time.
  result<shared_plan> share(const model_set& set, span<const model_pair> pairs = {}) const {
    return build<shared_plan>(orionrt_shared_plan_make, set.get(), get(), pairs.data(),
                              pairs.size());
  }

  /// Plans models into one region, where each starts at given steps of a common clock.
  result<shared_plan> share_timed(const model_set& set,
                                  span<const std::vector<std::int64_t>> starts) const {
    std::vector<orionrt_starts> raw;
    for (const auto& steps : starts) raw.push_back({steps.data(), steps.size()});
    return build<shared_plan>(orionrt_shared_plan_make_timed, set.get(), get(), raw.data(),
                              raw.size());
  }

 private:
  std::unique_ptr<watcher> watcher_;
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_PLANNER_HPP
