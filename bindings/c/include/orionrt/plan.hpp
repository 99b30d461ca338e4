// The memory planner of OrionRT for C++17: lifetimes in, offsets out.
//
// Licensed as OrionRT is: MIT or Apache-2.0. A header alone, over orionrt/plan.h, whose comments
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
// Ownership: objects own what they stand for and free it. A class whose name ends in `_view` looks
// at what another object owns and is valid as long as that; so are strings and offsets.
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

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <orionrt/plan.h>

#if defined(__cpp_exceptions)
#define ORIONRT_DETAIL_NAMESPACE with_exceptions
#else
#define ORIONRT_DETAIL_NAMESPACE without_exceptions
#endif

namespace orionrt {
inline namespace ORIONRT_DETAIL_NAMESPACE {

/// "None" where a position is asked for.
inline constexpr std::size_t none = ORIONRT_NONE;
/// "Not fixed" in a column of fixed offsets.
inline constexpr std::uint64_t not_fixed = ORIONRT_NOT_FIXED;

using status = orionrt_status;
using row = orionrt_row;
using gap = orionrt_gap;
using progress = orionrt_progress;
using model_pair = orionrt_model_pair;
using aliasing = orionrt_aliasing;

namespace detail {

template <class T, void (*Free)(T*)>
struct deleter {
  void operator()(T* handle) const noexcept { Free(handle); }
};

template <class T, void (*Free)(T*)>
using owner = std::unique_ptr<T, deleter<T, Free>>;

inline std::string_view of(orionrt_view text) noexcept {
  return text.data ? std::string_view(text.data, text.length) : std::string_view();
}

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

template <class T>
struct identity {
  using type = T;
};

}  // namespace detail

/// Values that follow each other in memory, owned by somebody else: a `std::span` of C++17.
template <class T>
class view {
 public:
  constexpr view() noexcept = default;
  constexpr view(const T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  /// A list lives as long as the call that it is an argument of.
  constexpr view(std::initializer_list<T> values) noexcept
      : view(std::data(values), values.size()) {}
  /// Anything with `data()` and `size()`: a vector, an array, a span.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr view(const Container& values) noexcept : data_(values.data()), size_(values.size()) {}

  constexpr const T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr const T* begin() const noexcept { return data_; }
  constexpr const T* end() const noexcept { return data_ + size_; }
  constexpr const T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

class plan_view;

/// Why a call failed.
class error {
 public:
  error(orionrt::status status, std::string message, std::size_t index = none)
      : status_(status), index_(index), message_(std::move(message)) {}

  /// Takes over an error of the C interface.
  explicit error(orionrt_error* handle)
      : status_(orionrt_error_status(handle)),
        index_(orionrt_error_index(handle)),
        message_(handle ? orionrt_error_message(handle) : "") {
    if (orionrt_error_best_plan(handle))
      handle_.reset(handle, orionrt_error_free);
    else
      orionrt_error_free(handle);
  }

  orionrt::status status() const noexcept { return status_; }
  /// The name of the status, such as "ORIONRT_BAD_ALIGNMENT".
  const char* name() const noexcept { return orionrt_status_name(status_); }
  /// The place, the value found, and what was expected.
  const std::string& message() const& noexcept { return message_; }
  std::string message() && noexcept { return std::move(message_); }
  /// The row or tensor that the error is about; `none` if it is about none.
  std::size_t index() const noexcept { return index_; }
  /// The best plan found, if none was within the capacity. It belongs to the error.
  std::optional<plan_view> best_plan() const& noexcept;
  std::optional<plan_view> best_plan() const&& = delete;

 private:
  orionrt::status status_;
  std::size_t index_;
  std::string message_;
  std::shared_ptr<orionrt_error> handle_;
};

/// What `result::value()` throws if there is no value and exceptions are in use.
class bad_result : public std::runtime_error {
 public:
  explicit bad_result(orionrt::error error)
      : std::runtime_error(std::string(error.name()) + ": " + error.message()),
        error_(std::move(error)) {}

  const orionrt::error& error() const noexcept { return error_; }

 private:
  orionrt::error error_;
};

namespace detail {

[[noreturn]] inline void fail(const error& error) {
#if defined(__cpp_exceptions)
  throw bad_result(error);
#else
  (void)error;
  std::abort();
#endif
}

}  // namespace detail

/// A value, or the error that is there instead.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(orionrt::error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }

  /// The value. Without one it throws `bad_result`, or ends the program if exceptions are off.
  T& value() & {
    if (!*this) detail::fail(*std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    if (!*this) detail::fail(*std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(value()); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() & { return &value(); }
  const T* operator->() const& { return &value(); }
  /// A pointer would hide from the compiler that the value is a temporary; write `.value()`.
  const T* operator->() const&& = delete;

  /// The error. Of a result with a value it ends the program.
  const orionrt::error& error() const& noexcept {
    if (*this) std::abort();
    return *std::get_if<1>(&state_);
  }
  orionrt::error error() && noexcept {
    if (*this) std::abort();
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, orionrt::error> state_;
};

/// Nothing, or the error that is there instead.
template <>
class [[nodiscard]] result<void> {
 public:
  result() noexcept = default;
  result(orionrt::error error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return !error_; }
  void value() const {
    if (error_) detail::fail(*error_);
  }
  const orionrt::error& error() const& noexcept {
    if (*this) std::abort();
    return *error_;
  }
  orionrt::error error() && noexcept {
    if (*this) std::abort();
    return std::move(*error_);
  }

 private:
  std::optional<orionrt::error> error_;
};

namespace detail {

/// Calls a function of the C interface that makes something, of which `Made` takes the handle.
template <class Made, class Handle, class Function, class... Arguments>
result<Made> make(Function function, Arguments... arguments) {
  Handle* made = nullptr;
  orionrt_error* failed = nullptr;
  if (function(arguments..., &made, &failed) != ORIONRT_OK) return error(failed);
  return Made(made);
}

/// Calls a function of the C interface that does something.
template <class Function, class... Arguments>
result<void> run(Function function, Arguments... arguments) {
  orionrt_error* failed = nullptr;
  if (function(arguments..., &failed) != ORIONRT_OK) return error(failed);
  return {};
}

/// Calls a function of the C interface that gives text.
template <class Function, class Handle>
result<std::string> text(Function function, const Handle* handle) {
  orionrt_text* text = nullptr;
  orionrt_error* failed = nullptr;
  if (function(handle, &text, &failed) != ORIONRT_OK) return error(failed);
  owner<orionrt_text, orionrt_text_free> owner(text);
  return std::string(of(orionrt_text_view(text)));
}

/// A handle that is told what to do, and the first error in what it was told.
template <class Handle, void (*Free)(Handle*)>
class builder {
 public:
  const Handle* get() const noexcept { return handle_.get(); }

 protected:
  explicit builder(Handle* handle) : handle_(handle) {}

  template <class Function, class... Arguments>
  void set(Function function, Arguments... arguments) {
    auto done = run(function, handle_.get(), arguments...);
    if (!done && !refused_) refused_ = std::move(done).error();
  }

  /// Makes something of what the handle was told, if nothing was wrong with that.
  template <class Made, class MadeHandle, class Function, class... Arguments>
  result<Made> build(Function function, Arguments... arguments) const {
    if (auto refused = this->refused()) return *std::move(refused);
    return make<Made, MadeHandle>(function, arguments...);
  }

  std::optional<error> refused() const {
    if (!handle_) return error(ORIONRT_NULL_POINTER, "an object was moved from; expected another");
    return refused_;
  }

 private:
  owner<Handle, Free> handle_;
  std::optional<error> refused_;
};

}  // namespace detail

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

/// A column of numbers: an array, or one field of an array of structures.
template <class T>
class column {
 public:
  /// A column that is left out.
  constexpr column() noexcept = default;
  /// Values at `first` and every `stride` bytes after it.
  constexpr column(const T* first, std::size_t count, std::size_t stride = sizeof(T)) noexcept
      : first_(first), count_(count), stride_(stride), is_left_out_(false) {}
  constexpr column(view<T> values) noexcept : column(values.data(), values.size()) {}
  /// Anything with `data()` and `size()`.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr column(const Container& values) noexcept : column(values.data(), values.size()) {}
  /// A temporary is gone before the column is read.
  template <class Container, class = detail::enable_if_values<Container, T>>
  constexpr column(const Container&&) = delete;
  /// One field of every structure in an array.
  template <class Row>
  static constexpr column of(view<typename detail::identity<Row>::type> rows,
                             T Row::*field) noexcept {
    return column(rows.empty() ? nullptr : &(rows[0].*field), rows.size(), sizeof(Row));
  }
  template <class Row, class Container, class = detail::enable_if_values<Container, Row>,
            class = std::enable_if_t<!std::is_same_v<Container, view<Row>>>>
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
  column<const char*> name;
};

/// Lifetimes that somebody else owns.
class lifetimes_view {
 public:
  explicit lifetimes_view(const orionrt_lifetimes* handle) noexcept : handle_(handle) {}

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
  const orionrt_lifetimes* get() const noexcept { return handle_; }

 private:
  const orionrt_lifetimes* handle_;
};

/// When each tensor is alive, and how many bytes it needs.
class lifetimes {
 public:
  /// Takes over a handle of the C interface.
  explicit lifetimes(orionrt_lifetimes* handle) noexcept : handle_(handle) {}

  static result<lifetimes> from_columns(const columns& columns);

  /// `warnings`, if it is not null, is given one warning a line about what is not planned.
  static result<lifetimes> from_csv(std::string_view csv, std::string* warnings = nullptr) {
    orionrt_lifetimes* made = nullptr;
    orionrt_text* found = nullptr;
    orionrt_error* failed = nullptr;
    orionrt_lifetimes_from_csv(csv.data(), csv.size(), &made, &found, &failed);
    detail::owner<orionrt_text, orionrt_text_free> text(found);
    if (failed) return orionrt::error(failed);
    if (warnings) *warnings = detail::of(orionrt_text_view(found));
    return lifetimes(made);
  }

  /// Adds steps at which tensors need no bytes.
  result<void> add_gaps(view<gap> gaps) {
    return detail::run(orionrt_lifetimes_add_gaps, handle_.get(), gaps.data(), gaps.size());
  }

  const orionrt_lifetimes* get() const noexcept { return handle_.get(); }
  /// Hands over the handle, which is to be freed with `orionrt_lifetimes_free`.
  orionrt_lifetimes* release() noexcept { return handle_.release(); }

  operator lifetimes_view() const noexcept { return lifetimes_view(handle_.get()); }
  lifetimes_view look() const& noexcept { return *this; }
  lifetimes_view look() const&& = delete;
  std::size_t size() const noexcept { return look().size(); }
  std::uint64_t load() const noexcept { return look().load(); }
  std::uint64_t lower_bound() const noexcept { return look().lower_bound(); }
  std::uint64_t total_bytes() const noexcept { return look().total_bytes(); }
  std::string_view name(std::size_t tensor) const& noexcept { return look().name(tensor); }
  std::string_view name(std::size_t tensor) const&& = delete;
  std::size_t find(const std::string& name) const noexcept { return look().find(name); }
  result<orionrt::row> row(std::size_t tensor) const { return look().row(tensor); }

 private:
  detail::owner<orionrt_lifetimes, orionrt_lifetimes_free> handle_;
};

inline result<lifetimes> lifetimes::from_columns(const columns& columns) {
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
  check(columns.name, "name", false);
  if (!wrong.empty()) return orionrt::error(ORIONRT_WRONG_COUNT, wrong);
  orionrt_columns raw{};
  raw.count = count;
  raw.lower = columns.lower.raw();
  raw.upper = columns.upper.raw();
  raw.size = columns.size.raw();
  raw.alignment = columns.alignment.raw();
  raw.fixed_offset = columns.fixed_offset.raw();
  raw.name = columns.name.raw();
  return detail::make<lifetimes, orionrt_lifetimes>(orionrt_lifetimes_from_columns, &raw);
}

/// A plan that somebody else owns.
class plan_view {
 public:
  explicit plan_view(const orionrt_plan* handle) noexcept : handle_(handle) {}

  std::size_t size() const noexcept { return orionrt_plan_count(handle_); }
  /// The offsets of all tensors in bytes, in order of the lifetimes.
  view<std::uint64_t> offsets() const noexcept { return {orionrt_plan_offsets(handle_), size()}; }
  /// The size of the planned region in bytes.
  std::uint64_t peak() const noexcept { return orionrt_plan_peak(handle_); }
  std::uint64_t load() const noexcept { return orionrt_plan_load(handle_); }
  std::uint64_t lower_bound() const noexcept { return orionrt_plan_lower_bound(handle_); }
  bool is_optimal() const noexcept { return orionrt_plan_is_optimal(handle_); }
  /// The alignment in bytes that the base of the region needs.
  std::uint64_t alignment() const noexcept { return orionrt_plan_alignment(handle_); }
  std::string_view strategy() const noexcept { return detail::of(orionrt_plan_strategy(handle_)); }
  lifetimes_view lifetimes() const noexcept {
    return lifetimes_view(orionrt_plan_lifetimes(handle_));
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

inline std::optional<plan_view> error::best_plan() const& noexcept {
  const orionrt_plan* best = orionrt_error_best_plan(handle_.get());
  return best ? std::optional<plan_view>(plan_view(best)) : std::nullopt;
}

/// An offset for every tensor, checked: no two tensors that are alive together share a byte.
class plan {
 public:
  /// Takes over a handle of the C interface.
  explicit plan(orionrt_plan* handle) noexcept : handle_(handle) {}

  /// Checks offsets that come from elsewhere, one for each tensor.
  static result<plan> from_offsets(lifetimes_view lifetimes, view<std::uint64_t> offsets) {
    return detail::make<plan, orionrt_plan>(orionrt_plan_from_offsets, lifetimes.get(),
                                            offsets.data(), offsets.size());
  }
  static result<plan> from_json(std::string_view json) {
    return detail::make<plan, orionrt_plan>(orionrt_plan_from_json, json.data(), json.size());
  }
  /// Reads JSON from a file.
  static result<plan> read(const std::string& path) {
    return detail::make<plan, orionrt_plan>(orionrt_plan_read, path.c_str());
  }

  const orionrt_plan* get() const noexcept { return handle_.get(); }
  /// Hands over the handle, which is to be freed with `orionrt_plan_free`.
  orionrt_plan* release() noexcept { return handle_.release(); }

  operator plan_view() const noexcept { return plan_view(handle_.get()); }
  plan_view look() const& noexcept { return *this; }
  plan_view look() const&& = delete;
  std::size_t size() const noexcept { return look().size(); }
  view<std::uint64_t> offsets() const& noexcept { return look().offsets(); }
  view<std::uint64_t> offsets() const&& = delete;
  std::uint64_t peak() const noexcept { return look().peak(); }
  std::uint64_t load() const noexcept { return look().load(); }
  std::uint64_t lower_bound() const noexcept { return look().lower_bound(); }
  bool is_optimal() const noexcept { return look().is_optimal(); }
  std::uint64_t alignment() const noexcept { return look().alignment(); }
  std::string_view strategy() const& noexcept { return look().strategy(); }
  std::string_view strategy() const&& = delete;
  lifetimes_view lifetimes() const& noexcept { return look().lifetimes(); }
  lifetimes_view lifetimes() const&& = delete;
  result<std::string> to_json() const { return look().to_json(); }
  result<std::string> to_csv() const { return look().to_csv(); }
  result<void> write(const std::string& path) const { return look().write(path); }

 private:
  detail::owner<orionrt_plan, orionrt_plan_free> handle_;
};

/// A plan of several models in one region.
class shared_plan {
 public:
  /// Takes over a handle of the C interface.
  explicit shared_plan(orionrt_shared_plan* handle) noexcept : handle_(handle) {}

  /// The plan of all models together, whose tensors are named `model/tensor`.
  plan_view joint() const& noexcept {
    return plan_view(orionrt_shared_plan_joint(handle_.get()));
  }
  plan_view joint() const&& = delete;
  /// What regions of their own for all models would take together, in bytes.
  std::uint64_t isolated_bytes() const noexcept {
    return orionrt_shared_plan_isolated_bytes(handle_.get());
  }
  /// The tensors of one model, with offsets in the shared region.
  result<plan> part(std::size_t model) const {
    return detail::make<plan, orionrt_plan>(orionrt_shared_plan_part, handle_.get(), model);
  }

 private:
  detail::owner<orionrt_shared_plan, orionrt_shared_plan_free> handle_;
};

/// Models that are to have one region of memory.
class model_set {
 public:
  model_set() : handle_(orionrt_model_set_new()) {}

  /// Adds a model; returns its number.
  result<std::size_t> add(const std::string& name, lifetimes_view lifetimes) {
    std::size_t model = none;
    orionrt_error* failed = nullptr;
    if (orionrt_model_set_add(handle_.get(), name.c_str(), lifetimes.get(), &model, &failed) !=
        ORIONRT_OK)
      return orionrt::error(failed);
    return model;
  }
  const orionrt_model_set* get() const noexcept { return handle_.get(); }

 private:
  detail::owner<orionrt_model_set, orionrt_model_set_free> handle_;
};

namespace detail {

inline std::uint64_t at_least(std::uint64_t least, std::chrono::microseconds time) {
  const auto count = time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
  return count < least ? least : count;
}

}  // namespace detail

/// The options of planning, and planning itself.
class planner : public detail::builder<orionrt_planner, orionrt_planner_free> {
 public:
  /// Is told how a search goes on; returns false to end it.
  using watcher = std::function<bool(const progress&)>;

  planner() : builder(orionrt_planner_new()) {}

  planner& time_limit(std::chrono::microseconds limit) & {
    return with(orionrt_planner_set_time_limit_us, detail::at_least(0, limit));
  }
  planner& node_limit(std::uint64_t nodes) & { return with(orionrt_planner_set_node_limit, nodes); }
  planner& threads(std::size_t threads) & { return with(orionrt_planner_set_threads, threads); }
  planner& capacity(std::uint64_t bytes) & { return with(orionrt_planner_set_capacity, bytes); }
  planner& alignment(std::uint64_t bytes) & { return with(orionrt_planner_set_alignment, bytes); }
  planner& seed(std::uint64_t seed) & { return with(orionrt_planner_set_seed, seed); }
  planner& strategy(const std::string& name) & {
    return with(orionrt_planner_set_strategy, name.c_str());
  }
  planner& keep(plan_view plan) & { return with(orionrt_planner_keep, plan.get()); }
  planner& start_from(plan_view plan) & { return with(orionrt_planner_start_from, plan.get()); }

  /// Calls a function on the planning thread while a search goes on. It returns false to end the
  /// search with the best plan so far. If it throws, the program ends. With an empty function, later
  /// plans have none.
  /// Not to be called from within the function itself, which it replaces, nor while the planner
  /// plans. Several plans of one planner at once call the function on several threads at once.
  planner& on_progress(watcher function,
                       std::chrono::microseconds interval = std::chrono::milliseconds(100)) & {
    auto next = function ? std::make_unique<watcher>(std::move(function)) : nullptr;
    set(orionrt_planner_set_progress, next ? &planner::watch : nullptr, next.get(),
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
  planner keep(plan_view plan) && { return std::move(keep(plan)); }
  planner start_from(plan_view plan) && { return std::move(start_from(plan)); }
  planner on_progress(watcher function,
                      std::chrono::microseconds interval = std::chrono::milliseconds(100)) && {
    return std::move(on_progress(std::move(function), interval));
  }

  result<orionrt::plan> plan(lifetimes_view lifetimes) const {
    return build<orionrt::plan, orionrt_plan>(orionrt_plan_make, lifetimes.get(), get());
  }

  /// Plans models into one region, where only the models of each pair may run at the same time.
  result<shared_plan> share(const model_set& set, view<model_pair> pairs = {}) const {
    return build<shared_plan, orionrt_shared_plan>(orionrt_shared_plan_make, set.get(), get(),
                                                   pairs.data(), pairs.size());
  }

  /// Plans models into one region, where each starts at given steps of a common clock.
  result<shared_plan> share_timed(const model_set& set,
                                  view<std::vector<std::int64_t>> starts) const {
    std::vector<orionrt_starts> raw;
    for (const auto& steps : starts) raw.push_back({steps.data(), steps.size()});
    return build<shared_plan, orionrt_shared_plan>(orionrt_shared_plan_make_timed, set.get(),
                                                   get(), raw.data(), raw.size());
  }

 private:
  static bool watch(const progress* progress, void* data) noexcept {
    return (*static_cast<const watcher*>(data))(*progress);
  }

  template <class Function, class... Arguments>
  planner& with(Function function, Arguments... arguments) {
    set(function, arguments...);
    return *this;
  }

  std::unique_ptr<watcher> watcher_;
};

/// Operators in execution order, and the tensors that each reads and writes.
class graph : public detail::builder<orionrt_graph, orionrt_graph_free> {
 public:
  graph() : builder(orionrt_graph_new()) {}

  /// Adds a tensor; returns its number.
  std::size_t tensor(const std::string& name, std::uint64_t size, std::uint64_t alignment = 1) & {
    std::size_t tensor = none;
    set(orionrt_graph_add_tensor, name.c_str(), size, alignment, &tensor);
    return tensor;
  }
  /// Adds the next operator; returns its number.
  std::size_t op(const std::string& name, view<std::size_t> reads, view<std::size_t> writes) & {
    std::size_t op = none;
    set(orionrt_graph_add_operator, name.c_str(), reads.data(), reads.size(), writes.data(),
        writes.size(), &op);
    if (op != none) ++operators_;
    return op;
  }
  graph& view_of(std::size_t op, std::size_t result, std::size_t of, std::uint64_t offset = 0) & {
    return with(orionrt_graph_add_view, op, result, of, offset);
  }
  graph& in_place(std::size_t op, std::size_t result, std::size_t of) & {
    return with(orionrt_graph_add_in_place, op, result, of);
  }
  graph& stream(std::size_t op, std::uint32_t stream) & {
    return with(orionrt_graph_set_stream, op, stream);
  }
  /// Makes an operator wait for another one, `first`.
  graph& wait(std::size_t op, std::size_t first) & {
    return with(orionrt_graph_add_wait, op, first);
  }
  /// The operators from `first` up to `end`, which is not one of them, are the body of a loop.
  graph& loop(std::size_t first, std::size_t end) & {
    return with(orionrt_graph_add_loop, first, end);
  }
  /// Exactly one of several branches runs: the first operator of each, then the end of the last.
  graph& branches(view<std::size_t> bounds) & {
    return with(orionrt_graph_add_branches, bounds.data(), bounds.size());
  }
  graph& input(std::size_t tensor) & { return with(orionrt_graph_add_input, tensor); }
  graph& output(std::size_t tensor) & { return with(orionrt_graph_add_output, tensor); }

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    return build<orionrt::lifetimes, orionrt_lifetimes>(orionrt_lifetimes_from_graph, get(),
                                                        aliasing);
  }

  /// Lifetimes in an order of the operators with a lower load, if one is found.
  struct reordered {
    orionrt::lifetimes lifetimes;
    /// The operator of each step.
    std::vector<std::size_t> order;
  };
  result<reordered> reorder(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    std::vector<std::size_t> order(operators_);
    auto made = build<orionrt::lifetimes, orionrt_lifetimes>(
        orionrt_lifetimes_from_reordered_graph, get(), aliasing, order.data(), order.size());
    if (!made) return std::move(made).error();
    return reordered{std::move(made).value(), std::move(order)};
  }

 private:
  template <class Function, class... Arguments>
  graph& with(Function function, Arguments... arguments) {
    set(function, arguments...);
    return *this;
  }

  std::size_t operators_ = 0;
};

#ifdef ORIONRT_MODELS

/// A model that was read from an ONNX or TensorFlow Lite file.
class model {
 public:
  /// Takes over a handle of the C interface.
  explicit model(orionrt_model* handle) noexcept : handle_(handle) {}

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    return detail::make<orionrt::lifetimes, orionrt_lifetimes>(orionrt_lifetimes_from_model,
                                                               handle_.get(), aliasing);
  }
  std::size_t operator_count() const noexcept {
    return orionrt_model_operator_count(handle_.get());
  }
  std::uint64_t weights_bytes() const noexcept {
    return orionrt_model_weights_bytes(handle_.get());
  }
  std::size_t left_out_count() const noexcept {
    return orionrt_model_left_out_count(handle_.get());
  }
  /// The names of what is not in the lifetimes, one a line.
  result<std::string> left_out() const {
    return detail::text(orionrt_model_left_out, handle_.get());
  }

 private:
  detail::owner<orionrt_model, orionrt_model_free> handle_;
};

/// What you decide about a model before it is read, and reading it.
class model_options : public detail::builder<orionrt_model_options, orionrt_model_options_free> {
 public:
  model_options() : builder(orionrt_model_options_new()) {}

  model_options& dimension(const std::string& name, std::uint64_t size) & {
    return with(orionrt_model_options_set_dimension, name.c_str(), size);
  }
  model_options& input(const std::string& name, view<std::int64_t> values) & {
    return with(orionrt_model_options_set_input, name.c_str(), values.data(), values.size());
  }
  model_options& alignment(std::uint64_t bytes) & {
    return with(orionrt_model_options_set_alignment, bytes);
  }
  model_options& skip_unknown(bool skip = true) & {
    return with(orionrt_model_options_set_skip_unknown, skip);
  }
  /// Sets the alignment, too.
  model_options& tflite_micro() & { return with(orionrt_model_options_set_tflite_micro); }

  // The same of options without a name.
  model_options dimension(const std::string& name, std::uint64_t size) && {
    return std::move(dimension(name, size));
  }
  model_options input(const std::string& name, view<std::int64_t> values) && {
    return std::move(input(name, values));
  }
  model_options alignment(std::uint64_t bytes) && { return std::move(alignment(bytes)); }
  model_options skip_unknown(bool skip = true) && { return std::move(skip_unknown(skip)); }
  model_options tflite_micro() && { return std::move(tflite_micro()); }

  /// Reads a model file.
  result<model> read(const std::string& path) const {
    return build<model, orionrt_model>(orionrt_model_read, path.c_str(), get());
  }
  /// Reads a model that is in memory.
  result<model> parse(view<std::uint8_t> bytes) const {
    return build<model, orionrt_model>(orionrt_model_parse, bytes.data(), bytes.size(), get());
  }

 private:
  template <class Function, class... Arguments>
  model_options& with(Function function, Arguments... arguments) {
    set(function, arguments...);
    return *this;
  }
};

#endif  // ORIONRT_MODELS

}  // namespace ORIONRT_DETAIL_NAMESPACE
}  // namespace orionrt

#undef ORIONRT_DETAIL_NAMESPACE

#endif  // ORIONRT_PLAN_HPP
