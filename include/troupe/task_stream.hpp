// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/task_supervisor.hpp>

namespace troupe {

enum class OnTimeout : std::uint8_t {
  exit,       // next() throws TaskException{timeout}
  kill_task,  // the element's task is killed, its outcome is the reason `timeout`
};

struct TaskStreamOptions {
  unsigned max_concurrency = 0;                // 0: as many as the runtime has workers
  bool ordered = true;                         // in the order of the input; else as they finish
  Duration timeout = std::chrono::seconds{5};  // per element, from the start of its task
  OnTimeout on_timeout = OnTimeout::exit;
};

namespace detail {
unsigned workers_of(Process& self) noexcept;  // of its runtime
}  // namespace detail

// Many inputs, each worked on by a task, at most so many at once: what Task::async_stream gives in
// Elixir. Inputs are pulled when there is a free place, so they may be without end. Belongs to the
// process that made it.
//
//     auto pages = async_stream(self, urls, fetch, {.max_concurrency = 20, .ordered = false});
//     while (auto page = co_await pages.next()) { ... }
//
// A stream that is dropped before its end kills the tasks that run; co_await stop() also waits
// until they are gone.
template <class Source, class F>
class TaskStream {
 public:
  using Input = std::invoke_result_t<Source&>::value_type;
  using R = detail::TaskReturn<F, Input>;
  using Outcome = TaskOutcome<R>;

  // Without a supervisor the tasks are linked.
  TaskStream(Process& self, Source source, F f, TaskStreamOptions options,
             std::optional<ServerRef<DynamicSupervisor>> supervisor = std::nullopt)
      : self_{self},
        source_{std::move(source)},
        f_{std::move(f)},
        options_{options},
        supervisor_{supervisor} {
    if (options_.max_concurrency == 0) options_.max_concurrency = detail::workers_of(self);
  }
  TaskStream(const TaskStream&) = delete;
  ~TaskStream() {
    for (const Element& element : elements_) {
      if (!element.outcome) give_up(element);
    }
  }

  // The next outcome; nothing when all have been given.
  Async<std::optional<Outcome>> next() {
    const detail::CallerPlace place{self_};
    for (;;) {
      co_await place(fill());
      if (std::optional<Outcome> outcome = take_finished()) co_return outcome;
      if (running_ == 0) co_return std::nullopt;
      co_await place(wait());
    }
  }

  // Ends what still runs, and waits until it is dead.
  Async<> stop() {
    const detail::CallerPlace place{self_};
    ended_ = true;
    for (const Element& element : std::exchange(elements_, {})) {
      if (element.outcome) continue;
      (void)co_await place(Task::shutdown(self_, element.task, brutal_kill));
    }
    running_ = 0;
  }

 private:
  using Result = TaskResult<detail::ReplyValue<R>>;
  struct Element {
    TaskRef<R> task;
    Duration deadline;
    std::optional<Outcome> outcome;
  };

  Async<> fill() {
    const detail::CallerPlace place{self_};
    while (!ended_ && running_ < options_.max_concurrency) {
      std::optional<Input> input = source_();
      if (!input) {
        ended_ = true;
        break;
      }
      Element element;
      if (supervisor_) {
        element.task = co_await place(
            TaskSupervisor::async_nolink(self_, *supervisor_, f_, std::move(*input)));
      } else {
        element.task = Task::async(self_, f_, std::move(*input));
      }
      element.deadline =
          options_.timeout == infinity ? infinity : self_.monotonic_time() + options_.timeout;
      elements_.push_back(std::move(element));
      ++running_;
    }
  }

  std::optional<Outcome> take_finished() {
    auto at = elements_.begin();
    if (!options_.ordered) {
      at = std::find_if(at, elements_.end(), [](const Element& e) { return bool{e.outcome}; });
    }
    if (at == elements_.end() || !at->outcome) return std::nullopt;
    std::optional<Outcome> outcome = std::move(at->outcome);
    elements_.erase(at);
    return outcome;
  }

  Element* find(Ref ref) {
    for (Element& element : elements_) {
      if (!element.outcome && element.task.ref == ref) return &element;
    }
    return nullptr;
  }

  void finish(Element& element, Outcome outcome) {
    element.outcome = std::move(outcome);
    self_.demonitor(element.task.ref, Flush::yes);
    --running_;
  }

  void give_up(const Element& element) {
    self_.unlink(element.task.pid);
    self_.demonitor(element.task.ref, Flush::yes);
    exit(element.task.pid, ExitReason{atoms::kill});
  }

  Async<> wait() {
    const detail::CallerPlace place{self_};
    Duration deadline = infinity;
    for (const Element& element : elements_) {
      if (!element.outcome) deadline = std::min(deadline, element.deadline);
    }
    const Duration left = deadline == infinity
                              ? infinity
                              : std::max(Duration::zero(), deadline - self_.monotonic_time());
    const bool is_late = co_await place(self_.receive(
        when([this](const Result& result) { return find(result.ref) != nullptr; },
             [this](Result result) {
               finish(*find(result.ref), detail::outcome_of<R>(std::move(result.value)));
               return false;
             }),
        when([this](const Down& down) { return find(down.ref) != nullptr; },
             [this](Down down) {
               finish(*find(down.ref), Outcome(std::unexpect, std::move(down.reason)));
               return false;
             }),
        after(left, [] { return true; })));
    if (!is_late) co_return;
    const Duration now = self_.monotonic_time();
    for (Element& element : elements_) {
      if (element.outcome || element.deadline > now) continue;
      if (options_.on_timeout == OnTimeout::exit) {
        const Pid late = element.task.pid;
        co_await place(stop());
        throw TaskException{atoms::timeout, "stream", late};
      }
      (void)co_await place(Task::shutdown(self_, element.task, brutal_kill));
      element.outcome = Outcome(std::unexpect, ExitReason{atoms::timeout});
      --running_;
    }
  }

  Process& self_;
  Source source_;
  F f_;
  TaskStreamOptions options_;
  std::optional<ServerRef<DynamicSupervisor>> supervisor_;
  std::deque<Element>
      elements_;  // in the order of the input; those with an outcome wait their turn
  unsigned running_ = 0;
  bool ended_ = false;  // the source has
};

namespace detail {

// A vector as a source: an input a call.
template <class T>
struct VectorSource {
  std::optional<T> operator()() {
    if (next == all.size()) return std::nullopt;
    return std::move(all[next++]);
  }
  std::vector<T> all;
  std::size_t next = 0;
};

template <class T>
VectorSource<T> source_of(std::vector<T> inputs) {
  return {std::move(inputs)};
}
template <class Source>
  requires requires(Source& source) { source().has_value(); }
Source source_of(Source source) {
  return source;
}
template <class Inputs>
using SourceOf = decltype(source_of(std::declval<Inputs>()));

}  // namespace detail

// f(input), or f(self, input), on each element of a vector, or on whatever `inputs()` gives: a
// std::optional that is empty at the end, asked for in the caller when there is a free place.
// The tasks are linked to the caller: a crash of one ends it, unless it traps exits.
template <class Inputs, class F>
auto async_stream(Process& self, Inputs inputs, F f, TaskStreamOptions options = {}) {
  return TaskStream<detail::SourceOf<Inputs>, F>{self, detail::source_of(std::move(inputs)),
                                                 std::move(f), options};
}

// The same with tasks under a TaskSupervisor that are not linked to the caller: a crash is the
// outcome of its element. Elixir: Task.Supervisor.async_stream_nolink.
template <class Inputs, class F>
auto async_stream_nolink(Process& self, ServerRef<DynamicSupervisor> supervisor, Inputs inputs, F f,
                         TaskStreamOptions options = {}) {
  return TaskStream<detail::SourceOf<Inputs>, F>{self, detail::source_of(std::move(inputs)),
                                                 std::move(f), options, supervisor};
}

}  // namespace troupe
