// Tensors as columns of numbers in the memory of the program.

#ifndef ORIONRT_PLAN_COLUMNS_HPP
#define ORIONRT_PLAN_COLUMNS_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <orionrt/plan/span.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {
namespace detail {

template <class T>
struct identity {
  using type = T;
};

}  // namespace detail

/// A column of numbers: an array, or one field of an array of structures.
template <class T>
class column {
 public:
  /// A column that is left out.
  constexpr column() noexcept = default;
  /// Values at `first` and every `stride` bytes after it.
  constexpr column(const T* first, std::size_t count, std::size_t stride = sizeof(T)) noexcept
      : first_(first), count_(count), stride_(stride), is_left_out_(false) {}
  constexpr column(span<const T> values) noexcept : column(values.data(), values.size()) {}
  /// Anything with `data()` and `size()`.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr column(const Container& values) noexcept : column(values.data(), values.size()) {}
  /// A temporary is gone before the column is read.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr column(const Container&&) = delete;
  /// One field of every structure in an array.
  template <class Row>
  static constexpr column of(span<const typename detail::identity<Row>::type> rows,
                             T Row::*field) noexcept {
    return column(rows.empty() ? nullptr : &(rows[0].*field), rows.size(), sizeof(Row));
  }
  template <class Row, class Container, class = detail::enable_if_values<Container, Row>,
            class = std::enable_if_t<!std::is_same_v<Container, span<const Row>>>>
  static constexpr column of(const Container&&, T Row::*) = delete;

  constexpr bool is_left_out() const noexcept { return is_left_out_; }
  constexpr std::size_t size() const noexcept { return count_; }
  constexpr orionrt_column raw() const noexcept { return {first_, stride_}; }

 private:
  const T* first_ = nullptr;
  std::size_t count_ = 0;
  std::size_t stride_ = 0;
  bool is_left_out_ = true;
};

/// Tensors as columns, each of the same length: `lower`, `upper` and `size` must be there.
struct columns {
  column<std::int64_t> lower, upper;
  column<std::uint64_t> size, alignment, fixed_offset;
  /// The tensor that each one lies within, or `none`, and where in it it begins.
  column<std::size_t> root;
  column<std::uint64_t> root_offset;
  column<const char*> name;
};

namespace detail {

/// What is wrong with columns; nothing if all have as many values as `lower`.
inline std::string fault(const columns& columns) {
  const std::size_t count = columns.lower.size();
  std::string wrong;
  const auto check = [&](const auto& column, const char* name, bool needed) {
    if (!wrong.empty() || (column.is_left_out() ? !needed : column.size() == count)) return;
    wrong = std::string("column '") + name + "' " +
            (column.is_left_out() ? "is left out"
                                  : "has " + std::to_string(column.size()) + " values") +
            "; expected " + std::to_string(count) + " values, as many as 'lower' has";
  };
  if (columns.lower.is_left_out()) wrong = "column 'lower' is left out; expected one";
  check(columns.upper, "upper", true);
  check(columns.size, "size", true);
  check(columns.alignment, "alignment", false);
  check(columns.fixed_offset, "fixed_offset", false);
  check(columns.root, "root", false);
  check(columns.root_offset, "root_offset", false);
  check(columns.name, "name", false);
  return wrong;
}

inline orionrt_columns raw(const columns& columns) noexcept {
  orionrt_columns raw{};
  raw.count = columns.lower.size();
  raw.lower = columns.lower.raw();
  raw.upper = columns.upper.raw();
  raw.size = columns.size.raw();
  raw.alignment = columns.alignment.raw();
  raw.fixed_offset = columns.fixed_offset.raw();
  raw.root = columns.root.raw();
  raw.root_offset = columns.root_offset.raw();
  raw.name = columns.name.raw();
  return raw;
}

}  // namespace detail
}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_COLUMNS_HPP
