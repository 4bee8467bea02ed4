// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Does work that needs no messages use all cores? Tasks that compute a Fibonacci number each.
#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

[[gnu::noinline]] std::int64_t fibonacci(std::int64_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

Async<> start(Process& self, std::int64_t tasks, std::int64_t n) {
  const Stopwatch watch;
  std::vector<TaskRef<std::int64_t>> all;
  for (std::int64_t i = 0; i < tasks; ++i) all.push_back(Task::async(self, fibonacci, n));
  std::int64_t sum = 0;
  for (auto& task : all) sum += co_await Task::await(self, task, infinity);
  print("pmap", "time", watch.milliseconds(), "ms");
  if (sum % tasks != 0) self.exit("the sum is wrong");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload parallel_map{"pmap", "TASKS FIBONACCI", "4 10", run};

}  // namespace troupe::bench
