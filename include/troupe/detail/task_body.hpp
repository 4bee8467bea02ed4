// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <troupe/child_spec.hpp>
#include <troupe/detail/code.hpp>
#include <troupe/from.hpp>
#include <troupe/spawn.hpp>

// What runs in a task's process.
namespace troupe::detail {

// What the task's owner sends once it watches the task: where the result goes, an address that
// works only as long as the owner wants it.
struct TaskStart {
  Alias reply_to;
};

// With Process& first if the callable takes it.
template <class F, class... A>
decltype(auto) run_task_code(F& f, Process& self, A&&... a) {
  if constexpr (std::is_invocable_v<F&, Process&, A...>) {
    return f(self, std::forward<A>(a)...);
  } else {
    static_assert(std::is_invocable_v<F&, A...>,
                  "a task is called with its arguments, or with Process& and its arguments; these "
                  "do not fit");
    return f(std::forward<A>(a)...);
  }
}
template <class F, class... A>
struct TaskReturns {
  using Returned = decltype(run_task_code(std::declval<typename CodeCallable<F>::Type&>(),
                                          std::declval<Process&>(), std::declval<A>()...));
  using Type = Awaited<Returned>::Type;
};
template <class F, class... A>
using TaskReturn = TaskReturns<F, A...>::Type;

}  // namespace troupe::detail

namespace troupe {

// What a task sends its owner, as a message like any other: whoever does not await it may receive
// it. OTP: {Ref, Value}.
template <class R>
struct TaskResult {
  Ref ref;
  R value;
};

}  // namespace troupe

namespace troupe::detail {

template <class F, class... A>
Async<> run_task(Process& self, Code<F> code, A... arguments) {
  using Returned = TaskReturns<F, A...>::Returned;
  if constexpr (is_async<Returned>) {
    (void)co_await run_task_code(code.callable, self, std::move(arguments)...);
  } else {
    (void)run_task_code(code.callable, self, std::move(arguments)...);
  }
}

template <class F, class... A>
Async<> run_awaited_task(Process& self, Code<F> code, A... arguments) {
  using Returned = TaskReturns<F, A...>::Returned;
  using R = TaskReturn<F, A...>;
  // In two steps, because GCC 14 finds no type for a member of what is awaited here.
  const TaskStart start = co_await self.receive<TaskStart>();
  const Alias to = start.reply_to;
  if constexpr (std::is_void_v<R>) {
    if constexpr (is_async<Returned>) {
      co_await run_task_code(code.callable, self, std::move(arguments)...);
    } else {
      run_task_code(code.callable, self, std::move(arguments)...);
    }
    send(to, TaskResult<Done>{to.ref, Done{}});
  } else if constexpr (is_async<Returned>) {
    send(to, TaskResult<R>{to.ref,
                           co_await run_task_code(code.callable, self, std::move(arguments)...)});
  } else {
    send(to, TaskResult<R>{to.ref, run_task_code(code.callable, self, std::move(arguments)...)});
  }
}

// A task as a child that is started once, so that its arguments may be move-only.
template <class Body, class Code, class... A>
class OnceChild final : public ChildStart {
 public:
  OnceChild(Body body, Code code, A... arguments)
      : body_{body}, parts_{std::in_place, std::move(code), std::move(arguments)...} {}
  Async<StartOutcome> start(Process&, StartName) const override {
    auto parts = std::move(*std::exchange(parts_, std::nullopt));
    StartOutcome outcome;
    outcome.pid =
        std::apply([this](auto&... part) { return spawn_link(body_, std::move(part)...); }, parts);
    co_return outcome;
  }

 private:
  Body body_;
  mutable std::optional<std::tuple<Code, A...>> parts_;
};

}  // namespace troupe::detail
