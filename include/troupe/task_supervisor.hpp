// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/dynamic_supervisor.hpp>
#include <troupe/task.hpp>

namespace troupe {

// Tasks under a supervisor of their own: they are counted, stopped with the rest of the tree, and
// can be awaited without sharing the fate of their owner. Elixir's Task.Supervisor; the process is
// a DynamicSupervisor.
class TaskSupervisor {
 public:
  static auto start_link(Process& self, DynamicSupervisorOptions options = {}) {
    return DynamicSupervisor::start_link(self, options);
  }

  // As Task::async, but the task is linked to its supervisor only: its crash reaches the caller as
  // what await throws, or as the Down of TaskRef::ref. Throws StartException where the supervisor
  // has as many children as it may have.
  template <class F, Message... A>
  static auto async_nolink(Process& self, ServerRef<DynamicSupervisor> supervisor, F f,
                           A... arguments) -> Async<TaskRef<detail::TaskReturn<F, A...>>> {
    const detail::CallerPlace place{self};
    using R = detail::TaskReturn<F, A...>;
    using Body = decltype(&detail::run_awaited_task<F, A...>);
    using Child = detail::OnceChild<Body, detail::Code<F>, A...>;
    const Pid pid = co_await place(
        start(self, supervisor,
              detail::share<Child>(&detail::run_awaited_task<F, A...>,
                                   detail::Code<F>{std::move(f)}, std::move(arguments)...)));
    co_return TaskRef<R>{pid, detail::begin_task(self, pid), self.pid()};
  }

  // As async_nolink, and linked to the caller too.
  template <class F, Message... A>
  static auto async(Process& self, ServerRef<DynamicSupervisor> supervisor, F f, A... arguments)
      -> Async<TaskRef<detail::TaskReturn<F, A...>>> {
    const detail::CallerPlace place{self};
    auto task =
        co_await place(async_nolink(self, supervisor, std::move(f), std::move(arguments)...));
    self.link(task.pid);
    co_return task;
  }

  // A task that nobody awaits. Temporary: it is not restarted.
  template <class F, Message... A>
  static Async<Pid> start_child(Process& self, ServerRef<DynamicSupervisor> supervisor, F f,
                                A... arguments) {
    using Body = decltype(&detail::run_task<F, A...>);
    using Child = detail::OnceChild<Body, detail::Code<F>, A...>;
    return start(self, supervisor,
                 detail::share<Child>(&detail::run_task<F, A...>, detail::Code<F>{std::move(f)},
                                      std::move(arguments)...));
  }
  // The same with a restart type; the arguments are copied for each start.
  template <class F, Message... A>
  static Async<Pid> start_child(Process& self, ServerRef<DynamicSupervisor> supervisor,
                                Restart restart, F f, A... arguments) {
    ChildSpec spec = child("task", &detail::run_task<F, A...>, detail::Code<F>{std::move(f)},
                           std::move(arguments)...);
    spec.restart(restart);
    return start(self, supervisor, std::move(spec));
  }

  static Async<std::vector<Pid>> children(Process& self, ServerRef<DynamicSupervisor> supervisor);
  static auto terminate_child(Process& self, ServerRef<DynamicSupervisor> supervisor, Pid task) {
    return DynamicSupervisor::terminate_child(self, supervisor, task);
  }

 private:
  static Async<Pid> start(Process& self, ServerRef<DynamicSupervisor> supervisor,
                          detail::Shared<const detail::ChildStart> start);
  static Async<Pid> start(Process& self, ServerRef<DynamicSupervisor> supervisor, ChildSpec spec);
};

}  // namespace troupe
