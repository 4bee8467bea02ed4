// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include <troupe/detail/io.hpp>
#include <troupe/process.hpp>

// TCP for processes: a process that waits for the network is parked like one that waits for a
// message, on whatever executor it runs; in a simulation the network is simulated too.
//
// A Stream or Listener belongs to whoever holds it, closes when it is destroyed (so a process that
// ends closes its connections), and can be sent to another process. Reads and writes are attempts
// on the caller's own buffer: the kernel never keeps one, so nothing is left behind when a process
// dies in the middle of a wait. Back pressure is the kernel's: a write waits while the peer does
// not read.
namespace troupe::net {

enum class ErrorKind : std::uint8_t {
  would_block,  // only from try_ functions: wait, then try again
  refused,
  reset,
  closed,
  address_in_use,
  not_permitted,
  unreachable,
  timed_out,       // the deadline of the call has passed, or the network's own
  too_many_files,  // descriptors are used up: pause before the next try
  bad_address,
  other,
  tls,  // of troupe/tls.hpp: a handshake or a record failed; the text says why
};

struct Error {
  ErrorKind kind = ErrorKind::other;
  std::string text;  // for people
};

template <class T>
using Result = std::expected<T, Error>;

// A numeric address or "localhost", and a port (0: let the system choose, to listen).
struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

// The socket behind a Stream or Listener, as a value.
struct Socket {
  std::uint32_t node = 0;
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
};

// Something can be read from a stream, or it has ended: the message that notify_readable asks for.
using Readable = troupe::detail::IoReady;

// A Readable that is to come, once. Dropping it takes the wish back; a message that is already in
// the mailbox stays there, and matches nothing.
class [[nodiscard]] ReadNotice {
 public:
  ReadNotice(std::uint32_t node, std::uint64_t watch) noexcept : node_{node}, watch_{watch} {}
  ReadNotice(const ReadNotice&) = delete;
  ReadNotice& operator=(const ReadNotice&) = delete;
  ~ReadNotice() { troupe::detail::withdraw_notice(node_, watch_); }

  bool matches(const Readable& message) const noexcept { return message.watch == watch_; }

 private:
  std::uint32_t node_;
  std::uint64_t watch_;
};

// A TCP connection, closed when this is destroyed. Errors of read and write: reset by the peer,
// closed on this side, timed_out, and whatever else the network says.
class Stream {
 public:
  Stream() noexcept = default;  // not connected
  explicit Stream(Socket socket, Address peer = {}) noexcept
      : socket_{socket}, peer_{std::move(peer)} {}
  Stream(Stream&& other) noexcept
      : socket_{std::exchange(other.socket_, Socket{})}, peer_{std::move(other.peer_)} {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(peer_, other.peer_);
    return *this;
  }
  ~Stream() { close(); }

  // Waits until the peer has answered. Errors: bad_address, refused, unreachable, timed_out,
  // too_many_files.
  static Async<Result<Stream>> connect(Process& self, Address to, Duration timeout = infinity);

  const Address& peer() const noexcept { return peer_; }
  bool is_open() const noexcept { return socket_.generation != 0; }

  // At least one byte, or 0 at the end of the stream.
  Async<Result<std::size_t>> read(Process& self, std::span<char> into, Duration timeout = infinity);
  // All of it; waits while the peer does not read.
  Async<Result<void>> write(Process& self, std::string_view bytes, Duration timeout = infinity);

  // As above, but never waiting: would_block where they would. For loops that must not pay a
  // coroutine per attempt.
  Result<std::size_t> try_read(std::span<char> into);
  Result<std::size_t> try_write(std::string_view bytes);
  // Until a read (or write) is worth trying. False: the timeout has passed.
  Async<bool> readable(Process& self, Duration timeout = infinity);
  Async<bool> writable(Process& self, Duration timeout = infinity);
  // For a process that waits for messages as well: `self` gets one Readable when a read is worth
  // trying, while the notice lives. OTP: {active, once}.
  //
  //     auto notice = stream.notify_readable(self);
  //     co_await self.receive([&](net::Readable) { ... }, [&](Published m) { ... });
  ReadNotice notify_readable(Process& self);

  // The end of the stream for the peer, after what was written; reading goes on.
  void shutdown_write() noexcept;
  void close() noexcept;

 private:
  Socket socket_;
  Address peer_;
};

// A port that is listened on.
class Listener {
 public:
  Listener() noexcept = default;  // listens to nothing
  explicit Listener(Socket socket) noexcept : socket_{socket} {}
  Listener(Listener&& other) noexcept : socket_{std::exchange(other.socket_, Socket{})} {}
  Listener& operator=(Listener&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Listener() { close(); }

  // Errors: bad_address, address_in_use, not_permitted, too_many_files.
  static Result<Listener> listen(Process& self, Address on, int backlog = 1024);

  // What the system chose, where port 0 was asked for.
  std::uint16_t port() const noexcept;
  // The next connection. On too_many_files the connection stays in the queue: pause, then call
  // again.
  Async<Result<Stream>> accept(Process& self, Duration timeout = infinity);
  void close() noexcept;

 private:
  Socket socket_;
};

}  // namespace troupe::net

template <>
inline constexpr bool troupe::enable_message<troupe::net::Stream> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::net::Listener> = true;
