// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/message.hpp>

namespace troupe {

template <class F>
struct Owned;

namespace detail {

template <class F>
struct CodeCallable {
  using Type = F;
};
template <class F>
struct CodeCallable<Owned<F>> {
  using Type = F;
};

// A callable on its way to another process, where it will run: captureless, or one that owns its
// captures, in owned(f).
template <class F>
struct Code {
  static_assert(std::is_empty_v<F> || std::is_pointer_v<F>,
                "a function that runs in another process must not capture: pass what it needs as "
                "arguments, or wrap a callable that owns its captures in troupe::owned(f)");
  F callable;
  template <class... A>
  decltype(auto) operator()(A&&... a) {
    return callable(std::forward<A>(a)...);
  }
};
template <class F>
struct Code<Owned<F>> {
  explicit Code(Owned<F> owned) : callable{std::move(owned.callable)} {}
  F callable;
  template <class... A>
  decltype(auto) operator()(A&&... a) {
    return callable(std::forward<A>(a)...);
  }
};

}  // namespace detail

template <class F>
inline constexpr bool enable_message<detail::Code<F>> = true;

}  // namespace troupe
