// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/trace.hpp"

#include <unordered_map>

#include "base/assert.hpp"

namespace troupe::conformance {

namespace {

struct OpenTraces {
  std::mutex mutex;
  std::unordered_map<const Runtime*, Trace*> by_runtime;
};

OpenTraces& open_traces() {
  static OpenTraces traces;
  return traces;
}

}  // namespace

void Trace::add(std::string line) {
  const std::lock_guard lock{mutex_};
  lines_.push_back(std::move(line));
}

std::vector<std::string> Trace::lines() const {
  const std::lock_guard lock{mutex_};
  return lines_;
}

TraceScope::TraceScope(const Runtime& runtime, Trace& trace) : runtime_{&runtime} {
  OpenTraces& open = open_traces();
  const std::lock_guard lock{open.mutex};
  open.by_runtime[runtime_] = &trace;
}

TraceScope::~TraceScope() {
  OpenTraces& open = open_traces();
  const std::lock_guard lock{open.mutex};
  open.by_runtime.erase(runtime_);
}

void p(std::string_view key, const Term& value) {
  Process* self = detail::current_process();
  TROUPE_ASSERT(self, "only processes print to a trace");
  std::string line{key};
  line += ' ';
  line += to_erlang(value);
  OpenTraces& open = open_traces();
  const std::lock_guard lock{open.mutex};
  if (const auto found = open.by_runtime.find(&self->runtime()); found != open.by_runtime.end()) {
    found->second->add(std::move(line));
  }
}

}  // namespace troupe::conformance
