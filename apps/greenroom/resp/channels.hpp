// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"

namespace greenroom {

// One message on a channel, as a subscriber gets it.
struct Publication {
  std::shared_ptr<const std::string> channel;  // Shared by all who get it.
  std::shared_ptr<const std::string> payload;
  std::string pattern;      // The pattern it came by,
  bool by_pattern = false;  // if it came by one.

  std::size_t bytes() const { return channel->size() + payload->size() + pattern.size() + 32; }
  // RESP3: a push; RESP2: an array.
  void write(std::string& out, RespVersion version) const;
};

// Where a subscriber's messages go. Called from any thread, with the channels locked: it must not
// wait, nor call back. A connection's sends a message to its process.
class SubscriberEnd {
 public:
  virtual ~SubscriberEnd() = default;
  virtual void deliver(Publication publication) = 0;
};

// Who listens to which channel, of one server. For any number of threads: a publisher reads, and
// two of them do not wait for each other.
//
// Messages of one publisher on one channel reach each subscriber in order. As in Redis, nothing is
// kept for who is not there, and the database does not matter.
class Channels {
 public:
  using Names = std::set<std::string, std::less<>>;

  void subscribe(std::string_view channel, std::uint64_t client,
                 std::shared_ptr<SubscriberEnd> end);
  void unsubscribe(std::string_view channel, std::uint64_t client);
  void subscribe_pattern(std::string_view pattern, std::uint64_t client,
                         std::shared_ptr<SubscriberEnd> end);
  void unsubscribe_pattern(std::string_view pattern, std::uint64_t client);

  // Nobody listens to anything: what a publisher asks first, without a lock.
  bool is_quiet() const { return listeners_.load(std::memory_order_relaxed) == 0; }

  // How many got it; who listens by two patterns gets it twice.
  std::size_t publish(std::string_view channel, std::string_view payload) const;

  std::vector<std::string> channels(std::string_view pattern) const;
  std::size_t subscribers(std::string_view channel) const;
  std::size_t patterns() const;
  std::size_t channel_count() const;

 private:
  using Ends = std::map<std::uint64_t, std::shared_ptr<SubscriberEnd>>;
  using Topics = std::map<std::string, Ends, std::less<>>;

  void add(Topics& topics, std::string_view name, std::uint64_t client,
           std::shared_ptr<SubscriberEnd> end);
  void remove(Topics& topics, std::string_view name, std::uint64_t client);

  mutable std::shared_mutex lock_;
  Topics channels_;
  Topics patterns_;
  // Relaxed: a publisher that is a moment late or early is one that published a moment earlier.
  std::atomic<std::size_t> listeners_{0};
};

// What one connection listens to; ends with it.
class Subscriptions {
 public:
  // A connection may not listen to more; memory per connection is bounded.
  static constexpr std::size_t max_names = 65'536;

  Subscriptions(Channels& channels, std::uint64_t client, std::shared_ptr<SubscriberEnd> end)
      : channels_{channels}, client_{client}, end_{std::move(end)} {}
  ~Subscriptions() { clear(); }
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  std::size_t channels() const { return names_.size(); }
  std::size_t patterns() const { return patterns_.size(); }
  std::size_t count() const { return names_.size() + patterns_.size(); }

  // Answers SUBSCRIBE, PSUBSCRIBE and their opposites, PUBLISH and PUBSUB to a whole request.
  void answer(const CommandSpec& command, std::span<const std::string_view> words,
              ReplyWriter& reply);
  // Stops listening, without a word: RESET.
  void clear();

 private:
  using Words = std::span<const std::string_view>;

  void subscribe(const CommandSpec& command, Words words, ReplyWriter& reply);
  void unsubscribe(const CommandSpec& command, Words words, ReplyWriter& reply);
  void unsubscribe_one(const CommandSpec& command, std::string_view name, ReplyWriter& reply);

  Channels& channels_;
  std::uint64_t client_;
  std::shared_ptr<SubscriberEnd> end_;
  Channels::Names names_;
  Channels::Names patterns_;
};

}  // namespace greenroom
