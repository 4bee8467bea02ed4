// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/task.hpp>

namespace troupe {

// Waits for many tasks at once, so that the first failure is noticed whichever task it is of.
template <class R>
Async<std::vector<std::optional<TaskOutcome<R>>>> Task::collect(Process& self,
                                                                std::vector<TaskRef<R>> tasks,
                                                                Duration timeout, bool fail_fast) {
  const detail::CallerPlace place{self};
  using Result = TaskResult<detail::ReplyValue<R>>;
  std::vector<std::optional<TaskOutcome<R>>> outcomes(tasks.size());
  std::vector<std::pair<Ref, std::size_t>> waiting;  // sorted, to find whose message it is
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    detail::check_owner(self, tasks[i].owner);
    if (tasks[i].done) {
      outcomes[i] = detail::outcome_of<R>(std::move(*tasks[i].done));
    } else {
      waiting.emplace_back(tasks[i].ref, i);
    }
  }
  std::sort(waiting.begin(), waiting.end());
  const auto index_of = [&waiting](Ref ref) -> const std::size_t* {
    const auto at =
        std::lower_bound(waiting.begin(), waiting.end(), std::pair{ref, std::size_t{0}});
    return at != waiting.end() && at->first == ref ? &at->second : nullptr;
  };
  const auto is_open = [&](Ref ref) {
    const std::size_t* index = index_of(ref);
    return index && !outcomes[*index];
  };
  const Duration begin = self.monotonic_time();
  for (std::size_t left = waiting.size(); left > 0; --left) {
    const Duration passed = self.monotonic_time() - begin;
    const Duration rest =
        timeout == infinity ? infinity : std::max(Duration::zero(), timeout - passed);
    std::size_t index = tasks.size();
    co_await place(self.receive(when([&](const Result& result) { return is_open(result.ref); },
                                     [&](Result result) {
                                       index = *index_of(result.ref);
                                       outcomes[index] =
                                           detail::outcome_of<R>(std::move(result.value));
                                     }),
                                when([&](const Down& down) { return is_open(down.ref); },
                                     [&](Down down) {
                                       index = *index_of(down.ref);
                                       outcomes[index] =
                                           TaskOutcome<R>(std::unexpect, std::move(down.reason));
                                     }),
                                after(rest, [] {})));
    if (index == tasks.size()) break;
    self.demonitor(tasks[index].ref, Flush::yes);
    if (fail_fast && !*outcomes[index]) {
      for (const TaskRef<R>& task : tasks) self.demonitor(task.ref, Flush::yes);
      throw TaskException{std::move(outcomes[index]->error()), "await_many", tasks[index].pid};
    }
  }
  co_return outcomes;
}

}  // namespace troupe
