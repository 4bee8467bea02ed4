// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <utility>

#include "resp/error_text.hpp"
#include "resp/multi_key.hpp"
#include "resp/number.hpp"
#include "security/digest.hpp"
#include "server/connection_process.hpp"
#include "server/key_locks.hpp"
#include "server/users.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_output = 1u << 20;
// Replies that carry values wait in memory until it is their turn, so that fewer of those requests
// are under way the larger such replies have been.
constexpr std::size_t max_values_pending = 64;
// While their size is not known, so few.
constexpr std::size_t first_width = 4;

// A watched key has a process, also where it does not exist, and no limit of memory counts it.
constexpr std::size_t max_watched = 65'536;

// How often a command on a lock that is not answered is looked at: whether it waits its turn.
constexpr Duration look_for_wait = 100ms;

constexpr const char* unreachable = "-ERR a session cannot be reached now\r\n";

// Whether the reply may be as large as a value, as against a number or OK.
bool may_carry_value(const CommandSpec& command, std::span<const std::string_view> words) {
  if (command.has(flag_readonly)) return true;
  switch (command.id) {
    case CommandId::getdel:
    case CommandId::getex:
    case CommandId::getset:
    case CommandId::spop:
      return true;
    case CommandId::set:
      return words.size() > 3;  // it may have the option GET
    default:
      return false;
  }
}

using error_text::too_large_reply;

// The key of a session that SESS.CREATE makes: the id behind the prefix is 128 bits from the
// system.
std::string new_key(std::string_view prefix) {
  return std::string{prefix} + random_hexadecimal(32);
}

// The same for one that waits for EXEC, before its key is held.
void choose_key(QueuedCommand& create) {
  const CommandWords asked{create.words};
  std::vector<std::string_view> words{asked.view().begin(), asked.view().end()};
  const std::string key = new_key(words[1]);
  words[1] = key;
  create.words = pack_command(create.command->id, words);
}

// The keys of all queued requests, in the databases that they will choose.
std::vector<std::string> keys_of(const std::vector<QueuedCommand>& queue, std::uint8_t database) {
  constexpr std::int64_t databases = 16;
  std::vector<std::string> keys;
  for (const QueuedCommand& queued : queue) {
    const CommandWords words{queued.words};
    if (queued.command->id == CommandId::select) {
      const auto index = parse_integer(words.view()[1]);
      if (index && *index >= 0 && *index < databases) database = static_cast<std::uint8_t>(*index);
    }
    for (std::string& key : keys_to_hold(*queued.command, words.view(), database)) {
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

}  // namespace

ApplyContext Connection::apply_context() const {
  return ApplyContext{.now_ms = now_ms(),
                      .now_us = self_.system_time() / 1us,
                      .version = state_.version(),
                      .max_string_bytes = server_->house.max_value_bytes,
                      .counts_as_access = !state_.is_no_touch(),
                      .client = id_,
                      .random = self_.random()};
}

KeyRequest::Asker Connection::asker() const {
  return KeyRequest::Asker{id_, state_.version(), !state_.is_no_touch(), true};
}

Async<> Connection::ask(const Verdict& verdict) {
  if (verdict.command->id == CommandId::sess_create) co_return co_await create_session(verdict);
  if (may_carry_value(*verdict.command, verdict.words)) ++values_pending_;
  Pending& pending = pending_.emplace_back(
      KeyRequest{house(), *verdict.command, verdict.words, state_.database(), asker()},
      verdict.wants_reply);
  co_await send_in_order(pending.request);
}

// Two commands of this client on one key must not change places. They cannot while both go to the
// same process; if the key's process has changed since the last one was sent, that one has to be
// answered first.
Async<> Connection::send_in_order(KeyRequest& request) {
  const std::uint64_t bit = std::uint64_t{1}
                            << (std::hash<std::string>{}(request.storage_key()) % 64);
  if ((keys_under_way_ & bit) != 0) {
    const Pid destination = request.destination();
    for (Pending& pending : pending_) {
      KeyRequest& other = pending.request;
      if (&other == &request || other.storage_key() != request.storage_key()) continue;
      if (other.sent_to() == destination && destination) continue;
      std::string reply = co_await other.reply(self_);
      other.keep(std::move(reply));
    }
  }
  keys_under_way_ |= bit;
  co_await request.send(self_);
}

// Waits for every reply that is under way, in the order of the requests.
Async<> Connection::settle() {
  std::size_t largest = 0;
  while (!pending_.empty()) {
    Pending& pending = pending_.front();
    std::string reply;
    if (pending.request.may_wait_for_lock()) {
      reply = co_await reply_of_lock(pending.request);
    } else {
      reply = co_await pending.request.reply(self_);
    }
    largest = std::max(largest, reply.size());
    append_reply(reply, pending.wants_reply);
    pending_.pop_front();
  }
  keys_under_way_ = 0;
  values_pending_ = 0;
  if (largest != 0) {
    values_limit_ = std::clamp<std::size_t>(max_output / largest, 1, max_values_pending);
  }
}

// What is told to end answers first what has come; but whoever waits for somebody else's lock ends
// at once, because that may take a minute. Nobody says that the wait begins, so that it is looked
// for while the session does not answer.
Async<std::string> Connection::reply_of_lock(KeyRequest& request) {
  while (!house()->waiting_clients.contains(id_)) {
    std::string reply = co_await request.reply(self_, look_for_wait);
    if (!reply.empty()) co_return reply;
  }
  co_await flush();  // what is answered already need not wait
  // First not to trap, then to look: what comes between the two ends it.
  self_.trap_exits(false);
  const auto told_to_end = co_await self_.receive<Exit>(0ms);
  if (told_to_end) self_.exit(told_to_end->reason);
  std::string reply = co_await request.reply(self_);
  self_.trap_exits(true);
  co_return reply;
}

// A command that reads several keys, each from its owner.
Async<std::string> Connection::ask_several(const Verdict& verdict) {
  const std::uint64_t begun = house()->together_begun.load();
  if (house()->together_done.load() == begun) {
    auto reply = co_await gather(verdict);
    if (reply && house()->together_begun.load() == begun) co_return std::move(*reply);
    if (!reply) co_return too_large_reply(server_->options.max_reply_bytes);
  }
  // Somebody writes several keys at the same time, and half of that might be in the reply.
  co_return co_await hold_and_apply(verdict);
}

// A few at a time, because the values may be large; nothing if together they are too large.
Async<std::optional<std::string>> Connection::gather(const Verdict& verdict) {
  const std::size_t keys = count_keys(*verdict.command, verdict.words.size());
  MergedReply merged{verdict.command->merge, keys};
  std::deque<KeyRequest> under_way;
  std::size_t asked = 0;
  std::size_t bytes = 0;
  std::size_t width = first_width;
  for (std::size_t answered = 0; answered < keys; ++answered) {
    while (asked < keys && under_way.size() < width) {
      const KeyPart share{*verdict.command, verdict.words, asked++};
      KeyRequest& part = under_way.emplace_back(house(), *verdict.command, share.words(),
                                                state_.database(), asker());
      co_await part.send(self_);
    }
    std::string reply = co_await under_way.front().reply(self_);
    under_way.pop_front();
    bytes += reply.size();
    if (bytes > server_->options.max_reply_bytes) co_return std::nullopt;
    const std::size_t average = bytes / (answered + 1) + 1;
    width = std::clamp<std::size_t>(max_output / average, 1, max_values_pending);
    merged.add(answered, std::move(reply));
  }
  std::string out;
  merged.finish(out, state_.version());
  co_return out;
}

Async<std::string> Connection::hold_and_apply(const Verdict& verdict) {
  KeyLocks locks{self_, house()};
  const bool held =
      co_await locks.hold(keys_to_hold(*verdict.command, verdict.words, state_.database()));
  if (!held) co_return unreachable;
  std::string out;
  apply_held(*verdict.command, verdict.words, state_.database(), locks.keys(), apply_context(),
             out);
  std::string error = co_await locks.commit();
  if (!error.empty()) co_return error;
  if (out.size() > server_->options.max_reply_bytes) {
    co_return too_large_reply(server_->options.max_reply_bytes);
  }
  co_return out;
}

// SESS.CREATE prefix value.
Async<> Connection::create_session(const Verdict& verdict) {
  const std::string key = new_key(verdict.words[1]);
  std::vector<std::string_view> words{verdict.words.begin(), verdict.words.end()};
  words[1] = key;
  Pending& pending = pending_.emplace_back(
      KeyRequest{house(), *verdict.command, words, state_.database(), asker()},
      verdict.wants_reply);
  co_await send_in_order(pending.request);
}

// --- Transactions.

Async<std::string> Connection::watch(const Verdict& verdict) {
  if (watched_.size() + verdict.words.size() - 1 > max_watched) {
    co_return "-ERR too many keys are watched by one connection\r\n";
  }
  for (std::string_view key : verdict.words.subspan(1)) {
    std::string stored = storage_key(state_.database(), key);
    if (watched_.contains(stored)) continue;
    const bool watching = co_await watch_key(self_, house(), stored);
    if (!watching) co_return unreachable;
    watched_.insert(std::move(stored));
  }
  co_return "+OK\r\n";
}

void Connection::unwatch() {
  for (const std::string& key : watched_) {
    if (const Pid owner = server_->house.find(key)) {
      send(owner, SessionServer::Unwatch{self_.pid()});
    }
  }
  watched_.clear();
}

Async<std::string> Connection::run_transaction() {
  std::vector<QueuedCommand> queue = state_.take_transaction();
  for (QueuedCommand& queued : queue) {
    if (queued.command->id == CommandId::sess_create) choose_key(queued);
  }
  std::vector<std::string> keys = keys_of(queue, state_.database());
  keys.insert(keys.end(), watched_.begin(), watched_.end());
  KeyLocks locks{self_, house()};
  const bool held = co_await locks.hold(std::move(keys));
  bool touched = false;
  for (const std::string& key : watched_) touched |= locks.was_touched(key);
  unwatch();
  if (!held) co_return unreachable;
  if (touched) {
    std::string out;
    ReplyWriter{out, state_.version()}.null_array();
    co_return out;
  }
  co_return co_await run_held(std::move(queue), locks);
}

Async<std::string> Connection::run_held(std::vector<QueuedCommand> queue, KeyLocks& locks) {
  std::string out;
  ReplyWriter{out, state_.version()}.array(queue.size());
  for (const QueuedCommand& queued : queue) {
    const CommandWords words{queued.words};
    const Verdict verdict = state_.run_queued(*queued.command, words.view(), out);
    switch (verdict.action) {
      case Verdict::Action::ask_key:
      case Verdict::Action::ask_keys:
      case Verdict::Action::ask_together:
        apply_held(*verdict.command, verdict.words, state_.database(), locks.keys(),
                   apply_context(), out);
        break;
      default: {
        std::string answer;
        co_await carry_out(verdict, answer);
        out += answer;
      }
    }
  }
  std::string error = co_await locks.commit();
  if (!error.empty()) co_return error;
  // What was done stands; what it answers does not fit.
  if (out.size() > server_->options.max_reply_bytes) {
    co_return too_large_reply(server_->options.max_reply_bytes);
  }
  co_return out;
}

}  // namespace greenroom
