// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The socket calls of PosixHost. Each pins its socket, asks the kernel once, and tells the table
// whether the kernel has nothing more (see socket_table.hpp).
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.hpp"
#include "host/address.hpp"
#include "host/posix_host.hpp"

namespace troupe {
namespace {

std::unexpected<IoError> stale() { return std::unexpected(IoError{IoErrorKind::closed, EBADF}); }

std::unexpected<IoError> failure(int code) { return std::unexpected(io_error_from_errno(code)); }

bool set_option(int fd, int level, int option, int value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Of a failed connection that was still in the queue, accept(2) reports the network's error and has
// taken it out; there may be good ones behind it.
bool concerns_one_connection(int code) noexcept {
  switch (code) {
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

// What a read or write of the kernel means. `asked` is how much it could have moved.
std::expected<std::size_t, IoError> finish(SocketTable::Pin& pin, ssize_t moved, std::size_t asked,
                                           Interest direction) {
  if (moved < 0) {
    const int code = errno;
    if (code == EAGAIN) {
      pin.would_block(direction);
    } else {
      pin.failed(code);
    }
    return failure(code);
  }
  // Urgent data is the one case in which a stream gives less although there is more: read stops at
  // the mark. A peer that sends it, which nothing we speak does, may have to send more to be heard.
  const auto n = static_cast<std::size_t>(moved);
  if (pin.is_stream() && n < asked) pin.fell_short(direction);
  return n;
}

// Calls again when a signal came in between; a non-blocking call that was interrupted moved
// nothing.
template <typename Call>
ssize_t uninterrupted(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

std::expected<SocketId, IoError> PosixHost::listen(const Endpoint& local, int backlog) {
  const auto address = to_socket_address(local);
  if (!address) return std::unexpected(address.error());
  Descriptor fd{::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return failure(errno);
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return failure(errno);
  // Accepted sockets inherit it from the listener, which saves a call for each connection.
  if (!set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1)) return failure(errno);
  // "::" means both families whatever the system's default.
  if (address->family() == AF_INET6 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0)) {
    return failure(errno);
  }
  if (::bind(fd.get(), address->data(), address->length) != 0) {
    // Scope and family mix-ups are the address's fault too.
    if (errno == EINVAL) return std::unexpected(IoError{IoErrorKind::bad_address, EINVAL});
    return failure(errno);
  }
  if (::listen(fd.get(), backlog) != 0) return failure(errno);
  return sockets_.insert(std::move(fd), SocketTable::Kind::other);
}

std::expected<std::uint16_t, IoError> PosixHost::local_port(SocketId socket) {
  const SocketTable::Pin pin{sockets_, socket};
  if (!pin) return stale();
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(pin.fd(), address.data(), &address.length) != 0) return failure(errno);
  return to_endpoint(address).port;
}

std::expected<Accepted, IoError> PosixHost::accept(SocketId listener) {
  SocketTable::Pin pin{sockets_, listener};
  if (!pin) return stale();
  for (;;) {
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    Descriptor fd{::accept4(pin.fd(), peer.data(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) {
      const int code = errno;
      if (code == EINTR || concerns_one_connection(code)) continue;
      const IoError error = io_error_from_errno(code);
      if (error.kind == IoErrorKind::would_block || error.kind == IoErrorKind::too_many_files) {
        pin.would_block(Interest::read);
      }
      return std::unexpected(error);
    }
    const auto id = sockets_.insert(std::move(fd), SocketTable::Kind::stream);
    if (!id) return std::unexpected(id.error());
    return Accepted{*id, to_endpoint(peer)};
  }
}

std::expected<SocketId, IoError> PosixHost::connect(const Endpoint& remote) {
  const auto address = to_socket_address(remote);
  if (!address) return std::unexpected(address.error());
  Descriptor fd{::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return failure(errno);
  if (!set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1)) return failure(errno);
  // Interrupted means under way, as EINPROGRESS does: calling again would answer EALREADY.
  if (::connect(fd.get(), address->data(), address->length) != 0 && errno != EINPROGRESS &&
      errno != EINTR) {
    // Here it says that every port between us and that address is taken (ip(7)).
    if (errno == EADDRNOTAVAIL) {
      return std::unexpected(IoError{IoErrorKind::address_in_use, EADDRNOTAVAIL});
    }
    return failure(errno);
  }
  return sockets_.insert(std::move(fd), SocketTable::Kind::connecting);
}

std::expected<void, IoError> PosixHost::connect_result(SocketId socket) {
  return sockets_.connect_result(socket);
}

std::expected<std::size_t, IoError> PosixHost::read(SocketId socket, std::span<std::byte> into) {
  TROUPE_ASSERT(!into.empty(), "read into nothing would look like the end of the stream");
  SocketTable::Pin pin{sockets_, socket};
  if (!pin) return stale();
  const ssize_t n = uninterrupted([&] {
    return pin.is_socket() ? ::recv(pin.fd(), into.data(), into.size(), MSG_DONTWAIT)
                           : ::read(pin.fd(), into.data(), into.size());
  });
  return finish(pin, n, into.size(), Interest::read);
}

std::expected<std::size_t, IoError> PosixHost::write(SocketId socket,
                                                     std::span<const std::byte> bytes) {
  SocketTable::Pin pin{sockets_, socket};
  if (!pin) return stale();
  if (bytes.empty()) return 0;
  const ssize_t n = uninterrupted([&] {
    return pin.is_socket()
               ? ::send(pin.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
               : ::write(pin.fd(), bytes.data(), bytes.size());
  });
  return finish(pin, n, bytes.size(), Interest::write);
}

std::expected<std::size_t, IoError> PosixHost::writev(
    SocketId socket, std::span<const std::span<const std::byte>> pieces) {
  SocketTable::Pin pin{sockets_, socket};
  if (!pin) return stale();
  iovec vector[max_pieces];
  msghdr message{};
  std::size_t asked = 0;
  for (const std::span<const std::byte> piece : pieces.first(std::min(pieces.size(), max_pieces))) {
    // The kernel takes pointers to what it only reads as non-const ones.
    vector[message.msg_iovlen++] = {const_cast<std::byte*>(piece.data()), piece.size()};
    asked += piece.size();
  }
  if (asked == 0) return 0;
  message.msg_iov = vector;
  const ssize_t n = uninterrupted([&] {
    return pin.is_socket() ? ::sendmsg(pin.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL)
                           : ::writev(pin.fd(), vector, static_cast<int>(message.msg_iovlen));
  });
  return finish(pin, n, asked, Interest::write);
}

std::expected<void, IoError> PosixHost::shutdown_write(SocketId socket) {
  // Linux would silently give up a connection that is under way.
  if (auto connected = sockets_.connect_result(socket); !connected) return connected;
  const SocketTable::Pin pin{sockets_, socket};
  if (!pin) return stale();
  if (::shutdown(pin.fd(), SHUT_WR) != 0) return failure(errno);
  return {};
}

std::expected<SocketId, IoError> PosixHost::adopt(Descriptor descriptor) {
  const int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || ::fcntl(descriptor.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC) != 0) {
    const int code = errno;
    // Not ours to close: by now the number may be somebody else's.
    if (code == EBADF) descriptor.release();
    return failure(code);
  }
  int type = 0;
  int listening = 0;
  socklen_t size = sizeof type;
  const bool is_socket = ::getsockopt(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0;
  size = sizeof listening;
  if (is_socket) {
    ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
  }
  const bool is_stream = is_socket && type == SOCK_STREAM && listening == 0;
  return sockets_.insert(std::move(descriptor), !is_socket  ? SocketTable::Kind::file
                                                : is_stream ? SocketTable::Kind::stream
                                                            : SocketTable::Kind::other);
}

}  // namespace troupe
