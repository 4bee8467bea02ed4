// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A process under a name, asked by name and with a time limit. The course's client takes any answer
// for its own, also one that comes late and belongs to the request before; here the answer goes to
// an alias that dies with the request, and carries its reference.
#pragma once

#include <optional>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace named_process {

struct Request {
  std::string data;
  Alias reply_to;
};
struct Response {
  Ref request;
  std::string result;
};
struct Stop {};

inline Async<> server(Process& self) {
  while (co_await self.receive(
      [&](Request m) {
        send(m.reply_to, Response{m.reply_to.ref, "Processed: " + m.data});
        return true;
      },
      [&](Stop) { return false; })) {
  }
}

inline Pid start() {
  const Pid pid = spawn(server);
  register_name("my_server", pid);
  return pid;
}

// Nothing: no answer within the time. Throws ErrorException{badarg} if nobody has the name.
inline Async<std::optional<std::string>> request(Process& self, std::string data,
                                                 Duration timeout = 5s) {
  const Alias reply_to = self.alias(AliasMode::reply);
  send("my_server", Request{std::move(data), reply_to});
  auto result =
      co_await self.receive(when([&](const Response& m) { return m.request == reply_to.ref; },
                                 [](Response m) { return std::optional{std::move(m.result)}; }),
                            after(timeout, [] { return std::optional<std::string>{}; }));
  self.unalias(reply_to);
  co_return result;
}

}  // namespace named_process
