// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/runtime.hpp>
#include <troupe/task.hpp>
#include <troupe/task_stream.hpp>

#include "otp/child_stop.hpp"

namespace troupe {

TaskException::TaskException(ExitReason why, const char* function, Pid task)
    : ExitException{ExitReason{
          tuple({why.term(), tuple({Term{Atom{"Task"}}, Term{Atom{std::string_view{function}}},
                                    list({task ? Term{task} : Term{atoms::undefined}})})})}},
      why_{std::move(why)} {}

namespace detail {

unsigned workers_of(Process& self) noexcept { return self.runtime().workers(); }

void check_owner(Process& self, Pid owner) {
  if (self.pid() == owner) return;
  throw ErrorException{tuple({atoms::badarg, Term{Atom{"a_task_is_awaited_by_its_owner"}}})};
}

Ref begin_task(Process& self, Pid task) {
  const Ref ref = self.monitor(task, {.alias = AliasMode::demonitor});
  send(task, TaskStart{self.alias_of(ref)});
  return ref;
}

Async<ExitReason> end_task(Process& self, Pid task, Duration time, bool brutal) {
  const CallerPlace place{self};
  // First, so that its end, which is ours to cause, does not reach back.
  self.unlink(task);
  co_return co_await place(stop_child(self, task, ChildStop{time, brutal, temporary}));
}

}  // namespace detail
}  // namespace troupe
