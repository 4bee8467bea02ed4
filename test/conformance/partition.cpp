// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Partition supervisors (193, 194).
#include <algorithm>

#include <troupe/agent.hpp>
#include <troupe/partition_supervisor.hpp>

#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

namespace {

struct Counter : GenServer<Counter> {
  struct Increment {
    using Reply = int;
  };
  int handle_call(Increment) { return ++count_; }

 private:
  int count_ = 0;
};

Async<> s193_dynsup_partition_routing(Process& self) {
  const PartitionSupervisorOptions options{.name = "parts", .partitions = 3};
  const auto sup = co_await PartitionSupervisor::start_link(self, options, child<Counter>());
  p("partitions", PartitionSupervisor::partitions("parts"));
  const auto partitions = co_await Supervisor::which_children(self, sup);
  std::vector<Term> ids;
  for (const ChildInfo& partition : partitions) ids.push_back(partition.id);
  p("ids", sorted(std::move(ids)));
  const auto which = [&](const Term& key) {
    const Pid pid = PartitionSupervisor::whereis("parts", key);
    const auto found = std::ranges::find(partitions, pid, &ChildInfo::pid);
    return found == partitions.end() ? Term{} : found->id;
  };
  std::vector<Term> of_integers;
  for (const int key : {0, 1, 2, 3, 4, 5, -1, -4}) of_integers.push_back(tuple({key, which(key)}));
  p("integer_keys", list(of_integers));
  p("same_key_same_partition", which(atom("some_key")) == which(atom("some_key")));
  std::vector<Term> counts;
  for (const int key : {0, 1, 3, 6, 1}) {
    const auto counter = PartitionSupervisor::find<Counter>("parts", key);
    counts.push_back(co_await call(self, counter, Counter::Increment{}));
  }
  p("counts", list(counts));
}

using Part = Agent<Term>;

Async<> s194_dynsup_partition_crash(Process& self) {
  const auto fresh = [](int number) { return child<Part>(tuple({atom("part"), number, 0})); };
  co_await PartitionSupervisor::start_link(self, {.name = "parts"}, Children{fresh(0), fresh(1)});
  for (const int key : {0, 1, 2, 3, 3}) {
    const auto part = PartitionSupervisor::find<Part>("parts", key);
    co_await Part::update(self, part, [](const Term& was) {
      return tuple({was[0], was[1], was[2].as_int().value() + 1});
    });
  }
  const auto show = [&]() -> Async<Term> {
    std::vector<Term> all;
    for (const int key : {0, 1}) {
      const auto part = PartitionSupervisor::find<Part>("parts", key);
      all.push_back(co_await Part::get(self, part, [](const Term& state) { return state; }));
    }
    co_return list(all);
  };
  p("before", co_await show());
  const Pid old = PartitionSupervisor::whereis("parts", 1);
  exit(old, atoms::kill);
  co_await until(
      self, [&]() -> Async<bool> { co_return PartitionSupervisor::whereis("parts", 1) != old; });
  p("after", co_await show());
}

constexpr Scenario scenarios[] = {
    {"193-dynsup-partition-routing", s193_dynsup_partition_routing},
    {"194-dynsup-partition-crash", s194_dynsup_partition_crash},
};

}  // namespace

std::span<const Scenario> partition_scenarios() { return scenarios; }

}  // namespace troupe::conformance
