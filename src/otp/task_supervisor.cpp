// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/task_supervisor.hpp>

namespace troupe {

Async<std::vector<Pid>> TaskSupervisor::children(Process& self,
                                                 ServerRef<DynamicSupervisor> supervisor) {
  const detail::CallerPlace place{self};
  std::vector<Pid> pids;
  for (const ChildInfo& child :
       co_await place(DynamicSupervisor::which_children(self, supervisor))) {
    if (child.pid) pids.push_back(child.pid);
  }
  co_return pids;
}

Async<Pid> TaskSupervisor::start(Process& self, ServerRef<DynamicSupervisor> supervisor,
                                 detail::Shared<const detail::ChildStart> start) {
  ChildSpec spec{Atom{"task"}, ChildType::worker, std::move(start)};
  spec.restart(temporary);
  return TaskSupervisor::start(self, supervisor, std::move(spec));
}

Async<Pid> TaskSupervisor::start(Process& self, ServerRef<DynamicSupervisor> supervisor,
                                 ChildSpec spec) {
  const detail::CallerPlace place{self};
  auto started = co_await place(DynamicSupervisor::start_child(self, supervisor, std::move(spec)));
  if (!started) {
    throw StartException{StartError{StartError::Code::failed, ExitReason{started.error().term()}}};
  }
  co_return started->pid;
}

}  // namespace troupe
