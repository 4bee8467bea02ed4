// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// One request of a connection: whether there is memory for it, and who answers it.
#include <csignal>
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
                                     state_.database(), state_.version(),
                                     server_->options.max_reply_bytes);
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

}  // namespace greenroom
