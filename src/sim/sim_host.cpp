// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "sim/sim_host.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace troupe::detail {

namespace {

std::unexpected<IoError> failure(IoErrorKind kind) { return std::unexpected{IoError{kind, 0}}; }

bool is_loopback(const std::string& host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1" || host == "0.0.0.0";
}

}  // namespace

SimHost::SimHost(Prng prng, const std::int64_t& now_ns, std::int64_t epoch_ns) noexcept
    : prng_{prng}, now_ns_{now_ns}, epoch_ns_{epoch_ns} {}

void SimHost::random_bytes(std::span<std::byte> out) noexcept {
  for (std::byte& byte : out) byte = static_cast<std::byte>(prng_.next());
}

SimHost::Socket* SimHost::find(SocketId id) noexcept {
  if (id.index >= sockets_.size()) return nullptr;
  Socket& socket = sockets_[id.index];
  return socket.generation == id.generation && socket.state != State::closed ? &socket : nullptr;
}

SocketId SimHost::open_socket(State state) {
  std::uint32_t index;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(sockets_.size());
    sockets_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  const std::uint32_t generation = sockets_[index].generation;
  sockets_[index] = Socket{};
  sockets_[index].generation = generation;
  sockets_[index].state = state;
  return SocketId{index, generation};
}

std::int64_t SimHost::arrival(Socket& receiver) {
  // Never before what was sent earlier: a stream keeps its order.
  const auto delay = static_cast<std::int64_t>(20'000 + prng_.below(2'000'000));
  receiver.last_arrival_ns = std::max(receiver.last_arrival_ns + 1, now_ns_ + delay);
  return receiver.last_arrival_ns;
}

void SimHost::schedule(std::int64_t at_ns, Event event) {
  events_.emplace(at_ns, std::move(event));
}

SocketId SimHost::listener_on(std::uint16_t port) noexcept {
  for (std::uint32_t index = 0; index < sockets_.size(); ++index) {
    const Socket& socket = sockets_[index];
    if (socket.state == State::listening && socket.port == port) {
      return SocketId{index, socket.generation};
    }
  }
  return SocketId{};
}

std::expected<SocketId, IoError> SimHost::listen(const Endpoint& local, int backlog) {
  if (!is_loopback(local.host)) return failure(IoErrorKind::bad_address);
  std::uint16_t port = local.port;
  while (port == 0 || (local.port == 0 && listener_on(port))) port = next_port_++;
  if (listener_on(port)) return failure(IoErrorKind::address_in_use);
  const SocketId id = open_socket(State::listening);
  sockets_[id.index].port = port;
  sockets_[id.index].backlog = backlog > 0 ? static_cast<std::size_t>(backlog) : 1;
  return id;
}

std::expected<std::uint16_t, IoError> SimHost::local_port(SocketId id) {
  const Socket* socket = find(id);
  if (!socket) return failure(IoErrorKind::closed);
  return socket->port;
}

std::expected<Accepted, IoError> SimHost::accept(SocketId listener) {
  Socket* socket = find(listener);
  if (!socket || socket->state != State::listening) return failure(IoErrorKind::closed);
  if (socket->waiting.empty()) return failure(IoErrorKind::would_block);
  const SocketId accepted = socket->waiting.front();
  socket->waiting.pop_front();
  return Accepted{accepted, Endpoint{"127.0.0.1", sockets_[accepted.index].peer_port}};
}

std::expected<SocketId, IoError> SimHost::connect(const Endpoint& remote) {
  if (!is_loopback(remote.host)) return failure(IoErrorKind::unreachable);
  const SocketId id = open_socket(State::connecting);
  Socket& socket = sockets_[id.index];
  socket.port = next_port_++;
  socket.peer_port = remote.port;
  schedule(arrival(socket), Event{Event::Kind::connected, id, {}});
  return id;
}

std::expected<void, IoError> SimHost::connect_result(SocketId id) {
  const Socket* socket = find(id);
  if (!socket) return failure(IoErrorKind::closed);
  switch (socket->state) {
    case State::connecting:
      return failure(IoErrorKind::would_block);
    case State::failed:
      return failure(IoErrorKind::refused);
    case State::open:
      return {};
    default:
      return failure(IoErrorKind::other);
  }
}

std::expected<std::size_t, IoError> SimHost::read(SocketId id, std::span<std::byte> into) {
  Socket* socket = find(id);
  if (!socket) return failure(IoErrorKind::closed);
  if (socket->was_reset) return failure(IoErrorKind::reset);
  if (socket->input.empty()) {
    if (socket->input_ended) return std::size_t{0};
    return failure(IoErrorKind::would_block);
  }
  const std::size_t count = std::min(into.size(), socket->input.size());
  std::memcpy(into.data(), socket->input.data(), count);
  socket->input.erase(0, count);
  // The writer learns that there is room again after a while.
  if (find(socket->peer)) {
    schedule(now_ns_ + static_cast<std::int64_t>(20'000 + prng_.below(200'000)),
             Event{Event::Kind::window, socket->peer, {}});
  }
  return count;
}

std::expected<std::size_t, IoError> SimHost::write(SocketId id, std::span<const std::byte> bytes) {
  Socket* socket = find(id);
  if (!socket || socket->output_ended) return failure(IoErrorKind::closed);
  if (socket->was_reset) return failure(IoErrorKind::reset);
  if (socket->state == State::connecting) return failure(IoErrorKind::would_block);
  Socket* peer = find(socket->peer);
  if (!peer) return failure(IoErrorKind::closed);
  if (bytes.empty()) return std::size_t{0};
  const std::size_t used = peer->input.size() + peer->in_flight;
  if (used >= window) return failure(IoErrorKind::would_block);
  std::size_t count = std::min(bytes.size(), window - used);
  // Now and then the kernel takes less than it could.
  if (count > 1 && prng_.below(8) == 0) count = 1 + prng_.below(count);
  std::size_t sent = 0;
  while (sent < count) {
    const std::size_t piece = prng_.below(4) == 0 ? 1 + prng_.below(count - sent) : count - sent;
    schedule(arrival(*peer),
             Event{Event::Kind::data, socket->peer,
                   std::string(reinterpret_cast<const char*>(bytes.data()) + sent, piece)});
    peer->in_flight += piece;
    sent += piece;
  }
  return count;
}

std::expected<std::size_t, IoError> SimHost::writev(
    SocketId id, std::span<const std::span<const std::byte>> pieces) {
  std::size_t total = 0;
  for (const auto& piece : pieces.first(std::min(pieces.size(), max_pieces))) {
    const auto count = write(id, piece);
    if (!count) {
      if (total > 0) break;
      return count;
    }
    total += *count;
    if (*count < piece.size()) break;
  }
  return total;
}

std::expected<void, IoError> SimHost::shutdown_write(SocketId id) {
  Socket* socket = find(id);
  if (!socket || socket->state != State::open) return failure(IoErrorKind::closed);
  if (std::exchange(socket->output_ended, true)) return {};
  if (Socket* peer = find(socket->peer)) {
    schedule(arrival(*peer), Event{Event::Kind::end, socket->peer, {}});
  }
  return {};
}

void SimHost::close(SocketId id) noexcept {
  Socket* socket = find(id);
  if (!socket) return;
  if (Socket* peer = find(socket->peer); peer && !socket->was_reset) {
    const bool loses_input = !socket->input.empty() || socket->in_flight > 0;
    if (loses_input || !socket->output_ended) {
      schedule(arrival(*peer),
               Event{loses_input ? Event::Kind::reset : Event::Kind::end, socket->peer, {}});
    }
  }
  for (SocketId waiting : std::exchange(socket->waiting, {})) close(waiting);
  Socket& gone = sockets_[id.index];
  gone.state = State::closed;
  gone.input.clear();
  if (++gone.generation == 0) gone.generation = 1;
  free_.push_back(id.index);
}

bool SimHost::is_readable(const Socket& socket) const noexcept {
  return !socket.input.empty() || socket.input_ended || socket.was_reset ||
         !socket.waiting.empty() || socket.state == State::failed;
}

bool SimHost::is_writable(const Socket& socket) noexcept {
  if (socket.state == State::connecting) return false;
  const Socket* peer = find(socket.peer);
  return socket.was_reset || !peer || peer->input.size() + peer->in_flight < window;
}

void SimHost::announce(SocketId id) {
  Socket* socket = find(id);
  if (!socket) return;
  const bool readable = is_readable(*socket);
  const bool writable = is_writable(*socket);
  const bool reads = socket->read_watch.armed && readable;
  const bool writes = socket->write_watch.armed && writable;
  const bool hangup = socket->input_ended || socket->was_reset;
  if (reads && writes && socket->read_watch.token == socket->write_watch.token) {
    ready_.push_back(Ready{socket->read_watch.token, true, true, hangup});
  } else {
    if (reads) ready_.push_back(Ready{socket->read_watch.token, true, false, hangup});
    if (writes) ready_.push_back(Ready{socket->write_watch.token, false, true, hangup});
  }
  // One Ready ends every watch under its token.
  const bool same = socket->read_watch.token == socket->write_watch.token;
  if (reads || (writes && same)) socket->read_watch.armed = false;
  if (writes || (reads && same)) socket->write_watch.armed = false;
}

std::expected<WatchResult, IoError> SimHost::watch(SocketId id, Interest interest,
                                                   std::uint64_t token) {
  Socket* socket = find(id);
  if (!socket) return failure(IoErrorKind::closed);
  if ((has(interest, Interest::read) && is_readable(*socket)) ||
      (has(interest, Interest::write) && is_writable(*socket))) {
    return WatchResult::ready;
  }
  if (has(interest, Interest::read)) socket->read_watch = Watch{token, true};
  if (has(interest, Interest::write)) socket->write_watch = Watch{token, true};
  return WatchResult::armed;
}

void SimHost::unwatch(SocketId id) noexcept {
  if (Socket* socket = find(id)) {
    socket->read_watch.armed = false;
    socket->write_watch.armed = false;
  }
}

std::size_t SimHost::poll(std::int64_t, std::span<Ready> out) {
  std::size_t count = 0;
  while (count < out.size() && !ready_.empty()) {
    out[count++] = ready_.front();
    ready_.pop_front();
  }
  return count;
}

std::int64_t SimHost::next_event_ns() const noexcept {
  return events_.empty() ? -1 : events_.begin()->first;
}

void SimHost::run_next_event() {
  Event event = std::move(events_.begin()->second);
  events_.erase(events_.begin());
  Socket* socket = find(event.socket);
  if (!socket) return;
  switch (event.kind) {
    case Event::Kind::connected: {
      const SocketId listener = listener_on(socket->peer_port);
      Socket* listening = find(listener);
      if (!listening || listening->waiting.size() >= listening->backlog) {
        socket->state = State::failed;
        break;
      }
      const std::uint16_t port = socket->port;
      const std::uint16_t listener_port = socket->peer_port;
      const SocketId accepted = open_socket(State::open);  // may move the sockets
      Socket& server = sockets_[accepted.index];
      server.port = listener_port;
      server.peer_port = port;
      server.peer = event.socket;
      Socket& client = sockets_[event.socket.index];
      client.state = State::open;
      client.peer = accepted;
      sockets_[listener.index].waiting.push_back(accepted);
      announce(listener);
      break;
    }
    case Event::Kind::data:
      socket->in_flight -= event.data.size();
      socket->input += event.data;
      break;
    case Event::Kind::end:
      socket->input_ended = true;
      break;
    case Event::Kind::reset:
      socket->was_reset = true;
      break;
    case Event::Kind::window:
      break;
  }
  announce(event.socket);
}

}  // namespace troupe::detail
