// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/runtime.hpp>

namespace troupe::conformance {

// The lines one run has printed so far. Written under a lock at the moment of the call, so lines of
// different processes stand in causal order.
class Trace {
 public:
  void add(std::string line);
  std::vector<std::string> lines() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// While it lives, what processes of this runtime print goes to this trace. Runs in several runtimes
// at once do not mix.
class TraceScope {
 public:
  TraceScope(const Runtime& runtime, Trace& trace);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  const Runtime* runtime_;
};

// Prints `key value` to the trace of the runtime that the calling process belongs to. The value is
// in Erlang syntax; without one it is `true`.
void p(std::string_view key, const Term& value = true);

}  // namespace troupe::conformance
