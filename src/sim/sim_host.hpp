// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "host/host.hpp"

namespace troupe::detail {

// The machine of a simulation: its clocks are the simulation's, its entropy is the seed's, and its
// network exists in memory. Connections are streams between sockets of the simulation; what is
// written arrives after a drawn delay, in order, in pieces of drawn sizes, and a peer that does not
// read slows its writer down. Nothing here waits; the executor asks when the next event is due and
// lets it happen.
class SimHost final : public Host {
 public:
  // `now_ns` is the simulation's clock, read whenever time matters.
  SimHost(Prng prng, const std::int64_t& now_ns, std::int64_t epoch_ns) noexcept;

  std::int64_t monotonic_ns() noexcept override { return now_ns_; }
  std::int64_t system_ns() noexcept override { return epoch_ns_ + now_ns_; }
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
  void wake() noexcept override {}

  // When something next happens on the network, -1: nothing is under way.
  std::int64_t next_event_ns() const noexcept;
  void run_next_event();

 private:
  // What a socket's peer may have unread or under way before its writer has to wait.
  static constexpr std::size_t window = 64 * 1024;

  enum class State : std::uint8_t { closed, listening, connecting, failed, open };

  struct Watch {
    std::uint64_t token = 0;
    bool armed = false;
  };

  struct Socket {
    std::uint32_t generation = 1;
    State state = State::closed;
    std::uint16_t port = 0;
    std::uint16_t peer_port = 0;
    SocketId peer;
    std::size_t backlog = 0;
    std::deque<SocketId> waiting;  // a listener's connections that nobody has accepted
    std::string input;             // arrived and unread
    std::size_t in_flight = 0;     // written by the peer, not yet arrived
    std::int64_t last_arrival_ns = 0;
    bool input_ended = false;
    bool output_ended = false;
    bool was_reset = false;
    Watch read_watch;
    Watch write_watch;
  };

  struct Event {
    enum class Kind : std::uint8_t { connected, data, end, reset, window } kind;
    SocketId socket;
    std::string data;
  };

  Socket* find(SocketId id) noexcept;
  SocketId open_socket(State state);
  std::int64_t arrival(Socket& receiver);
  void schedule(std::int64_t at_ns, Event event);
  bool is_readable(const Socket& socket) const noexcept;
  bool is_writable(const Socket& socket) noexcept;
  void announce(SocketId id);
  SocketId listener_on(std::uint16_t port) noexcept;

  Prng prng_;
  const std::int64_t& now_ns_;
  std::int64_t epoch_ns_;
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> free_;
  std::multimap<std::int64_t, Event> events_;
  std::deque<Ready> ready_;
  std::uint16_t next_port_ = 32'768;
};

}  // namespace troupe::detail
