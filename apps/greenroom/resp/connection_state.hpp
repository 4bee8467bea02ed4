// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/client_facts.hpp"
#include "resp/command_table.hpp"
#include "resp/login.hpp"
#include "resp/packed_command.hpp"
#include "resp/parser.hpp"
#include "resp/reply_writer.hpp"
#include "resp/server_rules.hpp"

namespace greenroom {

// What the driver of a connection has to do about one request.
struct Verdict {
  enum class Action : std::uint8_t {
    answered,         // Done: the reply, if any, has been appended.
    close,            // Send what was appended, then close.
    drop,             // Close at once, send nothing.
    ask_server,       // INFO, CONFIG: gather ServerFacts, then answer_server().
    ask_connections,  // CLIENT LIST, KILL: gather ClientFacts of all, then answer_connections().
    ask_key,          // Send the request to the process of `words[command->key_at(0)]`.
    ask_keys,         // Send a KeyPart to the process of each key, make a MergedReply.
    ask_together,     // Hold all keys, then apply_held().
    ask_keyspace,     // DBSIZE, KEYS, SCAN, FLUSHALL and so on, for database().
    ask_users,        // SESS.USER.*, SESS.STATS.
    ask_channels,     // Subscriptions::answer(), then set_subscriptions().
    watch,            // Watch the keys, then answer OK.
    unwatch,          // Answered; forget the keys that are watched.
    run_transaction,  // Hold the keys of take_transaction(), run_queued() each; unwatch.
    reset,            // Answered; forget subscriptions and watched keys.
  };

  Action action = Action::answered;
  const CommandSpec* command = nullptr;     // Set for all that is not answered already.
  std::span<const std::string_view> words;  // The request, or what a script became.
  bool wants_reply = true;                  // False: the request is done, its reply thrown away.
};

// A request that waits for EXEC.
struct QueuedCommand {
  const CommandSpec* command;
  PackedCommand words;
};

// All that the protocol remembers about one connection, and the commands that need no more than
// that: a state machine from requests to replies and verdicts, without I/O, time or processes.
//
// It checks every request in Redis' order: is the command known, is the number of words right, may
// this client, and who answers. What passes has a valid number of words. Replies must reach the
// client in the order of the requests; that is the driver's part.
//
// Between MULTI and EXEC requests are checked as ever, and kept. A connection that listens to
// channels and speaks RESP2 may do little else, because its replies and messages look alike.
//
// Until a connection has authenticated, where the rules have a password, only AUTH, HELLO, QUIT and
// RESET are served. After each request, tell the parser peer(): AUTH may have changed it.
class ConnectionState {
 public:
  ConnectionState(std::shared_ptr<const ServerRules> rules, std::uint64_t id, std::string address,
                  std::string local_address, std::int64_t now_ms);

  // Takes one request, not empty; appends to `out` whatever can be said at once. The verdict's
  // words are valid as long as the request's are, and until the next call.
  Verdict take(std::span<const std::string_view> words, std::int64_t now_ms, std::string& out);

  // After Action::run_transaction: the requests to run, in order. Ends the transaction.
  std::vector<QueuedCommand> take_transaction();
  // Whether one of the requests that wait for EXEC has the flag.
  bool has_queued(CommandFlag flag) const;
  // Carries out a queued request: as take(), but it was checked and is not queued again.
  Verdict run_queued(const CommandSpec& command, std::span<const std::string_view> words,
                     std::string& out);

  // What it listens to now.
  void set_subscriptions(std::size_t channels, std::size_t patterns);

  RespVersion version() const { return facts_.version; }
  std::uint8_t database() const { return facts_.database; }
  std::uint64_t id() const { return facts_.id; }
  bool is_authenticated() const { return login_.is_done(); }
  const Login& login() const { return login_; }
  bool is_no_touch() const { return facts_.is_no_touch; }
  Peer peer() const { return login_.is_done() ? Peer::authenticated : Peer::anonymous; }

  // The driver's buffers, as CLIENT LIST and CLIENT INFO show them.
  void set_unread(std::size_t bytes) { facts_.unread_bytes = bytes; }
  void set_unsent(std::size_t bytes) { facts_.unsent_bytes = bytes; }
  void set_buffers(std::size_t bytes) { facts_.buffer_bytes = bytes; }

  // For CLIENT LIST.
  const ClientFacts& facts() const { return facts_; }

 private:
  using Words = std::span<const std::string_view>;

  // CLIENT REPLY: whether replies are sent, and for SKIP, that the next one is not.
  enum class Replies : std::uint8_t { on, off, skip_next, skip_this };

  std::expected<const CommandSpec*, std::string> find(Words words) const;
  std::optional<std::string> refusal_among_messages(const CommandSpec& command) const;
  Verdict refuse(Words words, std::string_view reason, ReplyWriter& reply);
  bool queue(const CommandSpec& command, Words words, ReplyWriter& reply);
  Verdict answer_exec(const CommandSpec& command, std::string& out);
  Verdict answer_script(const CommandSpec& command, Words words, std::string& out);
  Verdict run_script(const CommandSpec& command, Words words, std::string& out);
  Verdict dispatch(const CommandSpec& command, Words words, std::string& out);
  Verdict answer(const CommandSpec& command, Words words, std::string& out);
  void answer_client(const CommandSpec& command, Words words, ReplyWriter& reply);
  void answer_auth(Words words, ReplyWriter& reply);
  void answer_hello(Words words, std::string& out);
  void answer_select(Words words, ReplyWriter& reply);
  void answer_setinfo(Words words, ReplyWriter& reply);
  void answer_client_reply(Words words, ReplyWriter& reply);
  void answer_ping(Words words, ReplyWriter& reply);
  bool authenticate(std::string_view user, std::string_view password, ReplyWriter& reply);
  void reset();
  void step_replies();

  std::shared_ptr<const ServerRules> rules_;
  ClientFacts facts_;
  std::int64_t now_ms_;
  Login login_;
  Replies replies_ = Replies::on;
  bool in_transaction_ = false;
  bool is_broken_ = false;  // A request behind MULTI was wrong: EXEC will not.
  std::size_t queued_bytes_ = 0;
  std::vector<QueuedCommand> queue_;
  std::vector<std::string_view> script_words_;
};

}  // namespace greenroom
