// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <pthread.h>
#include <thread>

#include <troupe/pid.hpp>

#include "operation/operation.hpp"

namespace greenroom {

struct ReloadAsked {};

// SIGHUP as a message. While this lives the signal is blocked everywhere and taken by one thread,
// which does nothing else: make it before the runtime starts its threads, which inherit the mask.
class ReloadSignal {
 public:
  ReloadSignal();
  ~ReloadSignal();
  ReloadSignal(const ReloadSignal&) = delete;

  // Who gets ReloadAsked from now on; at once, if a signal came before there was somebody.
  void set_receiver(troupe::Pid receiver);

 private:
  void run();

  sigset_t former_{};
  std::atomic<bool> is_ending_{false};
  std::mutex lock_;
  troupe::Pid receiver_;     // under the lock
  bool has_waited_ = false;  // likewise: a signal found no receiver
  std::thread thread_;       // last: it uses what is above
};

// Reads the configuration again and puts into force what can change while the server runs: log and
// audit files, admin password, certificates, the rules of prefixes, the limit of memory. What
// cannot is named in the log. A file that is wrong changes nothing.
void reload(Operation& operation);

}  // namespace greenroom
