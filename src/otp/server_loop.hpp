// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/detail/server_core.hpp>
#include <troupe/detail/server_start.hpp>

namespace troupe::detail {

// A server's cell, ended with whatever holds it: when its loop returns, throws, or is destroyed.
class OwnedServer {
 public:
  OwnedServer() noexcept = default;
  explicit OwnedServer(ServerCore* core) noexcept : core_{core} {}
  OwnedServer(OwnedServer&& other) noexcept : core_{std::exchange(other.core_, nullptr)} {}
  OwnedServer& operator=(OwnedServer&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~OwnedServer();

  ServerCore& operator*() const noexcept { return *core_; }
  ServerCore* operator->() const noexcept { return core_; }

 private:
  ServerCore* core_ = nullptr;
};

// The body of every server process.
Async<> server_main(Process& self);

// The first part of it: takes the start request, registers the name, makes the state, runs init,
// and tells the starter. Throws ExitException if there is to be no server.
Async<> bring_up(Process& self, OwnedServer& server);

// What the starter is told.
struct StartAnswer {
  bool started = false;
  StartError error;
};

// Runs the handler for one envelope, null for the timeout. What is left to be done is in core.step
// afterwards; an exception of the handler is there as a stop.
void dispatch(ServerCore& core, Envelope* envelope) noexcept;

// The exit reason for what a callback threw, as gen_server has it: a thrown term counts as a return
// value, and no term is a valid one here.
ExitReason reason_of(std::exception_ptr failure);

// Makes core.step say that a callback has failed.
void fail(ServerCore& core, std::exception_ptr failure);

// The last part: terminate, the late reply, the report. The process ends with the reason as soon as
// its loop returns.
Async<> wind_up(ServerCore& core);

// The state as far as it may be shown: format_status, or else introspect; `undefined` if it has
// neither.
Term shown_state(const ServerCore& core);

std::string_view last_message_of(const ServerCore& core) noexcept;

}  // namespace troupe::detail
