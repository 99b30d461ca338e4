// What compiles and what does not: nothing points to a temporary, or to elements of another size,
// and spans are those of the standard library, where it has them.

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <orionrt/plan.hpp>

#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

template <class Object, class = void>
inline constexpr bool has_offsets = false;
template <class Object>
inline constexpr bool has_offsets<Object, std::void_t<decltype(std::declval<Object>().offsets())>> =
    true;

struct Base {
  int one;
};

struct Derived : Base {
  int more;
};

// What would point to a temporary, or to elements of another size, does not compile.
using Numbers = std::vector<std::uint64_t>;
using Column = orionrt::column<std::uint64_t>;
static_assert(std::is_constructible_v<Column, const Numbers&>);
static_assert(std::is_constructible_v<Column, Numbers&>);
static_assert(std::is_constructible_v<Column, orionrt::span<const std::uint64_t>>);
static_assert(!std::is_constructible_v<Column, Numbers>);
static_assert(!std::is_constructible_v<Column, const std::vector<std::int64_t>&>);
static_assert(std::is_constructible_v<orionrt::span<const Base>, const std::vector<Base>&>);
static_assert(!std::is_constructible_v<orionrt::span<const Base>, const std::vector<Derived>&>);
static_assert(has_offsets<const orionrt::plan&> && has_offsets<orionrt::plan_ref>);
static_assert(!has_offsets<orionrt::plan> && !has_offsets<const orionrt::plan>);

#if __cplusplus >= 202002L
using Standard = std::span<const std::uint64_t>;
static_assert(std::is_convertible_v<orionrt::span<const std::uint64_t>, Standard>);
static_assert(std::is_convertible_v<Standard, orionrt::span<const std::uint64_t>>);
static_assert(!std::is_convertible_v<orionrt::span<const std::uint64_t>, std::span<std::uint64_t>>);
#endif

}  // namespace
