// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 8.
#pragma once

#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

inline Async<> hopeless(Process&) {
  throw std::runtime_error("again");
  co_return;
}

// A supervisor whose only child fails at once gives up after `restarts` restarts: it ends with
// `shutdown`, and whoever is linked to it learns so.
inline Async<bool> gives_up(Process& self, unsigned restarts) {
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(self, children(child("hopeless", hopeless)),
                                                   {.max_restarts = restarts});
  const Exit exit = co_await self.receive<Exit>();
  co_return exit.from == sup.pid() && exit.reason.is(atoms::shutdown);
}

}  // namespace exercises
