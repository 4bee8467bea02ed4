// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Does a call cost more when its caller has many others under way? One process sends N requests to
// a server that answers none before it has all.
#include <troupe/request.hpp>
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Collector : GenServer<Collector> {
  struct Ask {
    std::int64_t number;
    using Reply = std::int64_t;
  };
  explicit Collector(std::int64_t wanted) : wanted_{wanted} {}
  void handle_call(Ask, From<std::int64_t> from) {
    waiting_.push_back(std::move(from));
    if (static_cast<std::int64_t>(waiting_.size()) < wanted_) return;
    for (auto& asker : waiting_) reply(std::move(asker), 1);
    waiting_.clear();
  }

 private:
  std::int64_t wanted_;
  std::vector<From<std::int64_t>> waiting_;
};

Async<> start(Process& self, std::int64_t count) {
  const auto server = co_await Collector::start(self, count);
  constexpr int rounds = 5;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<PendingReply<std::int64_t>> pending;
    pending.reserve(static_cast<std::size_t>(count));
    const Stopwatch watch;
    for (std::int64_t i = 0; i < count; ++i) {
      pending.push_back(send_request(self, server, Collector::Ask{i}));
    }
    for (auto& request : pending) {
      if (!co_await request.response(infinity)) self.exit("no answer");
    }
    const double rate = watch.rate(count);
    if (rate > best) best = rate;
  }
  print("outstanding_" + std::to_string(count), "cost", 1e6 / best, "us");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0]); }

}  // namespace

const Workload outstanding{"outstanding", "CALLS", "100", run};

}  // namespace troupe::bench
