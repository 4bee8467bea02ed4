// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

namespace troupe {

class Process;

namespace detail {

// Where process_info says that the process waits.
std::source_location& noted_place(Process& self) noexcept;

// The place that the caller of a coroutine of the library has noted, kept through the waits of that
// coroutine: whoever looks at a process wants to see the line of its own code, and not that of the
// wait deep inside of the library.
//
//     Async<bool> Stream::readable(Process& self, Duration timeout) {
//       const CallerPlace place{self};
//       co_return co_await place(wait_for_io(self, ...));
//     }
//
// Made first thing in the coroutine: a coroutine starts when it is awaited, and each co_await notes
// its own place (PromiseBase::await_transform), so what is noted then is the caller's.
class CallerPlace {
 public:
  explicit CallerPlace(Process& self) noexcept : noted_{noted_place(self)}, place_{noted_} {}
  CallerPlace(const CallerPlace&) = delete;

  template <class W>
  class Awaiter {
   public:
    Awaiter(const CallerPlace& place, W wait) : place_{place}, wait_{wait} {}
    decltype(auto) await_ready() {
      place_.noted_ = place_.place_;
      return wait_.await_ready();
    }
    template <class P>
    decltype(auto) await_suspend(std::coroutine_handle<P> caller) {
      return wait_.await_suspend(caller);
    }
    decltype(auto) await_resume() { return wait_.await_resume(); }

   private:
    const CallerPlace& place_;
    W wait_;
  };

  // The same wait, noted as the caller's. Awaited at once, like what it is made of.
  template <class A>
  auto operator()(A&& wait) const {
    if constexpr (requires { std::forward<A>(wait).operator co_await(); }) {
      using W = decltype(std::forward<A>(wait).operator co_await());
      return Awaiter<W>{*this, std::forward<A>(wait).operator co_await()};
    } else {
      return Awaiter<std::remove_reference_t<A>&>{*this, wait};
    }
  }

 private:
  std::source_location& noted_;
  std::source_location place_;
};

}  // namespace detail
}  // namespace troupe
