// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

#include <troupe/registry.hpp>
#include <troupe/supervisor.hpp>

namespace troupe {

struct PartitionSupervisorOptions {
  Name name;                // of the supervisor; partitions are found by it
  unsigned partitions = 0;  // 0: as many as the runtime has workers
  Strategy strategy = one_for_one;
  unsigned max_restarts = 3;
  std::chrono::seconds max_seconds{5};
};

// The same child several times, so that work which any of them can do, or which goes by a key, does
// not queue up at one process. Elixir's PartitionSupervisor.
//
//     co_await PartitionSupervisor::start_link(self, {.name = "counters"}, child<Counter>());
//     cast(PartitionSupervisor::find<Counter>("counters", user_id), Counter::Increment{});
//
// It is a supervisor (Supervisor's functions take the reference that start_link gives) whose
// children have the ids 0 to n - 1. A key always leads to the same partition: an integer to
// |key| rem n, any other term to phash2(key, n). The lookup asks no process. Which process a
// partition is changes with its restart, so look it up at each use; while it is being restarted it
// is the one that has ended, and calls fail with noproc.
class PartitionSupervisor {
 public:
  // Every partition from a copy of `each`, which must have no name of its own.
  static Async<ServerRef<Supervisor>> start_link(Process& self, PartitionSupervisorOptions options,
                                                 ChildSpec each);
  // One partition per specification, in their order, whatever their ids and options.partitions say:
  // where partitions are to be told which one they are.
  static Async<ServerRef<Supervisor>> start_link(Process& self, PartitionSupervisorOptions options,
                                                 Children partitions);
  // As a child of another supervisor.
  static ChildSpec spec(PartitionSupervisorOptions options, ChildSpec each);
  static ChildSpec spec(PartitionSupervisorOptions options, Children partitions);

  // The functions below run in a process and throw ErrorException{badarg} if there is no partition
  // supervisor of this name on its node.

  // The process that is responsible for the key.
  static Pid whereis(Name name, RegistryKey key);
  // The same as a reference to a server of type S, to be used at once; to nobody if it is no S.
  template <class S>
  static ServerRef<S> find(Name name, RegistryKey key) {
    const Pid pid = whereis(name, std::move(key));
    return ServerRef<S>{detail::behaviour_of(pid) == detail::behaviour_for<S>() ? pid : Pid{}};
  }
  static unsigned partitions(Name name);
};

}  // namespace troupe
