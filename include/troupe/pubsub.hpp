// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/child_spec.hpp>

namespace troupe {

// What arrives at a subscription that asked for the topic too.
template <class M>
struct Published {
  std::string topic;
  M message;
};

struct SubscribeOptions {
  bool with_topic = false;  // messages arrive as Published<M>
  bool replay = true;       // of what topics have kept (see TopicOptions), before anything new
};

struct TopicOptions {
  std::size_t replay = 0;  // how many of the last messages a new subscriber is sent
  bool notify = false;     // SubscribersArrived and SubscribersGone to the caller
};

// To a process that opened a topic: it has subscribers now, after none; and it has none any more.
struct SubscribersArrived {
  std::string topic;
};
struct SubscribersGone {
  std::string topic;
};

namespace detail {

class TopicTable;

// How messages of a type are copied: into an envelope as they are, into one with the topic, and to
// be kept for later subscribers.
struct EventType {
  Envelope* (*plain)(const void* message);
  Envelope* (*with_topic)(std::string_view topic, const void* message);
  std::shared_ptr<const void> (*keep)(const void* message);
};

template <class M>
inline constexpr EventType bus_event_type{
    [](const void* message) { return make_envelope<M>(*static_cast<const M*>(message)); },
    [](std::string_view topic, const void* message) {
      return make_envelope<Published<M>>(
          Published<M>{std::string{topic}, *static_cast<const M*>(message)});
    },
    [](const void* message) -> std::shared_ptr<const void> {
      return std::make_shared<const M>(*static_cast<const M*>(message));
    }};

std::size_t publish(Name bus, std::string_view topic, const void* message, const EventType& type,
                    Pid except);

}  // namespace detail

// Publish and subscribe: a bus with topics, on which messages of any type reach every process that
// has subscribed. Phoenix.PubSub, with the patterns of noex's EventBus.
//
//     co_await PubSub::start_link(self, "events");
//     co_await PubSub::subscribe(self, "events", "orders.*");
//     PubSub::publish("events", "orders.created", OrderCreated{17});   // to each a copy
//     auto order = co_await self.receive<OrderCreated>();
//
// A topic is a text of segments, which `.`, `:` or `/` separate. In a pattern a `*` stands for one
// segment, and at the end for all that follow, one or more: `*` alone is every topic.
//
// The publisher delivers by itself, without a hop over the bus: its messages arrive at a subscriber
// in order, all that were published after subscribe has returned, and none that were published
// after unsubscribe has. A process with several fitting subscriptions gets a copy for each. Between
// publishers there is an order only on topics that keep messages: there everybody sees the same.
//
// Subscriptions end with the subscriber. They end too, silently, when the bus crashes; whoever must
// know monitors it. Every function throws where there is no such bus: ErrorException{badarg} if it
// asks nobody, CallException if it is awaited; and ErrorException{badarg} for a topic that is
// empty, longer than max_topic_length or of more than max_topic_segments.
class PubSub {
 public:
  static constexpr std::size_t max_topic_length = 1'024;
  // A walk may branch at each segment with a pattern's `*`: this bounds it.
  static constexpr std::size_t max_topic_segments = 16;

  // A bus, registered under its name and linked to the caller. Throws StartException.
  static Async<Pid> start_link(Process& self, Name bus);
  // As a child of a supervisor.
  static ChildSpec spec(Name bus);

  static Async<> subscribe(Process& self, Name bus, std::string pattern,
                           SubscribeOptions options = {});
  // Ends all subscriptions of the caller with exactly this pattern. False: there was none.
  static Async<bool> unsubscribe(Process& self, Name bus, std::string pattern);

  // Sends a copy to every subscriber: how many that were. Waits for nobody.
  template <Message M>
    requires std::copy_constructible<M>
  static std::size_t publish(Name bus, std::string_view topic, const M& message) {
    return detail::publish(bus, topic, &message, detail::bus_event_type<M>, Pid{});
  }
  static std::size_t publish(Name bus, std::string_view topic, const char* text) {
    return publish(bus, topic, std::string{text});
  }
  // The same, but not to the caller. Phoenix: broadcast_from.
  template <Message M>
    requires std::copy_constructible<M>
  static std::size_t publish_from(Process& self, Name bus, std::string_view topic,
                                  const M& message) {
    return detail::publish(bus, topic, &message, detail::bus_event_type<M>, self.pid());
  }

  // From now on the topic keeps its last messages for new subscribers, and tells the caller of its
  // first and its last subscriber; at once, if it has some. Until close, or the caller's end.
  // False: another process has opened it. The caller itself may open it anew, with other options.
  static Async<bool> open(Process& self, Name bus, std::string topic, TopicOptions options);
  static Async<bool> close(Process& self, Name bus, std::string topic);

  // How many copies a publish to the topic would send.
  static std::size_t subscriber_count(Name bus, std::string_view topic);
  // The patterns that have subscribers, in no particular order.
  static std::vector<std::string> patterns(Name bus);
};

}  // namespace troupe
