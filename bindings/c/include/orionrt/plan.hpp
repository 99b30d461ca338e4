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
// Threads: const functions may be called from several threads at once.

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

namespace orionrt {

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
  template <class Container,
            class = std::enable_if_t<std::is_convertible_v<
                decltype(std::declval<const Container&>().data()), const T*>>>
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
  const std::string& message() const noexcept { return message_; }
  /// The row or tensor that the error is about; `none` if it is about none.
  std::size_t index() const noexcept { return index_; }
  /// The best plan found, if none was within the capacity. It belongs to the error.
  std::optional<plan_view> best_plan() const noexcept;

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
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The error; only of a result without a value.
  const orionrt::error& error() const noexcept { return *std::get_if<1>(&state_); }

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
  const orionrt::error& error() const noexcept { return *error_; }

 private:
  std::optional<orionrt::error> error_;
};

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
      : first_(first), count_(count), stride_(stride) {}
  /// Anything with `data()` and `size()`.
  template <class Container,
            class = std::enable_if_t<std::is_convertible_v<
                decltype(std::declval<const Container&>().data()), const T*>>>
  constexpr column(const Container& values) noexcept : column(values.data(), values.size()) {}
  /// One field of every structure in an array.
  template <class Row>
  static constexpr column of(view<Row> rows, T Row::*field) noexcept {
    return rows.empty() ? column() : column(&(rows[0].*field), rows.size(), sizeof(Row));
  }

  constexpr bool is_left_out() const noexcept { return first_ == nullptr; }
  constexpr std::size_t size() const noexcept { return count_; }
  constexpr orionrt_column raw() const noexcept { return {first_, stride_}; }

 private:
  const T* first_ = nullptr;
  std::size_t count_ = 0;
  std::size_t stride_ = 0;
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
    orionrt_error* failed = nullptr;
    orionrt_lifetimes_add_gaps(handle_.get(), gaps.data(), gaps.size(), &failed);
    return failed ? result<void>(orionrt::error(failed)) : result<void>();
  }

  operator lifetimes_view() const noexcept { return lifetimes_view(handle_.get()); }
  lifetimes_view look() const noexcept { return *this; }
  std::size_t size() const noexcept { return look().size(); }
  std::uint64_t load() const noexcept { return look().load(); }
  std::uint64_t lower_bound() const noexcept { return look().lower_bound(); }
  std::uint64_t total_bytes() const noexcept { return look().total_bytes(); }
  std::string_view name(std::size_t tensor) const noexcept { return look().name(tensor); }
  std::size_t find(const std::string& name) const noexcept { return look().find(name); }
  result<orionrt::row> row(std::size_t tensor) const { return look().row(tensor); }

 private:
  detail::owner<orionrt_lifetimes, orionrt_lifetimes_free> handle_;
};

inline result<lifetimes> lifetimes::from_columns(const columns& columns) {
  const std::size_t count = columns.lower.size();
  const auto fits = [count](const auto& column, bool needed) {
    return column.size() == count || (!needed && column.is_left_out());
  };
  if (!fits(columns.upper, true) || !fits(columns.size, true) || !fits(columns.alignment, false) ||
      !fits(columns.fixed_offset, false) || !fits(columns.name, false))
    return orionrt::error(
        ORIONRT_WRONG_COUNT,
        "a column has another length than 'lower'; expected " + std::to_string(count));
  orionrt_columns raw{};
  raw.count = count;
  raw.lower = columns.lower.raw();
  raw.upper = columns.upper.raw();
  raw.size = columns.size.raw();
  raw.alignment = columns.alignment.raw();
  raw.fixed_offset = columns.fixed_offset.raw();
  raw.name = columns.name.raw();
  orionrt_lifetimes* made = nullptr;
  orionrt_error* failed = nullptr;
  if (orionrt_lifetimes_from_columns(&raw, &made, &failed) != ORIONRT_OK)
    return orionrt::error(failed);
  return lifetimes(made);
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
  result<std::string> to_json() const { return written(orionrt_plan_to_json); }
  result<std::string> to_csv() const { return written(orionrt_plan_to_csv); }
  /// Writes JSON to a file, which is overwritten.
  result<void> write(const std::string& path) const {
    orionrt_error* failed = nullptr;
    orionrt_plan_write(handle_, path.c_str(), &failed);
    return failed ? result<void>(orionrt::error(failed)) : result<void>();
  }
  const orionrt_plan* get() const noexcept { return handle_; }

 private:
  template <class Write>
  result<std::string> written(Write write) const {
    orionrt_text* text = nullptr;
    orionrt_error* failed = nullptr;
    if (write(handle_, &text, &failed) != ORIONRT_OK) return orionrt::error(failed);
    detail::owner<orionrt_text, orionrt_text_free> owner(text);
    return std::string(detail::of(orionrt_text_view(text)));
  }

  const orionrt_plan* handle_;
};

inline std::optional<plan_view> error::best_plan() const noexcept {
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
    orionrt_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_plan_from_offsets(lifetimes.get(), offsets.data(), offsets.size(), &made,
                                  &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return plan(made);
  }
  static result<plan> from_json(std::string_view json) {
    orionrt_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_plan_from_json(json.data(), json.size(), &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return plan(made);
  }
  /// Reads JSON from a file.
  static result<plan> read(const std::string& path) {
    orionrt_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_plan_read(path.c_str(), &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return plan(made);
  }

  operator plan_view() const noexcept { return plan_view(handle_.get()); }
  plan_view look() const noexcept { return *this; }
  std::size_t size() const noexcept { return look().size(); }
  view<std::uint64_t> offsets() const noexcept { return look().offsets(); }
  std::uint64_t peak() const noexcept { return look().peak(); }
  std::uint64_t load() const noexcept { return look().load(); }
  std::uint64_t lower_bound() const noexcept { return look().lower_bound(); }
  bool is_optimal() const noexcept { return look().is_optimal(); }
  std::uint64_t alignment() const noexcept { return look().alignment(); }
  std::string_view strategy() const noexcept { return look().strategy(); }
  lifetimes_view lifetimes() const noexcept { return look().lifetimes(); }
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
  plan_view joint() const noexcept { return plan_view(orionrt_shared_plan_joint(handle_.get())); }
  /// What regions of their own for all models would take together, in bytes.
  std::uint64_t isolated_bytes() const noexcept {
    return orionrt_shared_plan_isolated_bytes(handle_.get());
  }
  /// The tensors of one model, with offsets in the shared region.
  result<plan> part(std::size_t model) const {
    orionrt_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_shared_plan_part(handle_.get(), model, &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return plan(made);
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

/// The options of planning, and planning itself.
class planner {
 public:
  planner() : handle_(orionrt_planner_new()) {}

  planner& time_limit(std::chrono::microseconds limit) {
    const auto count = limit.count() < 0 ? 0 : static_cast<std::uint64_t>(limit.count());
    return set(orionrt_planner_set_time_limit_us, count);
  }
  planner& node_limit(std::uint64_t nodes) { return set(orionrt_planner_set_node_limit, nodes); }
  planner& threads(std::size_t threads) { return set(orionrt_planner_set_threads, threads); }
  planner& capacity(std::uint64_t bytes) { return set(orionrt_planner_set_capacity, bytes); }
  planner& alignment(std::uint64_t bytes) { return set(orionrt_planner_set_alignment, bytes); }
  planner& seed(std::uint64_t seed) { return set(orionrt_planner_set_seed, seed); }
  planner& strategy(const std::string& name) {
    return set(orionrt_planner_set_strategy, name.c_str());
  }
  planner& keep(plan_view plan) { return set(orionrt_planner_keep, plan.get()); }
  planner& start_from(plan_view plan) { return set(orionrt_planner_start_from, plan.get()); }

  /// Calls a function on the planning thread while a search goes on. It returns false to end the
  /// search with the best plan so far. If it throws, the program ends.
  planner& on_progress(std::function<bool(const progress&)> function,
                       std::chrono::microseconds interval = std::chrono::milliseconds(100)) {
    watcher_ = std::make_unique<std::function<bool(const progress&)>>(std::move(function));
    const auto count = interval.count() < 1 ? 1 : static_cast<std::uint64_t>(interval.count());
    return set(orionrt_planner_set_progress, &planner::watch, watcher_.get(), count);
  }

  result<orionrt::plan> plan(lifetimes_view lifetimes) const {
    if (refused_) return *refused_;
    orionrt_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_plan_make(lifetimes.get(), handle_.get(), &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return orionrt::plan(made);
  }

  /// Plans models into one region, where only the models of each pair may run at the same time.
  result<shared_plan> share(const model_set& set, view<model_pair> pairs = {}) const {
    if (refused_) return *refused_;
    orionrt_shared_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_shared_plan_make(set.get(), handle_.get(), pairs.data(), pairs.size(), &made,
                                 &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return shared_plan(made);
  }

  /// Plans models into one region, where each starts at given steps of a common clock.
  result<shared_plan> share_timed(const model_set& set,
                                  view<std::vector<std::int64_t>> starts) const {
    if (refused_) return *refused_;
    std::vector<orionrt_starts> raw;
    for (const auto& steps : starts) raw.push_back({steps.data(), steps.size()});
    orionrt_shared_plan* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_shared_plan_make_timed(set.get(), handle_.get(), raw.data(), raw.size(), &made,
                                       &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return shared_plan(made);
  }

 private:
  static bool watch(const progress* progress, void* data) noexcept {
    return (*static_cast<const std::function<bool(const orionrt_progress&)>*>(data))(*progress);
  }

  template <class Function, class... Arguments>
  planner& set(Function function, Arguments... arguments) {
    orionrt_error* failed = nullptr;
    function(handle_.get(), arguments..., &failed);
    if (failed) {
      orionrt::error refused(failed);
      if (!refused_) refused_ = std::move(refused);
    }
    return *this;
  }

  detail::owner<orionrt_planner, orionrt_planner_free> handle_;
  std::unique_ptr<std::function<bool(const progress&)>> watcher_;
  std::optional<orionrt::error> refused_;
};

/// Operators in execution order, and the tensors that each reads and writes.
class graph {
 public:
  graph() : handle_(orionrt_graph_new()) {}

  /// Adds a tensor; returns its number.
  std::size_t tensor(const std::string& name, std::uint64_t size, std::uint64_t alignment = 1) {
    std::size_t tensor = none;
    take([&](orionrt_error** failed) {
      orionrt_graph_add_tensor(handle_.get(), name.c_str(), size, alignment, &tensor, failed);
    });
    return tensor;
  }
  /// Adds the next operator; returns its number.
  std::size_t op(const std::string& name, view<std::size_t> reads, view<std::size_t> writes) {
    std::size_t op = none;
    take([&](orionrt_error** failed) {
      orionrt_graph_add_operator(handle_.get(), name.c_str(), reads.data(), reads.size(),
                                 writes.data(), writes.size(), &op, failed);
    });
    if (op != none) ++operators_;
    return op;
  }
  graph& view_of(std::size_t op, std::size_t result, std::size_t of, std::uint64_t offset = 0) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_view(handle_.get(), op, result, of, offset, failed);
    });
  }
  graph& in_place(std::size_t op, std::size_t result, std::size_t of) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_in_place(handle_.get(), op, result, of, failed);
    });
  }
  graph& stream(std::size_t op, std::uint32_t stream) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_set_stream(handle_.get(), op, stream, failed);
    });
  }
  /// Makes an operator wait for another one, `first`.
  graph& wait(std::size_t op, std::size_t first) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_wait(handle_.get(), op, first, failed);
    });
  }
  /// The operators from `first` up to `end`, which is not one of them, are the body of a loop.
  graph& loop(std::size_t first, std::size_t end) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_loop(handle_.get(), first, end, failed);
    });
  }
  /// Exactly one of several branches runs: the first operator of each, then the end of the last.
  graph& branches(view<std::size_t> bounds) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_branches(handle_.get(), bounds.data(), bounds.size(), failed);
    });
  }
  graph& input(std::size_t tensor) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_input(handle_.get(), tensor, failed);
    });
  }
  graph& output(std::size_t tensor) {
    return take([&](orionrt_error** failed) {
      orionrt_graph_add_output(handle_.get(), tensor, failed);
    });
  }

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    if (refused_) return *refused_;
    orionrt_lifetimes* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_lifetimes_from_graph(handle_.get(), aliasing, &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return orionrt::lifetimes(made);
  }

  /// Lifetimes in an order of the operators with a lower load, if one is found.
  struct reordered {
    orionrt::lifetimes lifetimes;
    /// The operator of each step.
    std::vector<std::size_t> order;
  };
  result<reordered> reorder(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    if (refused_) return *refused_;
    std::vector<std::size_t> order(operators_);
    orionrt_lifetimes* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_lifetimes_from_reordered_graph(handle_.get(), aliasing, order.data(),
                                               order.size(), &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return reordered{orionrt::lifetimes(made), std::move(order)};
  }

 private:
  template <class Call>
  graph& take(Call call) {
    orionrt_error* failed = nullptr;
    call(&failed);
    if (failed) {
      orionrt::error refused(failed);
      if (!refused_) refused_ = std::move(refused);
    }
    return *this;
  }

  detail::owner<orionrt_graph, orionrt_graph_free> handle_;
  std::size_t operators_ = 0;
  std::optional<orionrt::error> refused_;
};

#ifdef ORIONRT_MODELS

/// A model that was read from an ONNX or TensorFlow Lite file.
class model {
 public:
  /// Takes over a handle of the C interface.
  explicit model(orionrt_model* handle) noexcept : handle_(handle) {}

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    orionrt_lifetimes* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_lifetimes_from_model(handle_.get(), aliasing, &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return orionrt::lifetimes(made);
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
    orionrt_text* text = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_model_left_out(handle_.get(), &text, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    detail::owner<orionrt_text, orionrt_text_free> owner(text);
    return std::string(detail::of(orionrt_text_view(text)));
  }

 private:
  detail::owner<orionrt_model, orionrt_model_free> handle_;
};

/// What you decide about a model before it is read, and reading it.
class model_options {
 public:
  model_options() : handle_(orionrt_model_options_new()) {}

  model_options& dimension(const std::string& name, std::uint64_t size) {
    return set(orionrt_model_options_set_dimension, name.c_str(), size);
  }
  model_options& input(const std::string& name, view<std::int64_t> values) {
    return set(orionrt_model_options_set_input, name.c_str(), values.data(), values.size());
  }
  model_options& alignment(std::uint64_t bytes) {
    return set(orionrt_model_options_set_alignment, bytes);
  }
  model_options& skip_unknown(bool skip = true) {
    return set(orionrt_model_options_set_skip_unknown, skip);
  }
  model_options& tflite_micro() { return set(orionrt_model_options_set_tflite_micro); }

  /// Reads a model file.
  result<model> read(const std::string& path) const {
    if (refused_) return *refused_;
    orionrt_model* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_model_read(path.c_str(), handle_.get(), &made, &failed) != ORIONRT_OK)
      return orionrt::error(failed);
    return model(made);
  }
  /// Reads a model that is in memory.
  result<model> parse(view<std::uint8_t> bytes) const {
    if (refused_) return *refused_;
    orionrt_model* made = nullptr;
    orionrt_error* failed = nullptr;
    if (orionrt_model_parse(bytes.data(), bytes.size(), handle_.get(), &made, &failed) !=
        ORIONRT_OK)
      return orionrt::error(failed);
    return model(made);
  }

 private:
  template <class Function, class... Arguments>
  model_options& set(Function function, Arguments... arguments) {
    orionrt_error* failed = nullptr;
    function(handle_.get(), arguments..., &failed);
    if (failed) {
      orionrt::error refused(failed);
      if (!refused_) refused_ = std::move(refused);
    }
    return *this;
  }

  detail::owner<orionrt_model_options, orionrt_model_options_free> handle_;
  std::optional<orionrt::error> refused_;
};

#endif  // ORIONRT_MODELS

}  // namespace orionrt

#endif  // ORIONRT_PLAN_HPP
