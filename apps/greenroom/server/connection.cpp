// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/connection.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "resp/multi_key.hpp"
#include "resp/parser.hpp"
#include "server/key_request.hpp"
#include "server/keyspace.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t read_bytes = 16 * 1024;
// Replies are written when so many requests are under way or so many bytes are ready.
constexpr std::size_t max_pending = 1'024;
constexpr std::size_t max_output = 1u << 20;
// Replies that carry values wait in memory until it is their turn, so that fewer of those requests
// are under way the larger such replies have been; at first, while that is not known, these few.
constexpr std::size_t max_values_pending = 64;
constexpr std::size_t first_values_pending = 16;
// A client that takes none of its replies for this long is dropped.
constexpr Duration write_limit = 60s;
// A connection's stream is handed over at once after its process was started.
constexpr Duration stream_limit = 5s;

// Whether the reply may be as large as a value, as against a number or OK.
bool may_carry_value(const CommandSpec& command, std::span<const std::string_view> words) {
  if (command.has(flag_readonly)) return true;
  switch (command.id) {
    case CommandId::getdel:
    case CommandId::getex:
    case CommandId::getset:
      return true;
    case CommandId::set:
      return words.size() > 3;  // it may have the option GET
    default:
      return false;
  }
}

// One request whose reply is not yet in the output: of one key, or of several and merged.
struct Pending {
  std::deque<KeyRequest> parts;  // a deque, because requests must stay where they are
  std::optional<MergedReply> merged;
  bool wants_reply = true;
};

class Connection {
 public:
  Connection(Process& self, ServerPtr server, net::Stream stream)
      : self_{self},
        server_{server},
        stream_{std::move(stream)},
        id_{server->clients.add(self.pid())},
        state_{server->rules, id_, stream_.peer().host + ":" + std::to_string(stream_.peer().port),
               server->options.bind + ":" + std::to_string(server->port), now_ms()},
        parser_{limits_of(server->options)},
        buffer_(read_bytes) {
    counters().connections_open.fetch_add(1, std::memory_order_relaxed);
    parser_.set_peer(state_.peer());
  }
  ~Connection() {
    server_->clients.remove(id_);
    counters().connections_open.fetch_sub(1, std::memory_order_relaxed);
  }

  Async<> run() {
    while (!closing_) {
      auto count = stream_.try_read(buffer_);
      if (!count && count.error().kind == net::ErrorKind::would_block) {
        (void)co_await stream_.readable(self_);
        continue;
      }
      if (!count || *count == 0) co_return;  // gone, as clients are
      counters().bytes_received.fetch_add(*count, std::memory_order_relaxed);
      co_await take(std::string_view{buffer_.data(), *count});
      co_await settle();
      co_await flush();
      server_->clients.update(state_.facts());
    }
  }

 private:
  static RequestLimits limits_of(const ServeOptions& options) {
    RequestLimits limits;
    limits.max_bulk_bytes = options.max_value_bytes;
    return limits;
  }
  Counters& counters() { return server_->house.counters; }
  HouseRef house() { return HouseRef{&server_->house}; }
  std::int64_t now_ms() const { return self_.system_time() / 1ms; }

  // Every request in what has come. The parser's views point into the buffer, which nothing touches
  // until they are used up.
  Async<> take(std::string_view bytes) {
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

  Async<> request(std::span<const std::string_view> words) {
    if (words.empty()) co_return;
    counters().commands.fetch_add(1, std::memory_order_relaxed);
    if (server_->options.enable_debug_command && words.size() == 3 && words[0] == "DEBUG" &&
        words[1] == "PANIC" && state_.is_authenticated()) {
      co_await panic(words[2]);
      co_return;
    }
    // What is answered here must not overtake what is still under way; only then is there a wait.
    std::string reply;
    const Verdict verdict = state_.take(words, now_ms(), reply);
    parser_.set_peer(state_.peer());
    switch (verdict.action) {
      case Verdict::Action::ask_key:
        co_await ask(verdict, words);
        co_return;
      case Verdict::Action::ask_keys:
        co_await ask_several(verdict, words);
        co_return;
      default:
        break;
    }
    co_await settle();
    out_ += reply;
    switch (verdict.action) {
      case Verdict::Action::close:
        closing_ = true;
        break;
      case Verdict::Action::drop:
        out_.clear();
        closing_ = true;
        break;
      case Verdict::Action::ask_server:
        answer_about_server(verdict, words);
        break;
      case Verdict::Action::ask_connections:
        answer_about_clients(verdict, words);
        break;
      case Verdict::Action::ask_keyspace: {
        std::string answer = co_await answer_keyspace(self_, house(), *verdict.command, words,
                                                      state_.database(), state_.version());
        if (verdict.wants_reply) out_ += answer;
        break;
      }
      default:
        break;
    }
  }

  Async<> ask(const Verdict& verdict, std::span<const std::string_view> words) {
    Pending& pending = pending_.emplace_back();
    pending.wants_reply = verdict.wants_reply;
    if (may_carry_value(*verdict.command, words)) ++values_pending_;
    KeyRequest& part =
        pending.parts.emplace_back(house(), *verdict.command, words, state_.database(),
                                   state_.version(), !state_.is_no_touch());
    co_await send_in_order(part);
  }

  Async<> ask_several(const Verdict& verdict, std::span<const std::string_view> words) {
    const std::size_t keys = count_keys(*verdict.command, words.size());
    Pending& pending = pending_.emplace_back();
    pending.wants_reply = verdict.wants_reply;
    pending.merged.emplace(verdict.command->merge, keys);
    if (may_carry_value(*verdict.command, words)) values_pending_ += keys;
    for (std::size_t i = 0; i < keys; ++i) {
      const KeyPart share{*verdict.command, words, i};
      KeyRequest& part =
          pending.parts.emplace_back(house(), *verdict.command, share.words(), state_.database(),
                                     state_.version(), !state_.is_no_touch());
      co_await send_in_order(part);
    }
  }

  // Two commands of this client on one key must not change places. They cannot while both go to the
  // same process; if the key's process has changed since the last one was sent, that one has to be
  // answered first.
  Async<> send_in_order(KeyRequest& part) {
    const std::uint64_t bit = std::uint64_t{1}
                              << (std::hash<std::string>{}(part.storage_key()) % 64);
    if ((keys_under_way_ & bit) != 0) {
      const Pid destination = part.destination();
      for (Pending& earlier : pending_) {
        for (KeyRequest& other : earlier.parts) {
          if (&other == &part || other.storage_key() != part.storage_key()) continue;
          if (other.sent_to() == destination && destination) continue;
          std::string reply = co_await other.reply(self_);
          other.keep(std::move(reply));
        }
      }
    }
    keys_under_way_ |= bit;
    co_await part.send(self_);
  }

  // Waits for every reply that is under way, in the order of the requests.
  Async<> settle() {
    std::size_t largest = 0;
    while (!pending_.empty()) {
      Pending& pending = pending_.front();
      std::size_t index = 0;
      for (KeyRequest& part : pending.parts) {
        std::string reply = co_await part.reply(self_);
        largest = std::max(largest, reply.size());
        if (pending.merged) {
          pending.merged->add(index++, std::move(reply));
        } else if (pending.wants_reply) {
          if (!reply.empty() && reply.front() == '-') {
            counters().errors.fetch_add(1, std::memory_order_relaxed);
          }
          out_ += reply;
        }
      }
      if (pending.merged && pending.wants_reply) pending.merged->finish(out_, state_.version());
      pending_.pop_front();
    }
    keys_under_way_ = 0;
    values_pending_ = 0;
    if (largest != 0) {
      values_limit_ = std::clamp<std::size_t>(max_output / largest, 1, max_values_pending);
    }
  }

  Async<> flush() {
    if (out_.empty()) co_return;
    counters().bytes_sent.fetch_add(out_.size(), std::memory_order_relaxed);
    const auto written = co_await stream_.write(self_, out_, write_limit);
    if (!written) closing_ = true;
    // A large reply must not keep its memory for the life of the connection.
    if (out_.capacity() > max_output) out_ = std::string{};
    out_.clear();
  }

  void answer_about_server(const Verdict& verdict, std::span<const std::string_view> words) {
    std::string answer;
    ReplyWriter reply{answer, state_.version()};
    if (verdict.command->id == CommandId::config_resetstat) {
      counters().hits = 0;
      counters().misses = 0;
      counters().commands = 0;
      counters().expired = 0;
      counters().errors = 0;
    }
    answer_server(*verdict.command, words, gather_facts(self_, *server_.server), reply);
    if (verdict.wants_reply) out_ += answer;
  }

  void answer_about_clients(const Verdict& verdict, std::span<const std::string_view> words) {
    server_->clients.update(state_.facts());
    std::string answer;
    ReplyWriter reply{answer, state_.version()};
    const std::vector<ClientFacts> clients = server_->clients.all();
    for (std::uint64_t id :
         answer_connections(*verdict.command, words, clients, id_, now_ms(), reply)) {
      if (id == id_) {
        closing_ = true;
      } else if (const Pid other = server_->clients.find(id)) {
        troupe::exit(other, ExitReason{atoms::shutdown});
      }
    }
    if (verdict.wants_reply) out_ += answer;
  }

  // DEBUG PANIC key: crashes the key's process.
  Async<> panic(std::string_view key) {
    co_await settle();
    const Pid pid = server_->house.sessions.find(storage_key(state_.database(), key));
    ReplyWriter reply{out_, state_.version()};
    if (!pid) {
      reply.error("ERR no such key");
      co_return;
    }
    auto answer = co_await try_call(self_, ServerRef<SessionServer>{pid}, SessionServer::Panic{});
    reply.error(answer ? "ERR it did not crash" : "ERR the session crashed, as asked");
  }

  Process& self_;
  ServerPtr server_;
  net::Stream stream_;
  std::uint64_t id_;
  ConnectionState state_;
  RequestParser parser_;
  std::vector<char> buffer_;
  std::string out_;
  std::deque<Pending> pending_;
  std::uint64_t keys_under_way_ = 0;  // a bit per key hash: most keys need no look at the rest
  std::size_t values_pending_ = 0;    // requests under way whose replies may carry values
  std::size_t values_limit_ = first_values_pending;
  bool closing_ = false;
};

}  // namespace

Async<> connection(Process& self, ServerPtr server) {
  auto stream = co_await self.receive<net::Stream>(stream_limit);
  if (!stream) co_return;
  Connection connection{self, server, std::move(*stream)};
  co_await connection.run();
}

}  // namespace greenroom
