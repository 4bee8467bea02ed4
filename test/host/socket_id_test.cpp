// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <atomic>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "loopback.hpp"

namespace troupe {
namespace {

class SocketIdTest : public Loopback {
 protected:
  // Every call on a stale id answers `closed` and does nothing.
  void expect_stale(SocketId id) {
    std::byte one{};
    const std::array pieces{std::span<const std::byte>{&one, 1}};
    EXPECT_EQ(host->read(id, {&one, 1}).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->write(id, {&one, 1}).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->writev(id, pieces).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->accept(id).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->local_port(id).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->connect_result(id).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->shutdown_write(id).error().kind, IoErrorKind::closed);
    EXPECT_EQ(host->watch(id, Interest::read_write, 1).error().kind, IoErrorKind::closed);
    host->unwatch(id);
    host->close(id);
  }
};

// Two ends of a stream without a network, so that many can come and go quickly.
Pair adopted_pair(PosixHost& host) {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const SocketId first = host.adopt(Descriptor{fds[0]}).value();
  return {first, host.adopt(Descriptor{fds[1]}).value()};
}

TEST_F(SocketIdTest, the_null_id_and_made_up_ones_are_stale) {
  expect_stale({});
  expect_stale({listener.index, listener.generation + 1});
  expect_stale({listener.index + 1, 1});
  expect_stale({~0U, ~0U});
}

TEST_F(SocketIdTest, a_closed_id_stays_stale_when_its_place_and_descriptor_have_a_new_owner) {
  Pair now = connected();
  for (int i = 0; i < 50; ++i) {
    const Pair old = now;
    ASSERT_TRUE(host->watch(old.client, Interest::read, 99));
    host->close(old.client);
    host->close(old.server);
    now = connected();
    ASSERT_TRUE(now.client.index == old.client.index || now.client.index == old.server.index);
    expect_stale(old.client);
    expect_stale(old.server);
    send(now.client, "mine");
    EXPECT_EQ(read_exactly(now.server, 4), "mine");
  }
}

TEST_F(SocketIdTest, closing_twice_closes_nobody_else) {
  const SocketId first = connected().client;
  host->close(first);
  const auto [client, server] = connected();
  host->close(first);
  host->close(first);
  send(client, "alive");
  EXPECT_EQ(read_exactly(server, 5), "alive");
}

TEST_F(SocketIdTest, readiness_of_a_closed_socket_is_not_reported_to_its_successor) {
  const Pair old = adopted_pair(*host);
  ASSERT_EQ(host->watch(old.client, Interest::read, 1).value(), WatchResult::armed);
  send(old.server, "x");
  // The edge is in epoll now, unseen. The next tenant of the place must not get it.
  host->close(old.client);
  const Pair next = adopted_pair(*host);
  ASSERT_EQ(next.client.index, old.client.index) << "the place was not reused; nothing is tested";
  ASSERT_EQ(host->watch(next.client, Interest::read, 2).value(), WatchResult::armed);
  std::array<Ready, 4> out;
  EXPECT_EQ(poll_now(out), 0U);
  send(next.server, "y");
  EXPECT_EQ(next_ready().token, 2U);
}

// Two threads open pairs, talk and close; what they closed goes to a third one, which uses it while
// places and descriptors have long been taken again. It must never succeed, and no talk be
// disturbed.
TEST_F(SocketIdTest, stale_ids_disturb_nobody_while_sockets_come_and_go) {
  constexpr int rounds = 3000;
  std::atomic<std::uint64_t> closed{0};
  std::atomic<int> talking{2};
  const auto talk = [&](char name) {
    for (int i = 0; i < rounds; ++i) {
      const auto [first, second] = adopted_pair(*host);
      const std::string said{name, static_cast<char>('a' + i % 26)};
      EXPECT_EQ(host->write(first, bytes_of(said)).value(), 2U);
      std::string heard(64, '\0');
      const auto n = host->read(second, std::as_writable_bytes(std::span{heard}));
      ASSERT_TRUE(n) << n.error().describe();
      EXPECT_EQ(heard.substr(0, *n), said);
      host->close(first);
      host->close(second);
      closed.store(SocketTable::key(i % 2 == 0 ? first : second), std::memory_order_release);
    }
    talking.fetch_sub(1);
  };
  std::thread one{talk, '1'};
  std::thread two{talk, '2'};
  while (talking.load() != 0) {
    const std::uint64_t key = closed.load(std::memory_order_acquire);
    if (key == 0) continue;
    expect_stale({static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)});
  }
  one.join();
  two.join();
}

// A call in flight holds on to its descriptor: closing under it must not let it touch another
// socket.
TEST_F(SocketIdTest, closing_under_a_call_in_flight_is_safe) {
  constexpr int rounds = 2000;
  std::atomic<std::uint64_t> current{0};
  std::atomic<bool> stop{false};
  std::atomic<int> foreign{0};
  std::thread reader{[&] {
    std::array<std::byte, 16> buffer;
    while (!stop.load(std::memory_order_acquire)) {
      const std::uint64_t key = current.load(std::memory_order_acquire);
      const SocketId id{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32U)};
      const auto n = host->read(id, buffer);
      const auto tag = static_cast<std::byte>(id.generation & 0xffU);
      for (std::size_t i = 0; n && i < *n; ++i) foreign += buffer[i] != tag ? 1 : 0;
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    const auto [first, second] = adopted_pair(*host);
    // The bytes name their reader's generation, so that one that reads another's is caught.
    std::array<std::byte, 4> said;
    said.fill(static_cast<std::byte>(first.generation & 0xffU));
    current.store(SocketTable::key(first), std::memory_order_release);
    EXPECT_TRUE(host->write(second, said));
    host->close(first);
    host->close(second);
  }
  stop.store(true, std::memory_order_release);
  reader.join();
  EXPECT_EQ(foreign.load(), 0);
}

}  // namespace
}  // namespace troupe
