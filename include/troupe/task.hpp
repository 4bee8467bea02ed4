// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/task_body.hpp>

namespace troupe {

// A task that was started, and whose result its owner may await: a small value.
template <class R>
struct TaskRef {
  Pid pid;    // null for Task::completed
  Ref ref;    // of the owner's monitor, and of the result
  Pid owner;  // only it may await, yield and shut down
  std::optional<detail::ReplyValue<R>> done = std::nullopt;
};

// What became of a task: its value, or the reason it ended with.
template <class R>
using TaskOutcome = std::expected<R, ExitReason>;

// What an await that got no result throws: an exit, so that unhandled it ends the caller with
// {Why, {'Task', await, [Pid]}}, where Why is `timeout` or what the task ended with.
class TaskException : public ExitException {
 public:
  TaskException(ExitReason why, const char* function, Pid task);
  const ExitReason& why() const noexcept { return why_; }
  const char* what() const noexcept override { return "a task gave no result"; }

 private:
  ExitReason why_;
};

namespace detail {

// Throws ErrorException{badarg} where the caller is not the owner.
void check_owner(Process& self, Pid owner);
// Watches the task and tells it where its result goes.
Ref begin_task(Process& self, Pid task);

template <class R>
using MaybeOutcome = std::optional<TaskOutcome<R>>;

template <class R>
TaskOutcome<R> outcome_of(ReplyValue<R> value) {
  if constexpr (std::is_void_v<R>) {
    return {};
  } else {
    return TaskOutcome<R>(std::move(value));
  }
}

// The result or the end of the task, whichever is in the mailbox first; nothing within `timeout`.
template <class R>
Async<MaybeOutcome<R>> take_outcome(Process& self, Ref ref, Duration timeout) {
  const CallerPlace place{self};
  using Result = TaskResult<ReplyValue<R>>;
  MaybeOutcome<R> outcome = co_await place(self.receive(
      when([ref](const Result& result) { return result.ref == ref; },
           [](Result result) { return MaybeOutcome<R>(outcome_of<R>(std::move(result.value))); }),
      when([ref](const Down& down) { return down.ref == ref; },
           [](Down down) {
             return MaybeOutcome<R>(TaskOutcome<R>(std::unexpect, std::move(down.reason)));
           }),
      after(timeout, [] { return MaybeOutcome<R>(); })));
  if (outcome) self.demonitor(ref, Flush::yes);
  co_return outcome;
}

// How a task is told to end: see Task::shutdown.
Async<ExitReason> end_task(Process& self, Pid task, Duration time, bool brutal);

template <class R>
Async<MaybeOutcome<R>> shut_down(Process& self, TaskRef<R> task, Duration time, bool brutal) {
  const CallerPlace place{self};
  check_owner(self, task.owner);
  if (task.done) co_return outcome_of<R>(std::move(*task.done));
  ExitReason reason = co_await place(end_task(self, task.pid, time, brutal));
  // A result that was sent counts, however the task has ended since.
  MaybeOutcome<R> sent = co_await place(take_outcome<R>(self, task.ref, Duration::zero()));
  self.demonitor(task.ref, Flush::yes);
  if (sent && sent->has_value()) co_return sent;
  // Dead before it was told: its own DOWN says of what.
  if (reason.is(atoms::noproc) && sent) reason = sent->error();
  if (brutal ? reason.is(atoms::killed) : reason.is(atoms::shutdown)) co_return std::nullopt;
  co_return TaskOutcome<R>(std::unexpect, std::move(reason));
}

}  // namespace detail

// One computation in a process of its own, whose result is awaited. Elixir's Task.
//
//     auto sum = Task::async(self, [](std::vector<int> all) { return std::reduce(...); }, numbers);
//     ... meanwhile ...
//     int n = co_await Task::await(self, sum);
//
// The function captures nothing (or is wrapped in owned) and its arguments are messages. It may
// take Process& first, and may be a coroutine.
class Task {
 public:
  static constexpr Duration default_timeout = std::chrono::seconds{5};

  // Linked to the caller: if the task fails, so does a caller that does not trap exits.
  template <class F, Message... A>
  static auto async(Process& self, F f, A... arguments) {
    using R = detail::TaskReturn<F, A...>;
    const Pid pid = spawn_link(detail::run_awaited_task<F, A...>, detail::Code<F>{std::move(f)},
                               std::move(arguments)...);
    return TaskRef<R>{pid, detail::begin_task(self, pid), self.pid()};
  }

  // A task that nobody awaits; alone, or linked to the caller.
  template <class F, Message... A>
  static Pid start(Process&, F f, A... arguments) {
    return spawn(detail::run_task<F, A...>, detail::Code<F>{std::move(f)}, std::move(arguments)...);
  }
  template <class F, Message... A>
  static Pid start_link(Process&, F f, A... arguments) {
    return spawn_link(detail::run_task<F, A...>, detail::Code<F>{std::move(f)},
                      std::move(arguments)...);
  }

  // A value that needs no task, for code that expects one.
  template <class R>
  static TaskRef<R> completed(Process& self, R value) {
    return TaskRef<R>{Pid{}, Ref{}, self.pid(), std::move(value)};
  }

  // Waits for the result. Throws TaskException when the task ends without one, or when `timeout`
  // has passed; then its result, if it still comes, is dropped. A task is awaited once.
  template <class R>
  static Async<R> await(Process& self, TaskRef<R> task, Duration timeout = default_timeout) {
    const detail::CallerPlace place{self};
    detail::check_owner(self, task.owner);
    detail::MaybeOutcome<R> outcome;
    if (task.done) {
      outcome = detail::outcome_of<R>(std::move(*task.done));
    } else {
      outcome = co_await place(detail::take_outcome<R>(self, task.ref, timeout));
    }
    if (!outcome) {
      self.demonitor(task.ref, Flush::yes);
      throw TaskException{atoms::timeout, "await", task.pid};
    }
    if (!*outcome) throw TaskException{std::move(outcome->error()), "await", task.pid};
    if constexpr (!std::is_void_v<R>) co_return std::move(**outcome);
  }

  // All results, in the order of the list, within one timeout. Throws TaskException at the first
  // task that fails.
  template <class R>
  static Async<std::vector<R>> await_many(Process& self, std::vector<TaskRef<R>> tasks,
                                          Duration timeout = default_timeout) {
    const detail::CallerPlace place{self};
    auto outcomes = co_await place(collect(self, tasks, timeout, true));
    std::vector<R> values;
    values.reserve(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!outcomes[i]) {
        for (const TaskRef<R>& task : tasks) self.demonitor(task.ref, Flush::yes);
        throw TaskException{atoms::timeout, "await_many", tasks[i].pid};
      }
      values.push_back(std::move(**outcomes[i]));
    }
    co_return values;
  }

  // As await, but gives up nothing: nothing after `timeout`, and it may be asked again.
  template <class R>
  static Async<std::optional<TaskOutcome<R>>> yield(Process& self, TaskRef<R> task,
                                                    Duration timeout = default_timeout) {
    const detail::CallerPlace place{self};
    detail::check_owner(self, task.owner);
    if (task.done) co_return detail::outcome_of<R>(std::move(*task.done));
    co_return co_await place(detail::take_outcome<R>(self, task.ref, timeout));
  }

  // Several at once within one timeout, in the order of the list.
  template <class R>
  static Async<std::vector<std::optional<TaskOutcome<R>>>> yield_many(
      Process& self, std::vector<TaskRef<R>> tasks, Duration timeout = default_timeout) {
    return collect(self, std::move(tasks), timeout, false);
  }

  // Ends the task: exit signal shutdown, and after `time` kill. Gives its result if it had sent
  // one, nothing if it ended because of this, else what it ended with. Nothing of it is left in the
  // mailbox. The caller lives on though it is linked.
  template <class R>
  static Async<std::optional<TaskOutcome<R>>> shutdown(Process& self, TaskRef<R> task,
                                                       Duration time = default_timeout) {
    return detail::shut_down<R>(self, std::move(task), time, false);
  }
  template <class R>
  static Async<std::optional<TaskOutcome<R>>> shutdown(Process& self, TaskRef<R> task, BrutalKill) {
    return detail::shut_down<R>(self, std::move(task), infinity, true);
  }

  // Lets the task run on by itself: unlinked, its result dropped.
  template <class R>
  static void ignore(Process& self, const TaskRef<R>& task) {
    detail::check_owner(self, task.owner);
    if (!task.pid) return;
    self.unlink(task.pid);
    self.demonitor(task.ref, Flush::yes);
  }

 private:
  template <class R>
  static Async<std::vector<std::optional<TaskOutcome<R>>>> collect(Process& self,
                                                                   std::vector<TaskRef<R>> tasks,
                                                                   Duration timeout,
                                                                   bool fail_fast);
};

}  // namespace troupe

#include <troupe/detail/task_collect.hpp>
