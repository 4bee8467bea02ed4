// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Tasks: streams (223 to 227).
#include <algorithm>

#include <troupe/agent.hpp>
#include <troupe/task_stream.hpp>

#include "conformance/scenario.hpp"
#include "conformance/task_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

Async<int> sleeps(Process& self, int milliseconds) {
  co_await self.sleep(std::chrono::milliseconds{milliseconds});
  co_return milliseconds;
}

// Everything that the stream gives, as a list.
template <class Stream>
Async<Term> to_list(Stream stream_of) {
  auto stream = stream_of();
  std::vector<Term> all;
  while (const auto outcome = co_await stream.next()) all.push_back(to_term<int>(*outcome));
  co_return list(all);
}

Async<> s223_task_stream_ordered(Process& self) {
  p("ordered", co_await to_list([&] {
      return async_stream(self, std::vector{120, 10, 60}, sleeps, {.max_concurrency = 3});
    }));
  p("empty", co_await to_list([&] { return async_stream(self, std::vector<int>{}, sleeps); }));
  std::vector<int> numbers;
  for (int n = 1; n <= 100; ++n) numbers.push_back(n);
  auto squares = async_stream(self, numbers, [](int n) { return n * n; });
  int sum = 0;
  while (const auto square = co_await squares.next()) sum += square->value();
  p("sum", sum);
}

struct Job {
  int number;
  Pid main;
};
struct AtWork {
  int number;
  Pid pid;
};

Async<> s224_task_stream_unordered(Process& self) {
  const std::vector<Job> jobs = {{3, self.pid()}, {2, self.pid()}, {1, self.pid()}};
  auto stream = async_stream(self, jobs,
                             [](Process& me, Job job) -> Async<int> {
                               send(job.main, AtWork{job.number, me.pid()});
                               if (job.number > 1) co_await me.receive<Go>();
                               co_return job.number;
                             },
                             {.max_concurrency = 3, .ordered = false});
  std::vector<Term> finished;
  while (const auto outcome = co_await stream.next()) {
    const int number = outcome->value();
    finished.push_back(number);
    if (number == 3) continue;
    const AtWork next = co_await self.receive(when(
        [number](const AtWork& m) { return m.number == number + 1; }, [](AtWork m) { return m; }));
    send(next.pid, Go{});
  }
  p("unordered", list(finished));
}

struct Gauge {
  int now = 0;
  int top = 0;
};
using GaugeAgent = Agent<Gauge>;

struct Gauged {
  int number;
  ServerRef<GaugeAgent> gauge;
};

Async<> s225_task_stream_concurrency(Process& self) {
  const auto gauge = co_await GaugeAgent::start(self, Gauge{});
  std::vector<Gauged> inputs;
  for (int n = 1; n <= 20; ++n) inputs.push_back({n, gauge});
  auto stream =
      async_stream(self, inputs,
                   [](Process& me, Gauged input) -> Async<int> {
                     co_await GaugeAgent::update(me, input.gauge, [](Gauge& g) {
                       ++g.now;
                       g.top = std::max(g.top, g.now);
                     });
                     co_await me.sleep(15ms);
                     co_await GaugeAgent::update(me, input.gauge, [](Gauge& g) { --g.now; });
                     co_return input.number;
                   },
                   {.max_concurrency = 4});
  int all = 0;
  while (co_await stream.next()) ++all;
  p("all", all);
  const Gauge end = co_await GaugeAgent::get(self, gauge, [](const Gauge& g) { return g; });
  p("never_more_than_4", tuple({end.now, Term{end.top <= 4}, Term{end.top >= 2}}));
  auto endless = async_stream(
      self, [n = 0]() mutable { return std::optional{++n}; }, [](int n) { return n; },
      {.max_concurrency = 2});
  std::vector<Term> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(to_term<int>((co_await endless.next()).value()));
  co_await endless.stop();
  p("from_endless_input", list(taken));
}

Async<> s226_task_stream_timeout(Process& self) {
  const auto stream = [&](OnTimeout on_timeout) {
    return to_list([&self, on_timeout] {
      return async_stream(self, std::vector{10, 60'000, 20}, sleeps,
                          {.max_concurrency = 3, .timeout = 800ms, .on_timeout = on_timeout});
    });
  };
  p("kill_task", co_await stream(OnTimeout::kill_task));
  p("exit", co_await catch_exit([&] { return stream(OnTimeout::exit); }));
  p("mailbox", co_await msgs(self));
}

int two_is_bad(Process& self, int n) {
  if (n == 2) self.exit("two_is_bad");
  return n;
}

Async<> s227_task_stream_crash(Process& self) {
  p("linked", co_await reason_of(self, [](Process& me) -> Async<> {
      co_await to_list([&] { return async_stream(me, std::vector{1, 2, 3}, two_is_bad); });
    }));
  const auto sup = co_await TaskSupervisor::start_link(self);
  p("nolink", co_await to_list([&] {
      return async_stream_nolink(self, sup, std::vector{1, 2, 3}, two_is_bad);
    }));
}

constexpr Scenario scenarios[] = {
    {"223-task-stream-ordered", s223_task_stream_ordered},
    {"224-task-stream-unordered", s224_task_stream_unordered},
    {"225-task-stream-concurrency", s225_task_stream_concurrency},
    {"226-task-stream-timeout", s226_task_stream_timeout},
    {"227-task-stream-crash", s227_task_stream_crash},
};

}  // namespace

std::span<const Scenario> task_stream_scenarios() { return scenarios; }

}  // namespace troupe::conformance
