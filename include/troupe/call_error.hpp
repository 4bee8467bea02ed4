// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>

#include <troupe/exit_reason.hpp>

namespace troupe {

// Why a call got no answer.
struct CallError {
  enum class Code : std::uint8_t {
    timeout,       // no answer in time; the server was not told
    noproc,        // nobody has the name, or the process is gone
    calling_self,  // a server that calls itself would wait for ever
    down,          // the server ended before it answered: `reason`
  };
  Code code;
  ExitReason reason;  // Why, in {Why, {gen_server, call, ...}}
  Pid server = {};    // who was asked; null where nobody had the name

  std::string to_string() const;
};

// What a call that got no answer throws: an exit, so that a caller which does not handle it ends
// with {Why, {gen_server, call, [Server, Request, Timeout]}}.
class CallException : public ExitException {
 public:
  CallException(CallError error, ExitReason reason);
  const CallError& error() const noexcept { return error_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  CallError error_;
  std::string text_;
};

}  // namespace troupe
