// The memory planner of OrionRT for C++17: lifetimes in, offsets out.
//
// Licensed as OrionRT is: MIT or Apache-2.0. Headers alone, over orionrt/plan.h, whose comments
// say what each call does; link liborionrt-plan.
//
//   orionrt::columns columns;                       // pointers to your own arrays
//   columns.lower = lower, columns.upper = upper, columns.size = size;
//   auto lifetimes = orionrt::lifetimes::from_columns(columns);
//   auto plan = orionrt::planner().threads(4).plan(lifetimes.value());
//   if (!plan) return report(plan.error().message());
//   allocate(plan->peak(), plan->alignment()), use(plan->offsets());
//
// Errors: what can fail returns a `result`, which holds a value or an `error` and must be looked
// at. There is no exception of its own here, as LLVM, IREE and many embedded programs are built
// without them; with exceptions, `result::value()` throws the error that is there instead of the
// value, so that a program which likes them writes `.value()` and nothing else. Without, it ends
// the program. Builders, `planner`, `graph` and `model_options`, take whatever they are told, and
// the call at their end reports the first thing that was wrong.
//
// Ownership: objects own what they stand for and free it. A class whose name ends in `_ref` refers
// to what another object owns and is valid as long as that; so are strings and offsets. An object
// is made of a handle of the C interface, lends it with `get()`, and gives it up with `release()`.
//
// What looks into an object cannot be asked of a temporary one, which is gone at the end of the
// statement: `planner.plan(lifetimes).value().offsets()` does not compile.
//
// Threads: const functions may be called from several threads at once.
//
// Exceptions: a program may have files that are compiled with them and files that are not. Each
// kind has classes of its own, so objects cannot be handed from one to the other; handles can.

#ifndef ORIONRT_PLAN_HPP
#define ORIONRT_PLAN_HPP

#include <string_view>
#include <vector>

#include <orionrt/plan/graph.hpp>
#ifdef ORIONRT_MODELS
#include <orionrt/plan/model.hpp>
#endif
#include <orionrt/plan/planner.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// The version of the library that runs.
inline std::string_view version() noexcept { return orionrt_version(); }

/// Whether the library that runs is one that this header describes.
inline bool is_compatible() noexcept { return orionrt_abi_version() == ORIONRT_ABI_VERSION; }

/// The names of all strategies, the default first.
inline std::vector<std::string_view> strategies() {
  std::vector<std::string_view> names(orionrt_strategy_count());
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = orionrt_strategy_name(i);
  return names;
}

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_HPP
