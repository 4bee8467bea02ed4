// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/tls.hpp>

#include "resp/channels.hpp"
#include "resp/connection_state.hpp"
#include "resp/parser.hpp"
#include "server/key_request.hpp"
#include "server/server.hpp"

namespace greenroom {

class ConnectionEnd;
class KeyLocks;

// What a connection's process does; see connection.hpp for the outside. Private to server/.
//
// Requests on keys are sent off as they are parsed and stay `pending_`; anything else first settles
// what is pending, so that replies leave in the order of the requests. A connection that listens to
// channels waits for messages and for its socket at once, and writes messages between replies.
class Connection {
 public:
  Connection(troupe::Process& self, ServerPtr server, troupe::net::Channel stream);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  troupe::Async<> run();

 private:
  using Words = std::span<const std::string_view>;

  // A request whose reply is not yet in the output.
  struct Pending {
    KeyRequest request;
    bool wants_reply = true;
  };

  static RequestLimits limits_of(const ServeOptions& options);
  Counters& counters() { return server_->house.counters; }
  HouseRef house() { return HouseRef{&server_->house}; }
  std::int64_t now_ms() const { return self_.system_time() / std::chrono::milliseconds{1}; }

  // connection.cpp: the socket.
  troupe::Async<> wait_for_input();
  troupe::Async<> take(std::string_view bytes);
  void write(const Publication& publication);
  troupe::Async<> write_publications();
  troupe::Async<> write_what_was_published();
  troupe::Async<> forget_publications();
  troupe::Async<> flush();
  troupe::Async<bool> write_all();
  void tell_facts();

  // connection_requests.cpp: who answers what.
  troupe::Async<> request(Words words);
  troupe::Async<> carry_out(const Verdict& verdict, std::string& out);
  void append_reply(const std::string& reply, bool is_wanted);
  std::string answer_about_server(const Verdict& verdict);
  std::string answer_about_clients(const Verdict& verdict);
  std::string answer_about_channels(const Verdict& verdict);
  troupe::Async<std::string> answer_about_sessions(const Verdict& verdict);
  bool takes_memory(const Verdict& verdict) const;
  Verdict refuse_for_memory(const Verdict& verdict, std::string& reply);
  troupe::Async<> panic(std::string_view key);

  // connection_keys.cpp: commands on keys.
  KeyRequest::Asker asker() const;
  troupe::Async<> ask(const Verdict& verdict);
  troupe::Async<> create_session(const Verdict& verdict);
  troupe::Async<> send_in_order(KeyRequest& request);
  troupe::Async<> settle();
  troupe::Async<std::string> reply_of_lock(KeyRequest& request);
  troupe::Async<std::string> ask_several(const Verdict& verdict);
  troupe::Async<std::optional<std::string>> gather(const Verdict& verdict);
  troupe::Async<std::string> hold_and_apply(const Verdict& verdict);
  troupe::Async<std::string> watch(const Verdict& verdict);
  void unwatch();
  troupe::Async<std::string> run_transaction();
  troupe::Async<std::string> run_held(std::vector<QueuedCommand> queue, KeyLocks& locks);
  ApplyContext apply_context() const;

  troupe::Process& self_;
  ServerPtr server_;
  troupe::net::Channel stream_;
  std::uint64_t id_;
  ConnectionState state_;
  RequestParser parser_;
  std::vector<char> buffer_;
  std::string out_;
  std::deque<Pending> pending_;       // a deque, because requests must stay where they are
  std::uint64_t keys_under_way_ = 0;  // a bit per key hash: most keys need no look at the rest
  std::size_t values_pending_ = 0;    // requests under way whose replies may carry values
  std::size_t values_limit_;
  std::shared_ptr<ConnectionEnd> end_;
  Subscriptions subscriptions_;
  std::set<std::string> watched_;  // storage keys
  bool closing_ = false;
};

// A process' end of its subscriptions: a publication becomes a message to it, unless so many bytes
// of them wait already that the client evidently does not read; then the connection is closed, as
// Redis does, because what it missed could not be told.
class ConnectionEnd final : public SubscriberEnd {
 public:
  static constexpr std::size_t max_waiting_bytes = 32u << 20;  // Redis: the same, for pubsub.

  explicit ConnectionEnd(troupe::Pid connection) : connection_{connection} {}
  void deliver(Publication publication) override;
  std::size_t waiting_bytes() const { return waiting_bytes_.load(std::memory_order_relaxed); }
  void note_taken(std::size_t bytes) { waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  troupe::Pid connection_;
  // Relaxed: a bound that is a moment out of date is as good.
  std::atomic<std::size_t> waiting_bytes_{0};
};

}  // namespace greenroom
