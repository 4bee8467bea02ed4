// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/connection.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include "server/connection_process.hpp"
#include "server/keyspace.hpp"
#include "server/memory_keeper.hpp"
#include "server/session_events.hpp"
#include "server/settings.hpp"
#include "server/statistics.hpp"
#include "server/users.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t read_bytes = 16 * 1024;
// Replies are written when so many requests are under way or so many bytes are ready.
constexpr std::size_t max_pending = 1'024;
constexpr std::size_t max_output = 1u << 20;
// At first, while the size of the values is not known.
constexpr std::size_t first_values_pending = 16;
// A client that takes none of its replies for this long is dropped.
constexpr Duration write_limit = 60s;
// And looks so often whether it was told to end.
constexpr Duration write_slice = 1s;
// A connection's stream is handed over at once after its process was started; on a machine that
// stands still in between, a client would be dropped for nothing.
constexpr Duration stream_limit = 60s;
constexpr Duration handshake_limit = 10s;

// What a process that listens to channels wakes up for.
struct Woken {
  std::optional<Publication> publication;
  bool may_read = false;
};

}  // namespace

void ConnectionEnd::deliver(Publication publication) {
  const std::size_t bytes = publication.bytes();
  const std::size_t waiting = waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (waiting > max_waiting_bytes) {
    troupe::exit(connection_, ExitReason{atoms::shutdown});
  } else {
    send(connection_, std::move(publication));
  }
}

RequestLimits Connection::limits_of(const ServeOptions& options) {
  RequestLimits limits;
  limits.max_bulk_bytes = options.max_value_bytes;
  return limits;
}

Connection::Connection(Process& self, ServerPtr server, net::Channel stream)
    : self_{self},
      server_{server},
      stream_{std::move(stream)},
      id_{server->clients.next_id()},
      state_{server->rules, id_, stream_.peer().host + ":" + std::to_string(stream_.peer().port),
             server->options.bind + ":" +
                 std::to_string(stream_.is_encrypted() ? server->tls_port : server->port),
             now_ms()},
      parser_{limits_of(server->options)},
      buffer_(read_bytes),
      values_limit_{first_values_pending},
      end_{std::make_shared<ConnectionEnd>(self.pid())},
      subscriptions_{server->house.channels, id_, end_} {
  parser_.set_peer(state_.peer());
  state_.set_buffers(buffer_.size());
  server_->clients.add(self.pid(), state_.facts());
}

Connection::~Connection() {
  unwatch();
  server_->clients.remove(id_);
}

// A connection that is told to end answers first what has come: while it is at work it traps exits,
// and while it waits it has nothing to answer, and may be ended as it is.
//
// A read that fills a part of the buffer has taken all there was, and a watch that begins
// afterwards says so if more has come by then, or the end: so it waits at once, where to try again,
// only to hear that there is nothing, was a system call for each command. TLS may hold more back.
Async<> Connection::run() {
  bool is_drained = false;
  bool is_ending = false;
  while (!closing_) {
    if (is_drained) {
      if (is_ending) co_return;
      // First not to trap, then to look: what comes between the two ends it.
      self_.trap_exits(false);
      const auto told_to_end = co_await self_.receive<Exit>(0ms);
      is_ending = told_to_end || server_->is_draining;
      if (!is_ending) co_await wait_for_input();  // else a last look at what has come
      self_.trap_exits(true);
      is_drained = false;
      continue;
    }
    auto count = stream_.try_read(buffer_);
    is_drained = count ? *count < buffer_.size() && !stream_.is_encrypted()
                       : count.error().kind == net::ErrorKind::would_block;
    if (!count && is_drained) continue;
    if (!count || *count == 0) co_return;  // gone, as clients are
    counters().bytes_received.fetch_add(*count, std::memory_order_relaxed);
    co_await take(std::string_view{buffer_.data(), *count});
    co_await settle();
    // Before the answers leave: who has read its own id in one may be named by it from then on.
    tell_facts();
    co_await flush();
  }
}

void Connection::tell_facts() {
  state_.set_unread(parser_.pending_bytes());
  state_.set_buffers(buffer_.size() + parser_.memory_bytes() + out_.capacity());
  server_->clients.update(state_.facts());
}

// Until a read is worth trying. Who listens gets its messages meanwhile.
Async<> Connection::wait_for_input() {
  if (subscriptions_.count() == 0) {
    (void)co_await stream_.readable(self_);
    co_return;
  }
  auto notice = stream_.notify_readable(self_);
  while (!closing_) {
    Woken woken = co_await self_.receive(
        [](Publication publication) { return Woken{std::move(publication), false}; },
        [&](net::Readable message) { return Woken{std::nullopt, notice.matches(message)}; });
    if (woken.may_read) co_return;
    if (!woken.publication) continue;
    write(*woken.publication);
    co_await write_publications();
    co_await flush();
  }
}

void Connection::write(const Publication& publication) {
  end_->note_taken(publication.bytes());
  publication.write(out_, state_.version());
}

// Writes the messages that have come. They stand between replies, never within one.
Async<> Connection::write_publications() {
  while (out_.size() < max_output) {
    auto publication = co_await self_.receive<Publication>(0ms);
    if (!publication) co_return;
    write(*publication);
  }
}

// All of those that have come up to now, of which max_waiting_bytes is the limit: who leaves a
// channel is told before what was said on it, and nothing afterwards.
Async<> Connection::write_what_was_published() {
  for (std::size_t left = end_->waiting_bytes(); left > 0;) {
    auto publication = co_await self_.receive<Publication>(0ms);
    if (!publication) co_return;
    left -= std::min(left, publication->bytes());
    write(*publication);
  }
}

// Of who listens no more.
Async<> Connection::forget_publications() {
  for (;;) {
    auto publication = co_await self_.receive<Publication>(0ms);
    if (!publication) co_return;
    end_->note_taken(publication->bytes());
  }
}

// Every request in what has come. The parser's views point into the buffer, which nothing touches
// until they are used up.
Async<> Connection::take(std::string_view bytes) {
  parser_.feed(bytes);
  while (!closing_) {
    const ParseStep step = parser_.next();
    if (step == ParseStep::incomplete) co_return;
    if (step == ParseStep::failed) {
      co_await settle();
      ReplyWriter{out_, state_.version()}.error(parser_.error());
      closing_ = true;
      co_return;
    }
    co_await request(parser_.arguments());
    if (pending_.size() >= max_pending || values_pending_ >= values_limit_ ||
        out_.size() >= max_output) {
      co_await settle();
      co_await flush();
    }
  }
}

Async<> Connection::request(Words words) {
  if (words.empty()) co_return;
  counters().commands.fetch_add(1, std::memory_order_relaxed);
  if (server_->options.enable_debug_command && words.size() == 3 && words[0] == "DEBUG" &&
      words[1] == "PANIC" && state_.is_authenticated()) {
    co_await panic(words[2]);
    co_return;
  }
  // What is answered here must not overtake what is still under way; only then is there a wait.
  std::string reply;
  Verdict verdict = state_.take(words, now_ms(), reply);
  parser_.set_peer(state_.peer());
  if (takes_memory(verdict) && server_->house.is_full()) {
    const bool has_room = co_await greenroom::has_room(self_, server_);
    if (!has_room) verdict = refuse_for_memory(verdict, reply);
  }
  if (verdict.action == Verdict::Action::ask_key) {
    co_await ask(verdict);
    co_return;
  }
  co_await settle();
  if (subscriptions_.count() > 0) co_await write_publications();
  out_ += reply;
  if (verdict.action == Verdict::Action::answered) {
    if (reply.starts_with('-')) counters().errors.fetch_add(1, std::memory_order_relaxed);
    co_return;
  }
  std::string answer;
  const Duration began = self_.monotonic_time();
  co_await carry_out(verdict, answer);
  append_reply(answer, verdict.wants_reply);
  if (verdict.command != nullptr) {
    server_->slow_log.note(*verdict.command, verdict.words.size(), now_ms(),
                           (self_.monotonic_time() - began) / 1us, state_.facts().address,
                           state_.facts().name);
  }
}

// Whether the server's memory may grow by it. Of a transaction, whether one of its commands does.
bool Connection::takes_memory(const Verdict& verdict) const {
  switch (verdict.action) {
    case Verdict::Action::ask_key:
      // A lock on a session that is there takes little, and who has to change the session needs it.
      if (verdict.command->id == CommandId::sess_lock) {
        return !server_->house.sessions.find(storage_key(state_.database(), verdict.words[1]));
      }
      return verdict.command->has(flag_denyoom);
    case Verdict::Action::ask_keys:
    case Verdict::Action::ask_together:
      return verdict.command->has(flag_denyoom);
    case Verdict::Action::run_transaction:
      return state_.has_queued(flag_denyoom);
    default:
      return false;
  }
}

Verdict Connection::refuse_for_memory(const Verdict& verdict, std::string& reply) {
  const bool is_transaction = verdict.action == Verdict::Action::run_transaction;
  Verdict refused{.wants_reply = verdict.wants_reply};
  if (is_transaction) {
    (void)state_.take_transaction();
    refused.action = Verdict::Action::unwatch;
    refused.command = verdict.command;
  }
  if (!verdict.wants_reply) return refused;
  const std::string_view reason =
      is_transaction ? "EXECABORT Transaction discarded because of: " : "";
  ReplyWriter{reply, state_.version()}.error(std::string{reason} + std::string{out_of_memory});
  return refused;
}

void Connection::append_reply(const std::string& reply, bool is_wanted) {
  if (!is_wanted) return;
  if (reply.starts_with('-')) counters().errors.fetch_add(1, std::memory_order_relaxed);
  out_ += reply;
}

// Whatever needs more than the connection's own state, when nothing is under way any more.
Async<> Connection::carry_out(const Verdict& verdict, std::string& out) {
  using enum Verdict::Action;
  switch (verdict.action) {
    case close:
      closing_ = true;
      break;
    case drop:
      out_.clear();
      closing_ = true;
      break;
    case ask_server:
      out = answer_about_server(verdict);
      break;
    case ask_connections:
      out = answer_about_clients(verdict);
      break;
    case ask_channels:
      out = answer_about_channels(verdict);
      // What was said comes before the answer that one has left the channel, and one's own message
      // before the answer that it was sent, as in Redis.
      if (verdict.command->id == CommandId::unsubscribe ||
          verdict.command->id == CommandId::punsubscribe) {
        co_await write_what_was_published();
      } else if (verdict.command->id == CommandId::publish && subscriptions_.count() > 0) {
        co_await write_publications();
      }
      break;
    case ask_keyspace:
      out = co_await answer_keyspace(self_, house(), *verdict.command, verdict.words,
                                     state_.database(), state_.version());
      break;
    case ask_users:
      out = co_await answer_about_sessions(verdict);
      break;
    case ask_keys:
      out = co_await ask_several(verdict);
      break;
    case ask_together:
      out = co_await hold_and_apply(verdict);
      break;
    case Verdict::Action::watch:
      out = co_await Connection::watch(verdict);
      break;
    case run_transaction:
      out = co_await Connection::run_transaction();
      break;
    case reset:
      subscriptions_.clear();
      state_.set_subscriptions(0, 0);
      co_await forget_publications();
      Connection::unwatch();
      break;
    case Verdict::Action::unwatch:
      Connection::unwatch();
      break;
    case answered:
    case ask_key:
      break;
  }
}

Async<> Connection::flush() {
  if (out_.empty()) co_return;
  counters().bytes_sent.fetch_add(out_.size(), std::memory_order_relaxed);
  const bool is_written = co_await write_all();
  if (!is_written) closing_ = true;
  // A large reply must not keep its memory for the life of the connection. By swap: a string that
  // is assigned a short one keeps what it has.
  const bool was_large = out_.capacity() > max_output;
  if (was_large) std::string{}.swap(out_);
  out_.clear();
  if (was_large || state_.facts().unsent_bytes != 0) {
    state_.set_unsent(0);
    tell_facts();
  }
}

// A client that does not read keeps nobody from ending this connection, unless the server is ending
// in order and waits for the clients that do.
Async<bool> Connection::write_all() {
  std::optional<Duration> limit;  // when it will have taken nothing for too long
  std::string_view rest = out_;
  while (!rest.empty()) {
    auto count = stream_.try_write(rest);
    if (count) {
      rest.remove_prefix(*count);
      limit.reset();
      continue;
    }
    if (count.error().kind != net::ErrorKind::would_block) co_return false;
    if (!limit) limit = self_.monotonic_time() + write_limit;
    state_.set_unsent(rest.size());
    tell_facts();
    (void)co_await stream_.writable(self_, write_slice);
    if (self_.monotonic_time() >= *limit) co_return false;
    if (server_->is_draining) continue;
    const auto told_to_end = co_await self_.receive<Exit>(0ms);
    if (told_to_end) co_return false;
  }
  if (!stream_.is_encrypted()) co_return true;
  // TLS may hold the last record back.
  const auto written = co_await stream_.write(self_, {}, write_limit);
  co_return written.has_value();
}

std::string Connection::answer_about_server(const Verdict& verdict) {
  std::string answer;
  ReplyWriter reply{answer, state_.version()};
  const ServerFacts facts = gather_facts(self_, *server_.server);
  if (verdict.command->id == CommandId::config_set) {
    ServerSettings settings{*server_.server};
    answer_config_set(facts, verdict.words, settings, reply);
    return answer;
  }
  if (verdict.command->parent == CommandId::slowlog) {
    server_->slow_log.answer(*verdict.command, verdict.words, reply);
    return answer;
  }
  if (verdict.command->id == CommandId::config_resetstat) {
    counters().hits = 0;
    counters().misses = 0;
    counters().commands = 0;
    counters().expired = 0;
    counters().errors = 0;
  }
  answer_server(*verdict.command, verdict.words, facts, reply);
  // Every acknowledged write is on disk without it: what it makes is a backup.
  if (verdict.command->id == CommandId::bgsave && answer.starts_with('+')) {
    if (const Pid keeper = whereis(snapshot_keeper_name)) send(keeper, SnapshotWanted{});
  }
  // SHUTDOWN is what a signal asks for: everything is stopped in order, and this connection too.
  if (verdict.command->id == CommandId::shutdown && answer.empty()) std::raise(SIGTERM);
  return answer;
}

std::string Connection::answer_about_clients(const Verdict& verdict) {
  tell_facts();
  std::string answer;
  ReplyWriter reply{answer, state_.version()};
  std::vector<ClientFacts> clients = server_->clients.all();
  for (ClientFacts& client : clients) {
    client.is_blocked = house()->waiting_clients.contains(client.id);
  }
  for (std::uint64_t id :
       answer_connections(*verdict.command, verdict.words,
                          ClientsAsked{clients, *server_->rules, id_, now_ms()}, reply)) {
    if (id == id_) {
      closing_ = true;
    } else if (const Pid other = server_->clients.find(id)) {
      troupe::exit(other, ExitReason{atoms::shutdown});
    }
  }
  return answer;
}

Async<std::string> Connection::answer_about_sessions(const Verdict& verdict) {
  if (verdict.command->id == CommandId::sess_events) {
    co_await flush();  // It may wait, and what is answered already need not.
    co_return co_await answer_events(self_, house(), verdict.words, state_.version(), id_);
  }
  if (verdict.command->id == CommandId::sess_stats) {
    co_return co_await answer_statistics(self_, server_, state_.version());
  }
  co_return co_await answer_users(self_, house(), *verdict.command, verdict.words, asker(),
                                  state_.login());
}

std::string Connection::answer_about_channels(const Verdict& verdict) {
  std::string answer;
  ReplyWriter reply{answer, state_.version()};
  subscriptions_.answer(*verdict.command, verdict.words, reply);
  state_.set_subscriptions(subscriptions_.channels(), subscriptions_.patterns());
  return answer;
}

// DEBUG PANIC key: crashes the key's process.
Async<> Connection::panic(std::string_view key) {
  co_await settle();
  const Pid pid = server_->house.find(storage_key(state_.database(), key));
  ReplyWriter reply{out_, state_.version()};
  if (!pid) {
    reply.error("ERR no such key");
    co_return;
  }
  auto answer = co_await try_call(self_, ServerRef<SessionServer>{pid}, SessionServer::Panic{});
  reply.error(answer ? "ERR it did not crash" : "ERR the session crashed, as asked");
}

Async<> connection(Process& self, ServerPtr server) {
  auto client = co_await self.receive<NewClient>(stream_limit);
  if (!client) co_return;
  const OpenConnection counted = std::move(client->counted);
  net::Channel channel;
  if (client->tls) {
    auto secured = co_await net::Channel::accept_tls(self, std::move(client->stream),
                                                     std::move(client->tls), handshake_limit);
    if (!secured) co_return;
    channel = std::move(*secured);
  } else {
    channel = net::Channel{std::move(client->stream)};
  }
  self.trap_exits(true);
  Connection connection{self, server, std::move(channel)};
  co_await connection.run();
}

}  // namespace greenroom
