// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "host/io_error.hpp"

namespace troupe {

// Names one open socket of one host. Never reused for another: the generation differs each time a
// slot or a descriptor gets a new tenant, so an id that outlived its socket is answered with
// IoErrorKind::closed and can never read from, write to, watch or close somebody else's connection.
struct SocketId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0 only in the null id

  constexpr explicit operator bool() const noexcept { return generation != 0; }
  friend constexpr bool operator==(const SocketId&, const SocketId&) noexcept = default;
};

// Where a socket listens or connects to. `host` is a numeric IPv4 or IPv6 address (an IPv6 one may
// carry a %scope) or the name "localhost", which means 127.0.0.1 (RFC 6761 allows to answer it
// without asking anyone). Every other name is bad_address: looking it up can block.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:80", "[::1]:80".
std::string to_string(const Endpoint& endpoint);

struct Accepted {
  SocketId socket;
  Endpoint peer;
};

enum class Interest : std::uint8_t { read = 1, write = 2, read_write = 3 };

constexpr Interest operator|(Interest a, Interest b) noexcept {
  return static_cast<Interest>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(Interest set, Interest one) noexcept {
  return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(one)) != 0;
}

// What watch() did.
enum class WatchResult : std::uint8_t {
  armed,  // one Ready with the token will come out of poll()
  ready,  // nothing was armed: it is ready now as far as the host knows, so try the operation again
};

// One watch that came true.
struct Ready {
  std::uint64_t token = 0;
  bool readable =
      false;  // read or accept will not block: bytes, a connection, end of stream or error
  bool writable = false;  // write will not block, or a connect has come to its result
  bool hangup = false;    // the peer closed its side, or the connection failed; read tells which
};

// The one seam between the runtime and the machine: clocks, entropy and the network. PosixHost asks
// the kernel; the simulator's host answers from a seed. The runtime never calls the kernel past it.
//
// Threads: any thread may call anything at any time, also on the same socket, except that at most
// one thread is inside poll() at a time (asserted). The destructor runs when no thread is inside.
//
// Nothing here blocks but poll(). Sockets are streams, TCP_NODELAY is on.
//
// The pattern a stream wants, which costs no call to the kernel but the read and the write for each
// request and its answer:
//
//   for (;;) {
//     auto n = host.read(socket, buffer);
//     if (n) { use it; 0 is the end of the stream; continue; }
//     if (n.error().kind != IoErrorKind::would_block) { close; return; }
//     auto watch = host.watch(socket, Interest::read, token);
//     if (watch && *watch == WatchResult::armed) { wait for Ready{token}; }
//   }
//
// A reader that got fewer bytes than its buffer holds may watch at once, without the read that
// would answer would_block: the host remembers that the stream was drained.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  // Nanoseconds since an arbitrary point in the past; never goes back. All timers count in it.
  virtual std::int64_t monotonic_ns() noexcept = 0;
  // The same clock, read for a quarter of the price: never before the present, and at most
  // `rough_clock_leads_ns` after it. For limits that are much longer than that.
  virtual std::int64_t rough_monotonic_ns() noexcept { return monotonic_ns(); }
  static constexpr std::int64_t rough_clock_leads_ns = 25'000'000;

  // Nanoseconds since 1970-01-01 00:00 UTC without leap seconds; jumps when somebody sets the
  // clock.
  virtual std::int64_t system_ns() noexcept = 0;

  // Fills `out` with bytes fit for keys and cookies.
  virtual void random_bytes(std::span<std::byte> out) noexcept = 0;

  // A socket that accepts connections on `local`; port 0 lets the host pick one (see local_port).
  // A port that was in use by closed connections a moment ago can be had at once (SO_REUSEADDR).
  // Errors: bad_address, address_in_use, not_permitted, too_many_files.
  virtual std::expected<SocketId, IoError> listen(const Endpoint& local, int backlog) = 0;

  // The port a listener or a connection has on this side. Errors: closed.
  virtual std::expected<std::uint16_t, IoError> local_port(SocketId socket) = 0;

  // Takes one connection out of a listener's queue; connections that failed while they queued are
  // passed over. Errors: would_block, closed, not_permitted, other, and
  // too_many_files: no descriptor for it. The connection stays in the queue, and watch() is armed
  // by the next arrival only, so that a caller cannot spin: call accept again after a pause, or
  // after it closed something, whatever watch() says.
  virtual std::expected<Accepted, IoError> accept(SocketId listener) = 0;

  // Starts a connection. Then watch for write and ask connect_result. Errors: bad_address,
  // unreachable, refused, address_in_use (no local port left), not_permitted, too_many_files.
  virtual std::expected<SocketId, IoError> connect(const Endpoint& remote) = 0;

  // How a connect ended; the same answer however often it is asked. Errors: would_block while it is
  // under way, refused, timed_out, unreachable, reset, closed, other. A failed one is still to
  // close.
  virtual std::expected<void, IoError> connect_result(SocketId socket) = 0;

  // At least one byte into `into` (which must not be empty), or 0: the end of the stream.
  // Errors: would_block, reset, timed_out, closed, other.
  virtual std::expected<std::size_t, IoError> read(SocketId socket, std::span<std::byte> into) = 0;

  // How many of the bytes, at least one, went out; less than all when the peer does not keep up.
  // Nothing to write is 0. Never raises SIGPIPE.
  // Errors: would_block, closed (the peer is gone or our side is shut down), reset, timed_out,
  // other.
  virtual std::expected<std::size_t, IoError> write(SocketId socket,
                                                    std::span<const std::byte> bytes) = 0;

  // The same for several pieces in one go; may stop after the first max_pieces of them.
  static constexpr std::size_t max_pieces = 64;
  virtual std::expected<std::size_t, IoError> writev(
      SocketId socket, std::span<const std::span<const std::byte>> pieces) = 0;

  // Sends the end of the stream after what was written; reading goes on. Errors: closed, other, and
  // those of connect_result: a connection that is under way cannot be half closed.
  virtual std::expected<void, IoError> shutdown_write(SocketId socket) = 0;

  // Closes the socket and forgets its watches without a Ready for them. The id is stale from here
  // on, also for calls on other threads that have not begun; one that has begun ends as if it came
  // first. What was written is still sent; unread input makes it a reset. Closing a stale id does
  // nothing.
  virtual void close(SocketId socket) noexcept = 0;

  // Asks for one Ready{token} when any of the directions is ready. One-shot: when it came true,
  // every direction of this socket under the same token is disarmed. Each direction has one watch:
  // a later one replaces the earlier. Reader and writer may use different tokens.
  // WatchResult::ready is not a promise (the try may answer would_block, and the next watch() will
  // then arm). After an end of stream or an error every watch is ready or soon comes true: stop.
  // Errors: closed, too_many_files, other.
  virtual std::expected<WatchResult, IoError> watch(SocketId socket, Interest interest,
                                                    std::uint64_t token) = 0;

  // Disarms both directions. A Ready that poll() was just handing out may still come after this, so
  // whoever gets one must tell by its token whether it is still wanted; the same holds for close().
  virtual void unwatch(SocketId socket) noexcept = 0;

  // Waits until a watch comes true, wake() is called or the time is over, and says how many of
  // `out` (which must hold at least 2) it filled. timeout_ns: 0 looks without waiting, negative
  // waits for ever. May return 0 early for no visible reason.
  virtual std::size_t poll(std::int64_t timeout_ns, std::span<Ready> out) = 0;

  // Makes the poll() under way, or else the next one, return soon. Costs one atomic exchange unless
  // a thread is waiting. Calls before that return count as one. What happened before wake() is
  // visible to the polling thread after the poll() it ended. Also fit for a signal handler.
  virtual void wake() noexcept = 0;
};

}  // namespace troupe
