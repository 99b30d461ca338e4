// Objects of the C interface that are owned, and calls of its functions.

#ifndef ORIONRT_PLAN_HANDLE_HPP
#define ORIONRT_PLAN_HANDLE_HPP

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <orionrt/plan/result.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {
namespace detail {

/// A handle of the C interface that is owned, and freed at the end.
template <class Handle, void (*Free)(Handle*)>
class owned {
 public:
  using handle_type = Handle;

  /// Takes over a handle.
  explicit owned(Handle* handle) noexcept : handle_(handle) {}

  Handle* get() noexcept { return handle_.get(); }
  const Handle* get() const noexcept { return handle_.get(); }
  /// Hands over the handle, which is to be freed with the function of its type that ends in
  /// `_free`. This object is then as if it had been moved from.
  Handle* release() noexcept { return handle_.release(); }

 private:
  struct deleter {
    void operator()(Handle* handle) const noexcept { Free(handle); }
  };
  std::unique_ptr<Handle, deleter> handle_;
};

inline std::string_view of(orionrt_string text) noexcept {
  return std::string_view(text.data, text.length);
}

/// Calls a function of the C interface that makes something, of which `Made` takes the handle.
template <class Made, class Function, class... Arguments>
result<Made> make(Function function, Arguments... arguments) {
  typename Made::handle_type* made = nullptr;
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

using owned_text = owned<orionrt_text, orionrt_text_free>;

/// Calls a function of the C interface that gives text.
template <class Function, class Handle>
result<std::string> text(Function function, const Handle* handle) {
  auto made = make<owned_text>(function, handle);
  if (!made) return std::move(made).error();
  return std::string(of(orionrt_text_string(made->get())));
}

/// Calls a function of the C interface that reads CSV. `warnings`, if it is not null, is given one
/// warning a line about what is not planned.
template <class Made, class Function>
result<Made> read_csv(Function function, std::string_view csv, std::string* warnings) {
  typename Made::handle_type* made = nullptr;
  orionrt_text* found = nullptr;
  orionrt_error* failed = nullptr;
  function(csv.data(), csv.size(), &made, &found, &failed);
  const owned_text text(found);
  if (failed) return error(failed);
  Made read(made);
  if (warnings) *warnings = of(orionrt_text_string(text.get()));
  return read;
}

/// A handle that is told what to do, and the first error in what it was told.
template <class Self, class Handle, void (*Free)(Handle*)>
class builder : public owned<Handle, Free> {
 public:
  using owned<Handle, Free>::owned;

 protected:
  template <class Function, class... Arguments>
  Self& set(Function function, Arguments... arguments) {
    auto done = run(function, this->get(), arguments...);
    if (!done && !refused_) refused_ = std::move(done).error();
    return static_cast<Self&>(*this);
  }

  /// Makes something of what the handle was told, if nothing was wrong with that.
  template <class Made, class Function, class... Arguments>
  result<Made> build(Function function, Arguments... arguments) const {
    if (!this->get())
      return error(ORIONRT_NULL_POINTER, "an object was moved from; expected another");
    if (refused_) return *refused_;
    return make<Made>(function, arguments...);
  }

 private:
  std::optional<error> refused_;
};

}  // namespace detail
}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_HANDLE_HPP
