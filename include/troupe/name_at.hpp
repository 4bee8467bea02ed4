// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <utility>

#include <troupe/call.hpp>

namespace troupe {

// A name together with the name of its node: OTP's {Name, Node}, for addresses that are written
// down or come from elsewhere. Resolved at each use. On the caller's own node it is as the name
// alone, but sending is never an error; of other nodes, which this one is not connected with,
// nobody is known.
//
//     send(NameAt{"accounts", self.runtime().name()}, Deposit{5});
struct NameAt {
  Name name;
  std::string node;  // Runtime::name
};

// Whoever has the name there; the null pid if nobody has. In a process.
Pid whereis(const NameAt& at);

// To nobody where nobody has the name.
template <Message M>
void send(const NameAt& to, M message) {
  if (const Pid pid = whereis(to)) send(pid, std::move(message));
}
template <Message M>
void cast(const NameAt& to, M message) {
  if (const Pid pid = whereis(to)) cast(pid, std::move(message));
}

// As to a pid: to a server that lists M in its `Messages`; noproc where nobody has the name.
template <class M>
auto call(Process& self, const NameAt& server, M message, Duration timeout = default_call_timeout) {
  return call(self, whereis(server), std::move(message), timeout);
}
template <class M>
auto try_call(Process& self, const NameAt& server, M message,
              Duration timeout = default_call_timeout) {
  return try_call(self, whereis(server), std::move(message), timeout);
}

}  // namespace troupe
