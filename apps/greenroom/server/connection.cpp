// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/connection.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/connection_process.hpp"

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
