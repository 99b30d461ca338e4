// Errors, and values or errors instead.

#ifndef ORIONRT_PLAN_RESULT_HPP
#define ORIONRT_PLAN_RESULT_HPP

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <orionrt/plan/namespace.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

class plan_ref;

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
  std::optional<plan_ref> best_plan() const& noexcept;
  std::optional<plan_ref> best_plan() const&& = delete;

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

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_RESULT_HPP
