// Arrays that somebody else owns.

#ifndef ORIONRT_PLAN_SPAN_HPP
#define ORIONRT_PLAN_SPAN_HPP

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>

#include <orionrt/plan/namespace.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {
namespace detail {

/// Anything with `data()` and `size()` whose elements are values of `T` and not of a class that is
/// derived from it, which may be larger.
template <class Container>
using element = std::remove_pointer_t<decltype(std::declval<const Container&>().data())>;
template <class Container, class T>
inline constexpr bool has_values_of =
    std::is_convertible_v<element<Container> (*)[], const T (*)[]>;
template <class Container, class T>
using enable_if_values = std::enable_if_t<has_values_of<Container, T>,
                                          decltype(std::declval<const Container&>().size())>;

}  // namespace detail

/// Values that follow each other in memory, owned by somebody else. It is a `std::span` that C++17
/// has, too, and that takes a list in braces; each converts into the other. It is one class in
/// every standard, so that files which are compiled as C++17 and as C++20 make one program.
template <class T>
class span {
  static_assert(std::is_const_v<T>, "values are read and never written: span<const T>");

 public:
  constexpr span() noexcept = default;
  constexpr span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  /// A list lives as long as the call that it is an argument of.
  constexpr span(std::initializer_list<std::remove_const_t<T>> values) noexcept
      : span(std::data(values), values.size()) {}
  /// Anything with `data()` and `size()`: a vector, an array, another span.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr span(const Container& values) noexcept : span(values.data(), values.size()) {}

  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T* begin() const noexcept { return data_; }
  constexpr T* end() const noexcept { return data_ + size_; }
  constexpr T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_SPAN_HPP
