// The namespaces of the C++ interface: classes of a file that is compiled with exceptions are not
// those of one without, as a program may have both.

#ifndef ORIONRT_PLAN_NAMESPACE_HPP
#define ORIONRT_PLAN_NAMESPACE_HPP

#include <cstddef>
#include <cstdint>

#include <orionrt/plan.h>

#if defined(__cpp_exceptions)
#define ORIONRT_INLINE_NAMESPACE with_exceptions
#else
#define ORIONRT_INLINE_NAMESPACE without_exceptions
#endif

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// "None" where a position is asked for.
inline constexpr std::size_t none = ORIONRT_NONE;
/// "Not fixed" in a column of fixed offsets.
inline constexpr std::uint64_t not_fixed = ORIONRT_NOT_FIXED;

using status = orionrt_status;
using row = orionrt_row;
using gap = orionrt_gap;
using piece = orionrt_piece;
using progress = orionrt_progress;
using section = orionrt_section;
using model_pair = orionrt_model_pair;
using model_tensor = orionrt_model_tensor;
using sharing_pair = orionrt_sharing_pair;
using shared_range = orionrt_shared_range;
using aliasing = orionrt_aliasing;

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_NAMESPACE_HPP
