// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/detail/shared.hpp>
#include <troupe/process.hpp>

namespace troupe {

// A way to give a starting server a name other than an atom: in a Registry, or in whatever
// implements this. OTP's {via, Module, Name}. One of your own derives from it, and make_via makes
// what StartOptions and ChildSpec take:
//
//     co_await Counter::start_link(self, {.via = make_via<RoomName>(rooms, "lobby")});
class ViaName : public detail::Counted {
 public:
  ViaName() = default;
  ViaName(const ViaName&) = delete;
  ~ViaName() override;

  // Gives the running process the name: the null pid, or who has it already.
  virtual Async<Pid> claim(Process& self) const = 0;
  // Takes it back from the running process.
  virtual void release(Process& self) const = 0;
  // Who has it, as far as is known without asking anybody.
  virtual Pid holder() const = 0;
};

// Shared, so that a child specification can keep it for each start.
using Via = detail::Shared<const ViaName>;

// A name of type N, which derives from ViaName, made from these arguments.
template <class N, class... A>
  requires std::is_base_of_v<ViaName, N>
Via make_via(A&&... arguments) {
  return detail::share<const N>(std::forward<A>(arguments)...);
}

}  // namespace troupe
