// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "host/descriptor.hpp"
#include "host/host.hpp"
#include "host/socket_table.hpp"

struct epoll_event;

namespace troupe {

// The host that is Linux: epoll, eventfd and the clocks.
//
// What happens when descriptors run out: accept() answers too_many_files and leaves the listener
// not ready, so a watch sleeps until somebody else knocks; the connections already queued wait in
// the kernel's backlog until the caller tries again by itself. Nobody is dropped and nothing spins.
//
// What a wake-up costs: one word says whether a thread waits in epoll. wake() exchanges it and
// calls the kernel only when one does; the eventfd is edge-triggered and never read, so poll() pays
// nothing.
class PosixHost final : public Host {
 public:
  // Errors: too_many_files, other (no epoll here).
  static std::expected<std::unique_ptr<PosixHost>, IoError> create();

  std::int64_t monotonic_ns() noexcept override;
  std::int64_t rough_monotonic_ns() noexcept override;
  std::int64_t system_ns() noexcept override;
  void random_bytes(std::span<std::byte> out) noexcept override;

  std::expected<SocketId, IoError> listen(const Endpoint& local, int backlog) override;
  std::expected<std::uint16_t, IoError> local_port(SocketId socket) override;
  std::expected<Accepted, IoError> accept(SocketId listener) override;
  std::expected<SocketId, IoError> connect(const Endpoint& remote) override;
  std::expected<void, IoError> connect_result(SocketId socket) override;
  std::expected<std::size_t, IoError> read(SocketId socket, std::span<std::byte> into) override;
  std::expected<std::size_t, IoError> write(SocketId socket,
                                            std::span<const std::byte> bytes) override;
  std::expected<std::size_t, IoError> writev(
      SocketId socket, std::span<const std::span<const std::byte>> pieces) override;
  std::expected<void, IoError> shutdown_write(SocketId socket) override;
  void close(SocketId socket) noexcept override;

  std::expected<WatchResult, IoError> watch(SocketId socket, Interest interest,
                                            std::uint64_t token) override;
  void unwatch(SocketId socket) noexcept override;
  std::size_t poll(std::int64_t timeout_ns, std::span<Ready> out) override;
  void wake() noexcept override;

  // Takes over a descriptor made elsewhere: a listening socket of a service supervisor, a pipe, an
  // eventfd. It is made non-blocking and close-on-exec and then is a socket like the others; reads
  // and writes of what is no socket are plain read and write. Errors: closed (not a descriptor),
  // too_many_files; the descriptor is closed then. Writing to a pipe nobody reads raises SIGPIPE:
  // there is no flag against it, the program must ignore the signal. watch() refuses what epoll
  // cannot watch.
  std::expected<SocketId, IoError> adopt(Descriptor descriptor);

 private:
  // Where a thread in poll() is, for wake(). Every change is an exchange or a compare-and-swap with
  // acquire and release, so each side sees what the other did before its change:
  //   idle     -> waiting   poll is about to wait
  //   idle     -> notified  wake with nobody waiting; the next poll does not wait
  //   waiting  -> notified  wake with somebody waiting: the one caller that writes to the eventfd
  //   any      -> idle      poll has returned from the kernel and takes what wake left
  enum class Sleep : std::uint8_t { idle, waiting, notified };

  PosixHost(Descriptor epoll, Descriptor wake_event) noexcept;

  int wait(std::int64_t timeout_ns, epoll_event* events, int capacity) noexcept;

  const Descriptor epoll_;
  const Descriptor wake_event_;
  SocketTable sockets_;
  std::atomic<bool> polled_{false};  // a thread is inside poll(); hands wait_in_ms_ on
  bool wait_in_ms_ = false;          // the kernel has no epoll_pwait2
  // By itself on a cache line: other threads knock here while the poller reads its neighbours.
  alignas(64) std::atomic<Sleep> sleep_{Sleep::idle};
};

}  // namespace troupe
