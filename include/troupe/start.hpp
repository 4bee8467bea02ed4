// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <troupe/detail/shared.hpp>
#include <troupe/duration.hpp>
#include <troupe/exit_reason.hpp>
#include <troupe/process.hpp>
#include <troupe/via.hpp>

namespace troupe {

// How a server is started, beside its own arguments:
//
//     co_await Counter::start_link(self, {.name = "counter", .timeout = 1s}, 10);
struct StartOptions {
  Name name = atoms::undefined;  // registered before the constructor runs
  Via via = nullptr;             // a name of another kind, likewise
  Duration timeout = infinity;   // for constructor and init; then the server is killed
};

// Why a start gave no process.
struct StartError {
  enum class Code : std::uint8_t {
    failed,           // the constructor or init threw, or init stopped: `reason`
    ignored,          // init answered ignore, which supervisors take for success
    already_started,  // `holder` has the name
    timeout,          // StartOptions::timeout has passed; the process was killed
  };
  Code code = Code::failed;
  ExitReason reason;  // what the process ended with
  Pid holder = {};

  // R in OTP's {error, R}: the reason, {already_started, Pid} or timeout; `ignore` for ignored.
  Term term() const;
  std::string to_string() const;
};

namespace detail {

class WaitingMail;

// What a process is to be called: one of the two, or neither.
struct StartName {
  StartName() = default;
  StartName(Atom atom, Via other = nullptr) : name{atom}, via{std::move(other)} {}
  Atom name = atoms::undefined;
  Via via;
  // Messages that are to be in its mailbox before anybody can know it. Not null: it leaves its own
  // to its parent. Emptied by the starter; the process itself only asks whether it is there.
  Shared<CountedValue<WaitingMail>> mail = nullptr;
};

}  // namespace detail

// What the plain form of a start throws. Uncaught it ends the starter with {badmatch, {error, R}},
// as the usual `{ok, Pid} = ...` does in OTP.
class StartException : public ErrorException {
 public:
  explicit StartException(StartError error);
  const StartError& start_error() const noexcept { return error_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  StartError error_;
  std::string text_;
};

}  // namespace troupe
