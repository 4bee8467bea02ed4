// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/io.hpp>
#include <troupe/net.hpp>

#include "host/host.hpp"
#include "net/deadline.hpp"

namespace troupe::net {

using namespace detail;

namespace {

Error error_from(const IoError& error) {
  // The two enumerations list the same kinds in the same order, so that public headers need not
  // include the host's.
  static_assert(static_cast<int>(IoErrorKind::other) == static_cast<int>(ErrorKind::other));
  static_assert(static_cast<int>(IoErrorKind::timed_out) == static_cast<int>(ErrorKind::timed_out));
  return Error{static_cast<ErrorKind>(error.kind), error.describe()};
}

Error closed() { return Error{ErrorKind::closed, "the socket is closed"}; }
Error timed_out() { return Error{ErrorKind::timed_out, "timed out"}; }

SocketId id_of(Socket socket) noexcept { return SocketId{socket.index, socket.generation}; }

Socket socket_of(Process& self, SocketId id) noexcept {
  return Socket{self.pid().node(), id.index, id.generation};
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace

// --- Stream.

Async<Result<Stream>> Stream::connect(Process& self, Address to, Duration timeout) {
  const CallerPlace place{self};
  Host& host = *host_of(self.pid().node());
  const auto socket = host.connect(Endpoint{to.host, to.port});
  if (!socket) co_return std::unexpected{error_from(socket.error())};
  Stream stream{socket_of(self, *socket), std::move(to)};
  Deadline deadline{timeout};
  for (;;) {
    const auto result = host.connect_result(*socket);
    if (result) co_return std::move(stream);
    if (result.error().kind != IoErrorKind::would_block) {
      co_return std::unexpected{error_from(result.error())};
    }
    const bool ready =
        co_await place(wait_for_io(self, *socket, Interest::write, deadline.left(self)));
    if (!ready) co_return std::unexpected{timed_out()};
  }
}

Result<std::size_t> Stream::try_read(std::span<char> into) {
  Host* host = host_of(socket_.node);
  if (!host) return std::unexpected{closed()};
  auto count = host->read(id_of(socket_), std::as_writable_bytes(into));
  if (!count) return std::unexpected{error_from(count.error())};
  return *count;
}

Result<std::size_t> Stream::try_write(std::string_view bytes) {
  Host* host = host_of(socket_.node);
  if (!host) return std::unexpected{closed()};
  auto count = host->write(id_of(socket_), bytes_of(bytes));
  if (!count) return std::unexpected{error_from(count.error())};
  return *count;
}

Async<bool> Stream::readable(Process& self, Duration timeout) {
  return wait_for_io(self, id_of(socket_), Interest::read, timeout);
}

Async<bool> Stream::writable(Process& self, Duration timeout) {
  return wait_for_io(self, id_of(socket_), Interest::write, timeout);
}

ReadNotice Stream::notify_readable(Process& self) {
  return ReadNotice{self.pid().node(), notify_of_io(self, id_of(socket_), Interest::read)};
}

Async<Result<std::size_t>> Stream::read(Process& self, std::span<char> into, Duration timeout) {
  const CallerPlace place{self};
  Deadline deadline{timeout};
  for (;;) {
    auto count = try_read(into);
    if (count || count.error().kind != ErrorKind::would_block) co_return count;
    const bool ready = co_await place(readable(self, deadline.left(self)));
    if (!ready) co_return std::unexpected{timed_out()};
  }
}

Async<Result<void>> Stream::write(Process& self, std::string_view bytes, Duration timeout) {
  const CallerPlace place{self};
  Deadline deadline{timeout};
  while (!bytes.empty()) {
    auto count = try_write(bytes);
    if (count) {
      bytes.remove_prefix(*count);
      continue;
    }
    if (count.error().kind != ErrorKind::would_block) {
      co_return std::unexpected{std::move(count.error())};
    }
    const bool ready = co_await place(writable(self, deadline.left(self)));
    if (!ready) co_return std::unexpected{timed_out()};
  }
  co_return Result<void>{};
}

void Stream::shutdown_write() noexcept {
  if (Host* host = host_of(socket_.node)) (void)host->shutdown_write(id_of(socket_));
}

void Stream::close() noexcept {
  if (!is_open()) return;
  if (Host* host = host_of(socket_.node)) host->close(id_of(socket_));
  socket_ = Socket{};
}

// --- Listener.

Result<Listener> Listener::listen(Process& self, Address on, int backlog) {
  Host& host = *host_of(self.pid().node());
  const auto socket = host.listen(Endpoint{std::move(on.host), on.port}, backlog);
  if (!socket) return std::unexpected{error_from(socket.error())};
  return Listener{socket_of(self, *socket)};
}

std::uint16_t Listener::port() const noexcept {
  Host* host = host_of(socket_.node);
  if (!host) return 0;
  return host->local_port(id_of(socket_)).value_or(0);
}

Async<Result<Stream>> Listener::accept(Process& self, Duration timeout) {
  const CallerPlace place{self};
  Deadline deadline{timeout};
  for (;;) {
    Host* host = host_of(socket_.node);
    if (!host) co_return std::unexpected{closed()};
    auto accepted = host->accept(id_of(socket_));
    if (accepted) {
      co_return Stream{socket_of(self, accepted->socket),
                       Address{std::move(accepted->peer.host), accepted->peer.port}};
    }
    if (accepted.error().kind != IoErrorKind::would_block) {
      co_return std::unexpected{error_from(accepted.error())};
    }
    const bool ready =
        co_await place(wait_for_io(self, id_of(socket_), Interest::read, deadline.left(self)));
    if (!ready) co_return std::unexpected{timed_out()};
  }
}

void Listener::close() noexcept {
  if (Host* host = host_of(socket_.node); host && socket_.generation != 0) {
    host->close(id_of(socket_));
  }
  socket_ = Socket{};
}

}  // namespace troupe::net
