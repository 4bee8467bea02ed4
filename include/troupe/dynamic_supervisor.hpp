// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <vector>

#include <troupe/supervisor.hpp>

namespace troupe {

struct DynamicSupervisorOptions {
  // As in SupervisorOptions, all children together.
  unsigned max_restarts = 3;
  std::chrono::seconds max_seconds{5};
  std::size_t max_children = SIZE_MAX;  // start_child gives max_children beyond; counts restarting
                                        // ones too
  Name name = atoms::undefined;
};

// A supervisor whose children are started one by one on demand: sessions, connections, jobs. They
// have no id and no order; one is found by its pid, in constant time however many there are.
// Elixir's DynamicSupervisor.
//
//     auto started = co_await DynamicSupervisor::start_child(
//         self, sessions, child<Session>(key).restart(temporary));
//
// Children that end for good are forgotten. When it ends, it tells all children to shut down at
// once and waits for them together; each one's own time limit counts from then.
class DynamicSupervisor {
 public:
  using StartChildAwaiter = detail::CallAwaiter<std::expected<ChildStarted, ChildError>, false>;

  static detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, false> start_link(
      Process& self, DynamicSupervisorOptions options = {});
  static detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, true> try_start_link(
      Process& self, DynamicSupervisorOptions options = {});

  // Starts a child, and waits until its constructor and init are done. A null pid: its start
  // answered ignore, and nothing is kept.
  static StartChildAwaiter start_child(Process& self, ServerRef<DynamicSupervisor> supervisor,
                                       ChildSpec child);
  // Stops a child and forgets it.
  static Async<std::expected<void, ChildError>> terminate_child(
      Process& self, ServerRef<DynamicSupervisor> supervisor, Pid child);
  // In no particular order.
  static Async<std::vector<ChildInfo>> which_children(Process& self,
                                                      ServerRef<DynamicSupervisor> supervisor);
  static Async<ChildCounts> count_children(Process& self, ServerRef<DynamicSupervisor> supervisor);

  static const detail::Behaviour* behaviour() noexcept;
};

// A dynamic supervisor as a child of another supervisor. Its children are lost with it: after a
// restart it is empty.
ChildSpec dynamic_supervisor(ChildId id, DynamicSupervisorOptions options = {});

}  // namespace troupe
