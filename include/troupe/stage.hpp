// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/gen_server.hpp>

namespace troupe {

struct DemandOptions {
  std::size_t max = 1'000;  // events that may be on their way to the consumer, or in its hands
  std::size_t min = 500;    // when as few are left, it asks for as many as are missing
  bool stop_with_producer = true;  // the consumer ends with the producer, for the same reason
};

// What producers and consumers say to each other; `subscription` is the consumer's monitor.
struct StageSubscribe {
  Ref subscription;
  Pid consumer;
};
struct StageAsk {
  Ref subscription;
  std::size_t count;
};
template <class E>
struct StageEvents {
  Ref subscription;
  std::vector<E> events;
};

namespace detail {

// The producer's side of its subscriptions: who wants how many.
template <class E>
class StageOutlet {
 public:
  void subscribe(Process& self, const StageSubscribe& m) {
    consumers_.push_back({m.subscription, self.monitor(m.consumer), m.consumer, 0});
  }
  // Of a subscription that has ended: nothing.
  void ask(const StageAsk& m) {
    for (Consumer& consumer : consumers_) {
      if (consumer.subscription == m.subscription) consumer.wants += m.count;
    }
  }
  // The end of a consumer.
  void forget(const Down& down) {
    std::erase_if(consumers_, [&](const Consumer& c) { return c.monitor == down.ref; });
  }
  std::size_t demand() const noexcept {
    std::size_t total = 0;
    for (const Consumer& consumer : consumers_) total += consumer.wants;
    return total;
  }
  std::size_t consumers() const noexcept { return consumers_.size(); }

  // Sends as many as are wanted, always to the one who wants most.
  void give(std::deque<E>& events) {
    while (!events.empty()) {
      const auto most = std::ranges::max_element(consumers_, {}, &Consumer::wants);
      if (most == consumers_.end() || most->wants == 0) return;
      const std::size_t count = std::min(most->wants, events.size());
      const auto end = events.begin() + static_cast<std::ptrdiff_t>(count);
      std::vector<E> batch(std::make_move_iterator(events.begin()), std::make_move_iterator(end));
      events.erase(events.begin(), end);
      most->wants -= count;
      send(most->pid, StageEvents<E>{most->subscription, std::move(batch)});
    }
  }

 private:
  struct Consumer {
    Ref subscription;
    Ref monitor;
    Pid pid;
    std::size_t wants;
  };
  std::vector<Consumer> consumers_;
};

template <class P>
concept AsksWithSelf = requires(P& p, Process& self) { p.handle_demand(self, std::size_t{}); };

}  // namespace detail

// Work that flows as fast as its slowest part: consumers ask, producers give no more than was asked
// for, so that nothing piles up between them. A small GenStage.
//
//     struct Numbers {                                     // a producer's part
//       using Event = int;
//       std::vector<int> handle_demand(std::size_t count);
//     };
//     struct Printer {                                     // a consumer's part
//       using Event = int;
//       Async<> handle_events(Process& self, std::vector<int> events);
//     };
//     const auto numbers = co_await Producer<Numbers>::start_link(self);
//     const auto printer = co_await Consumer<Printer>::start_link(self);
//     co_await subscribe(self, printer, numbers, {.max = 100, .min = 50});
//
// handle_demand(count), or handle_demand(Process&, count), plain or a coroutine, gives at most
// about `count` events (more are kept). One that has nothing now is asked again after the next
// demand, or once `Producer<P>::notify` says that there is something.
//
// A consumer may have several producers, a producer several consumers: an event goes to one of
// them, the one that wants most. What a consumer was sent and has not handled is lost with it. To
// pass events on, a consumer pushes them into a StageBuffer, whose being full holds it up in turn.
template <class P>
class Producer : public GenServer<Producer<P>> {
 public:
  using Event = P::Event;
  static_assert(Message<Event>, "the events of a producer are messages");

  // There is something to give again. From any process.
  static void notify(ServerRef<Producer> producer) { cast(producer, Notify{}); }

  // --- The server.

  struct Notify {};
  using Info = Messages<StageSubscribe, StageAsk>;

  template <class... A>
    requires std::is_constructible_v<P, A...>
  explicit Producer(A... arguments) : source_(std::move(arguments)...) {}

  void handle_info(Process& self, StageSubscribe m) { outlet_.subscribe(self, m); }
  void handle_info(Down down) { outlet_.forget(down); }
  Async<> handle_info(Process& self, StageAsk m) {
    outlet_.ask(m);
    return produce(self);
  }
  Async<> handle_cast(Process& self, Notify) { return produce(self); }

  Term introspect() const {
    return map({{Term{Atom{"consumers"}}, outlet_.consumers()},
                {Term{Atom{"demand"}}, outlet_.demand()},
                {Term{Atom{"kept"}}, kept_.size()}});
  }

 private:
  Async<> produce(Process& self) {
    outlet_.give(kept_);
    const std::size_t demand = outlet_.demand();
    if (demand == 0) co_return;
    std::vector<Event> events;
    if constexpr (detail::AsksWithSelf<P>) {
      if constexpr (detail::is_async<decltype(source_.handle_demand(self, demand))>) {
        events = co_await source_.handle_demand(self, demand);
      } else {
        events = source_.handle_demand(self, demand);
      }
    } else {
      events = source_.handle_demand(demand);
    }
    std::ranges::move(events, std::back_inserter(kept_));
    outlet_.give(kept_);
  }

  P source_;
  std::deque<Event> kept_;  // given beyond the demand; the producer's own doing
  detail::StageOutlet<Event> outlet_;
};

// What a push meets when the buffer is full.
enum class BufferOverflow : std::uint8_t {
  wait,         // until there is room: holds up whoever pushes
  drop_newest,  // what is pushed is lost
  drop_oldest,  // the event that has waited longest is
};

struct BufferOptions {
  std::size_t capacity = 10'000;
  BufferOverflow overflow = BufferOverflow::wait;
};

// A producer whose events are pushed into it, by any number of processes.
//
//     bool was_kept = co_await StageBuffer<Order>::push(self, buffer, order);
template <Message E>
class StageBuffer : public GenServer<StageBuffer<E>> {
 public:
  using Event = E;
  using Ref = ServerRef<StageBuffer>;

  // False if the event was dropped, or another one for it. Waits as BufferOptions say, up to
  // `timeout`: then it throws CallException, and the event comes through all the same.
  static auto push(Process& self, Ref buffer, E event, Duration timeout = infinity) {
    return call(self, buffer, Push{std::move(event)}, timeout);
  }

  // --- The server.

  struct Push {
    E event;
    using Reply = bool;
  };
  using Info = Messages<StageSubscribe, StageAsk>;

  explicit StageBuffer(BufferOptions options = {}) : options_{options} {
    if (options_.capacity == 0) {
      throw ErrorException{tuple({atoms::badarg, Term{Atom{"capacity_is_zero"}}})};
    }
  }

  void handle_call(Push m, From<bool> from) {
    if (events_.size() < options_.capacity) {
      events_.push_back(std::move(m.event));
      outlet_.give(events_);
      return reply(std::move(from), true);
    }
    if (options_.overflow == BufferOverflow::wait) {
      waiting_.push_back({std::move(m.event), std::move(from)});
      return;
    }
    ++dropped_;
    if (options_.overflow == BufferOverflow::drop_oldest) {
      events_.pop_front();
      events_.push_back(std::move(m.event));
    }
    reply(std::move(from), false);
  }
  void handle_info(Process& self, StageSubscribe m) { outlet_.subscribe(self, m); }
  void handle_info(Down down) { outlet_.forget(down); }
  void handle_info(StageAsk m) {
    outlet_.ask(m);
    outlet_.give(events_);
    while (!waiting_.empty() && events_.size() < options_.capacity) {
      events_.push_back(std::move(waiting_.front().event));
      reply(std::move(waiting_.front().from), true);
      waiting_.pop_front();
      outlet_.give(events_);
    }
  }

  Term introspect() const {
    return map({{Term{Atom{"consumers"}}, outlet_.consumers()},
                {Term{Atom{"demand"}}, outlet_.demand()},
                {Term{Atom{"events"}}, events_.size()},
                {Term{Atom{"waiting"}}, waiting_.size()},
                {Term{Atom{"dropped"}}, dropped_}});
  }

 private:
  struct Waiting {
    E event;
    From<bool> from;
  };

  BufferOptions options_;
  std::deque<E> events_;
  std::deque<Waiting> waiting_;  // one for each process that is held up
  detail::StageOutlet<E> outlet_;
  std::uint64_t dropped_ = 0;
};

// A consumer: see Producer. handle_events(events), or handle_events(Process&, events), plain or a
// coroutine; while it runs, no more events are asked for than the demand allows.
template <class C>
class Consumer : public GenServer<Consumer<C>> {
 public:
  using Event = C::Event;

  struct SubscribeTo {
    Pid producer;
    DemandOptions demand;
    using Reply = void;
  };
  using Info = Messages<StageEvents<Event>>;

  template <class... A>
    requires std::is_constructible_v<C, A...>
  explicit Consumer(A... arguments) : sink_(std::move(arguments)...) {}

  void handle_call(Process& self, SubscribeTo m) {
    DemandOptions demand = m.demand;
    demand.max = std::max<std::size_t>(demand.max, 1);
    demand.min = std::min(demand.min, demand.max - 1);
    const Ref ref = self.monitor(m.producer);
    subscriptions_.push_back({ref, m.producer, demand, demand.max});
    send(m.producer, StageSubscribe{ref, self.pid()});
    send(m.producer, StageAsk{ref, demand.max});
  }
  Async<> handle_info(Process& self, StageEvents<Event> m) {
    const std::size_t count = m.events.size();
    if constexpr (requires { sink_.handle_events(self, std::move(m.events)); }) {
      if constexpr (detail::is_async<decltype(sink_.handle_events(self, std::move(m.events)))>) {
        co_await sink_.handle_events(self, std::move(m.events));
      } else {
        sink_.handle_events(self, std::move(m.events));
      }
    } else {
      sink_.handle_events(std::move(m.events));
    }
    handled_ += count;
    for (Subscription& s : subscriptions_) {
      if (s.ref != m.subscription) continue;
      s.outstanding -= count;
      if (s.outstanding > s.demand.min) continue;
      send(s.producer, StageAsk{s.ref, s.demand.max - s.outstanding});
      s.outstanding = s.demand.max;
    }
  }
  Next handle_info(Down down) {
    for (auto s = subscriptions_.begin(); s != subscriptions_.end(); ++s) {
      if (s->ref != down.ref) continue;
      const bool stops = s->demand.stop_with_producer;
      subscriptions_.erase(s);
      return stops ? Next::stop(down.reason) : Next::noreply();
    }
    return Next::noreply();
  }

  Term introspect() const {
    return map(
        {{Term{Atom{"producers"}}, subscriptions_.size()}, {Term{Atom{"handled"}}, handled_}});
  }

 private:
  struct Subscription {
    Ref ref;
    Pid producer;
    DemandOptions demand;
    std::size_t outstanding;
  };

  C sink_;
  std::vector<Subscription> subscriptions_;
  std::uint64_t handled_ = 0;
};

// Has the consumer ask the producer (a Producer or a StageBuffer) for events from now on. Throws
// CallException if there is no such consumer; without a producer the consumer sees its end at once.
template <class C, class P>
auto subscribe(Process& self, ServerRef<Consumer<C>> consumer, ServerRef<P> producer,
               DemandOptions demand = {}) {
  static_assert(std::is_same_v<typename C::Event, typename P::Event>,
                "the consumer takes other events than the producer gives");
  return call(self, consumer, typename Consumer<C>::SubscribeTo{producer.pid(), demand});
}

}  // namespace troupe
