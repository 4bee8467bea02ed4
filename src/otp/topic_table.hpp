// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/pubsub.hpp>

#include "base/flat_map.hpp"

namespace troupe::detail {

// The subscriptions of a bus. Publishers read them under a shared lock while they deliver, which
// waits for nobody; the bus process alone writes, under the exclusive one. So a subscription is in
// before or after a publish as a whole, and once it is out nothing comes any more.
//
// Patterns are a tree by segment. A segment carries the separator before it, so that `a.b` and
// `a:b` differ, and `*` is a segment like others, since no topic has it:
//
//     orders.*.paid      "orders" -> ".*" -> ".paid"      one segment in the middle
//     orders.*           "orders" -> ".*", in `rest`      all that follow
//
// A topic that keeps messages has a lock of its own, which orders its publishers.
class TopicTable {
 public:
  // How often a process has subscribed with a pattern, in each form.
  struct Subscription {
    std::uint32_t plain = 0;
    std::uint32_t with_topic = 0;
    std::uint32_t total() const noexcept { return plain + with_topic; }
  };

  // Throws ErrorException{badarg} for a text that is no topic (or, where that may be, no pattern).
  enum class May : std::uint8_t { be_topic, be_pattern };
  static void check(std::string_view text, May what);
  static bool matches(std::string_view pattern, std::string_view topic);

  std::size_t publish(std::string_view topic, const void* message, const EventType& type,
                      Pid except) const;
  std::size_t subscriber_count(std::string_view topic) const;
  std::vector<std::string> patterns() const;

  // Sends the replay first, under the same lock.
  void subscribe(std::string_view pattern, Pid pid, SubscribeOptions options);
  // How many subscriptions that were.
  std::uint32_t unsubscribe(std::string_view pattern, Pid pid);

  // Lets a topic keep its last `replay` messages; what it has kept stays as far as that allows.
  void keep(std::string_view topic, std::size_t replay);
  void forget(std::string_view topic);

 private:
  using Subscribers = FlatMap<Pid, Subscription>;
  struct Node {
    FlatMap<std::string, std::unique_ptr<Node>> next;
    Subscribers here;
    Subscribers rest;
    bool is_empty() const noexcept { return next.empty() && here.empty() && rest.empty(); }
  };
  struct KeptMessage {
    std::shared_ptr<const void> message;
    const EventType* type;
  };
  struct KeptTopic {
    std::mutex lock;
    std::deque<KeptMessage> last;
    std::size_t limit = 0;
  };

  static std::uint32_t remove(Node& node, std::string_view pattern, Pid pid);
  static void list(const Node& node, std::string& path, std::vector<std::string>& patterns);

  // Shared locks of the C library prefer readers, and publishers without end would keep writers
  // out: whoever wants the lock passes the gate, at which a writer waits for the readers inside.
  std::shared_lock<std::shared_mutex> lock_to_read() const {
    const std::lock_guard guard{gate_};
    return std::shared_lock{lock_};
  }
  std::unique_lock<std::shared_mutex> lock_to_write() {
    const std::lock_guard guard{gate_};
    return std::unique_lock{lock_};
  }

  mutable std::mutex gate_;
  mutable std::shared_mutex lock_;
  Node root_;
  FlatMap<std::string, std::unique_ptr<KeptTopic>> kept_;
};

}  // namespace troupe::detail
