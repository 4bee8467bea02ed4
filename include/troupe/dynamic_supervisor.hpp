// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/supervisor.hpp>

namespace troupe {

// Arguments that a dynamic supervisor puts before those of every child that asks for them: what all
// its children need, and those who start them should not have to know. Elixir's extra_arguments.
//
//     auto sessions = co_await DynamicSupervisor::start_link(
//         self, {.extra_arguments = {config, Name{"audit"}}});
//     co_await DynamicSupervisor::start_child(
//         self, sessions, child_with_extra<Session, Config, Name>(user));  // Session(config, ...)
//
// Each child, and each restart of it, gets copies.
class ExtraArguments {
 public:
  ExtraArguments() = default;
  template <class... A>
    requires(sizeof...(A) > 0 && (!std::is_same_v<std::remove_cvref_t<A>, ExtraArguments> && ...))
  ExtraArguments(A&&... arguments) {
    using Kept = std::tuple<detail::KeptArgument<A>...>;
    static_assert(Message<Kept>, "an extra argument refers to something that it does not own");
    static_assert(std::is_copy_constructible_v<Kept>, "each child gets copies of them");
    arguments_ = detail::share<detail::CountedValue<Kept>>(std::forward<A>(arguments)...);
    type_ = &detail::message_type<Kept>;
  }

  // The arguments as this tuple; null if their types are others.
  template <class Tuple>
  const Tuple* get_if() const noexcept {
    return type_ == &detail::message_type<Tuple>
               ? &static_cast<const detail::CountedValue<Tuple>*>(arguments_.get())->value
               : nullptr;
  }

 private:
  detail::Shared<const detail::Counted> arguments_;
  const detail::MessageType* type_ = nullptr;
};

namespace detail {

// A child that lacks its first arguments. It cannot be started: {badarg, extra_arguments}.
class IncompleteChild : public ChildStart {
 public:
  Async<StartOutcome> start(Process& supervisor, StartName name) const final;
};

template <class S, class Extra, class... A>
class ChildWithExtra final : public IncompleteChild {
 public:
  explicit ChildWithExtra(std::tuple<A...> own) : own_{std::move(own)} {}
  Shared<const ChildStart> with(const ExtraArguments& extra) const override {
    const Extra* first = extra.get_if<Extra>();
    return first ? join(*first) : nullptr;
  }

 private:
  template <class... X>
  Shared<const ChildStart> join(const std::tuple<X...>& first) const {
    return share<ServerChild<S, X..., A...>>(std::tuple_cat(first, own_));
  }

  std::tuple<A...> own_;
};

}  // namespace detail

// A server of type S from its dynamic supervisor's extra arguments, whose types are X, followed by
// these. Where they are others, or under another kind of supervisor, its start fails with
// {badarg, extra_arguments}.
template <class S, class... X, class... A>
  requires(sizeof...(X) > 0)
ChildSpec child_with_extra(A&&... arguments) {
  using Start = detail::ChildWithExtra<S, std::tuple<X...>, detail::KeptArgument<A>...>;
  static const Atom type{detail::type_name<S>()};
  return ChildSpec{
      type, ChildType::worker,
      detail::share<Start>(std::tuple<detail::KeptArgument<A>...>(std::forward<A>(arguments)...))};
}

struct DynamicSupervisorOptions {
  // As in SupervisorOptions, all children together.
  unsigned max_restarts = 3;
  std::chrono::seconds max_seconds{5};
  std::size_t max_children = SIZE_MAX;  // start_child gives max_children beyond; counts restarting
                                        // ones too
  Name name = atoms::undefined;
  ExtraArguments extra_arguments = {};
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
  // From now on the caller gets a ChildEvent for whatever happens to a child, until it ends or
  // unsubscribes. Beyond Elixir, as Supervisor::subscribe.
  static Async<> subscribe(Process& self, ServerRef<DynamicSupervisor> supervisor);
  static Async<> unsubscribe(Process& self, ServerRef<DynamicSupervisor> supervisor);
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
