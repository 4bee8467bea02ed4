// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many crashed children does a supervisor restart in a second, and does that depend on how many
// it has restarted?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct CrashedEnough {};

using Counter = std::shared_ptr<std::atomic<std::int64_t>>;

}  // namespace

}  // namespace troupe::bench

template <>
inline constexpr bool troupe::enable_message<troupe::bench::Counter> = true;

namespace troupe::bench {

namespace {

struct Crasher : GenServer<Crasher> {
  struct Go {};
  Crasher(Counter count, std::int64_t most, Pid owner)
      : count_{std::move(count)}, most_{most}, owner_{owner} {}
  Init init() { return continue_with(Go{}); }
  void handle_continue(Go) {
    if (count_->fetch_add(1) < most_) throw std::runtime_error{"boom"};
    send(owner_, CrashedEnough{});
  }

 private:
  Counter count_;
  std::int64_t most_;
  Pid owner_;
};

Async<> start(Process& self, std::int64_t count) {
  const auto crashes = std::make_shared<std::atomic<std::int64_t>>(0);
  const Stopwatch watch;
  SupervisorOptions options{.max_restarts = UINT32_MAX, .max_seconds = std::chrono::seconds{1}};
  co_await Supervisor::start_link(self, children(child<Crasher>(crashes, count, self.pid())),
                                  options);
  co_await self.receive<CrashedEnough>();
  print("restarts", "rate", watch.rate(count), "restarts/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0]); }

}  // namespace

const Workload restarts{"restarts", "RESTARTS", "100", run};

}  // namespace troupe::bench
