// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <span>

#include "host/descriptor.hpp"
#include "host/host.hpp"

namespace troupe {

// The open sockets of a PosixHost: which descriptor a SocketId means, what the kernel last said
// about its readiness, and who waits for it.
//
// Why an id can never reach another connection: every call pins the slot while it uses the
// descriptor. close() makes the id stale at once, but the descriptor goes back to the kernel only
// with the last pin, so its number cannot be reused under a call that is in flight. A slot whose
// generation reached its maximum is retired, so no id comes twice in the table's life.
//
// Readiness. A descriptor is registered with epoll once, edge-triggered for both directions, at its
// first watch; after that a watch costs no call to the kernel. The invariant of each direction:
//
//   when `ready` is false, whatever is there to do has an edge in epoll that poll() has not seen
//   yet
//
// Registering establishes it (epoll reports what is ready at that moment), poll() sets `ready` with
// each edge, and a call clears it when the kernel said there is nothing more, but only if no edge
// was seen since the call began (`edges` is the same): an edge in between may be newer than the
// answer. So a watch that finds `ready` false may arm and wait, and one that finds it true must
// not.
class SocketTable {
 public:
  // As many as a process can have descriptors unless the administrator raised fs.nr_open.
  static constexpr std::uint32_t max_sockets = 1U << 20U;

  enum class Kind : std::uint8_t {
    stream,      // less than was asked for means drained (read) or full (write)
    connecting,  // a stream whose connect has not come to its result
    other,       // a listener or a datagram socket: every success may have another behind it
    file         // no socket at all, such as a pipe; for the rest as `other`
  };

 private:
  struct alignas(64) Slot {
    // Guards what follows. Held for a few instructions, and over epoll_ctl and getsockopt, which do
    // not wait.
    std::mutex mutex;
    std::uint32_t generation = 1;
    std::uint32_t pins = 0;
    int fd = -1;
    int connect_error = 0;  // errno with which the connect failed
    bool open = false;      // false with fd >= 0: closed, waiting for the last pin
    bool registered = false;
    Kind kind = Kind::stream;
    bool ready[2] = {};  // read, write
    bool ended[2] = {};  // epoll said this direction has come to its end or an error
    bool armed[2] = {};
    std::uint32_t edges = 0;
    std::uint64_t tokens[2] = {};

    // Not under the mutex: set once, and guarded by free_mutex_.
    std::uint32_t index = 0;
    Slot* next_free = nullptr;
  };

 public:
  SocketTable() = default;
  SocketTable(const SocketTable&) = delete;
  SocketTable& operator=(const SocketTable&) = delete;
  ~SocketTable();

  // Takes the descriptor in. Errors: too_many_files, and the descriptor is closed.
  std::expected<SocketId, IoError> insert(Descriptor descriptor, Kind kind);

  // The right to use a socket's descriptor for one call. False when the id is stale.
  class Pin {
   public:
    Pin(SocketTable& table, SocketId id) noexcept;
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin();

    explicit operator bool() const noexcept { return slot_ != nullptr; }
    int fd() const noexcept { return fd_; }
    bool is_stream() const noexcept { return kind_ == Kind::stream || kind_ == Kind::connecting; }
    bool is_socket() const noexcept { return kind_ != Kind::file; }

    // The kernel said there is nothing to do in this direction until the next edge.
    void would_block(Interest direction) noexcept { mark(blocked_, direction); }

    // The stream moved less than was asked, so there is nothing more but perhaps its end.
    void fell_short(Interest direction) noexcept { mark(short_, direction); }

    // A read or write met the error a connect under way was to report; the kernel tells it only
    // once.
    void failed(int error) noexcept { error_ = error; }

   private:
    static void mark(bool (&flags)[2], Interest direction) noexcept {
      flags[0] |= has(direction, Interest::read);
      flags[1] |= has(direction, Interest::write);
    }

    SocketTable& table_;
    Slot* slot_ = nullptr;
    int fd_ = -1;
    int error_ = 0;
    std::uint32_t edges_ = 0;
    Kind kind_ = Kind::other;
    bool blocked_[2] = {};
    bool short_[2] = {};
  };

  std::expected<void, IoError> connect_result(SocketId id);
  void close(SocketId id) noexcept;
  std::expected<WatchResult, IoError> watch(SocketId id, Interest interest, std::uint64_t token,
                                            int epoll);
  void unwatch(SocketId id) noexcept;

  // Takes an edge epoll reported for `key`, and tells how many of `out` it filled: one entry for
  // each token whose watch came true.
  std::size_t deliver(std::uint64_t key, std::uint32_t events, std::span<Ready, 2> out) noexcept;

  // What epoll carries for a socket. Never all ones, as no index is.
  static constexpr std::uint64_t key(SocketId id) noexcept {
    return std::uint64_t{id.generation} << 32U | id.index;
  }

 private:
  static constexpr std::uint32_t chunk_slots = 1024;

  Slot* find(std::uint32_t index) noexcept;
  Slot* lock_open(SocketId id, std::unique_lock<std::mutex>& lock) noexcept;
  Slot* take_free();
  void release(Slot& slot, std::unique_lock<std::mutex> lock) noexcept;

  // Chunks are published with release and never move or go before the table does.
  std::array<std::atomic<Slot*>, max_sockets / chunk_slots> chunks_{};
  std::mutex free_mutex_;  // guards what follows; never held together with a slot's
  Slot* free_ = nullptr;
  std::uint32_t used_ = 0;  // slots that ever had a tenant
};

}  // namespace troupe
