// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

#include "loopback.hpp"

namespace troupe {
namespace {

class SocketTest : public Loopback {};

// Bytes in which a lost, doubled or swapped piece shows.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& each : text) {
    state = state * 1664525 + 1013904223;
    each = static_cast<char>(state >> 24);
  }
  return text;
}

// Sets the soft limit of open descriptors for a scope.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &former_);
    rlimit limit = former_;
    limit.rlim_cur = std::min(soft, former_.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    reached_ = limit.rlim_cur == soft;
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &former_); }
  bool reached() const { return reached_; }

 private:
  rlimit former_{};
  bool reached_ = false;
};

std::set<int> open_descriptors() {
  std::set<int> open;
  DIR* directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') open.insert(std::atoi(entry->d_name));
  }
  open.erase(::dirfd(directory));
  ::closedir(directory);
  return open;
}

TEST_F(SocketTest, what_one_side_writes_the_other_reads) {
  const auto [client, server] = connected();
  send(client, "hello");
  EXPECT_EQ(read_exactly(server, 5), "hello");
  send(server, "world");
  EXPECT_EQ(read_exactly(client, 5), "world");
}

TEST_F(SocketTest, accept_tells_who_connected) {
  const SocketId client = host->connect({"localhost", port}).value();
  ASSERT_TRUE(finish_connect(client));
  await(listener, Interest::read);
  const Accepted accepted = host->accept(listener).value();
  EXPECT_EQ(accepted.peer, (Endpoint{"127.0.0.1", host->local_port(client).value()}));
}

TEST_F(SocketTest, with_nothing_to_do_calls_would_block) {
  EXPECT_EQ(host->accept(listener).error().kind, IoErrorKind::would_block);
  const auto [client, server] = connected();
  EXPECT_EQ(read_error(client), IoErrorKind::would_block);
}

TEST_F(SocketTest, a_connect_nobody_answers_is_under_way_until_it_is_closed) {
  // A full accept queue drops further SYNs.
  const SocketId full = host->listen({"127.0.0.1", 0}, 0).value();
  const Endpoint there{"127.0.0.1", host->local_port(full).value()};
  const SocketId first = host->connect(there).value();
  ASSERT_TRUE(finish_connect(first));
  const SocketId second = host->connect(there).value();
  EXPECT_EQ(host->connect_result(second).error().kind, IoErrorKind::would_block);
  EXPECT_EQ(host->shutdown_write(second).error().kind, IoErrorKind::would_block);
  EXPECT_EQ(host->write(second, bytes_of("x")).error().kind, IoErrorKind::would_block);
  EXPECT_EQ(read_error(second), IoErrorKind::would_block);
  host->close(second);
  EXPECT_EQ(host->connect_result(second).error().kind, IoErrorKind::closed);
}

TEST_F(SocketTest, connecting_to_a_port_nobody_listens_on_is_refused) {
  host->close(listener);
  const auto client = host->connect({"127.0.0.1", port});
  if (!client) {
    EXPECT_EQ(client.error().kind, IoErrorKind::refused);
    return;
  }
  EXPECT_EQ(finish_connect(*client).error().kind, IoErrorKind::refused);
  EXPECT_EQ(host->connect_result(*client).error().kind, IoErrorKind::refused) << "asked again";
}

TEST_F(SocketTest, a_read_that_meets_the_failed_connect_does_not_swallow_its_reason) {
  host->close(listener);
  const auto client = host->connect({"127.0.0.1", port});
  if (!client) GTEST_SKIP() << "refused at once here";
  await(*client, Interest::write);
  EXPECT_EQ(read_error(*client), IoErrorKind::refused);
  EXPECT_EQ(host->connect_result(*client).error().kind, IoErrorKind::refused);
}

TEST_F(SocketTest, half_close_ends_one_direction_only) {
  const auto [client, server] = connected();
  send(client, "question");
  ASSERT_TRUE(host->shutdown_write(client));
  EXPECT_EQ(read_exactly(server, 8), "question");
  EXPECT_EQ(read_some(server), "");
  EXPECT_EQ(read_some(server), "") << "the end stays the end";
  send(server, "answer");
  EXPECT_EQ(read_exactly(client, 6), "answer");
  EXPECT_EQ(host->write(client, bytes_of("x")).error().kind, IoErrorKind::closed);
}

TEST_F(SocketTest, closing_with_unread_input_resets_the_peer) {
  const auto [client, server] = connected();
  send(client, "never read");
  await(server, Interest::read);
  host->close(server);
  await(client, Interest::read);
  EXPECT_EQ(read_error(client), IoErrorKind::reset);
}

TEST_F(SocketTest, writing_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
  const auto [client, server] = connected();
  send(client, "never read");
  await(server, Interest::read);
  host->close(server);
  await(client, Interest::read);
  const IoErrorKind first = host->write(client, bytes_of("x")).error().kind;
  EXPECT_TRUE(first == IoErrorKind::reset || first == IoErrorKind::closed);
  EXPECT_EQ(host->write(client, bytes_of("x")).error().kind, IoErrorKind::closed);
}

TEST_F(SocketTest, a_large_write_goes_on_as_the_reader_makes_room) {
  const auto [client, server] = connected();
  const std::string sent = pattern(16 << 20);
  std::size_t written = 0;
  std::string received;
  bool blocked = false;
  while (received.size() < sent.size()) {
    while (written < sent.size()) {
      const auto n = host->write(client, bytes_of(sent).subspan(written));
      if (!n) {
        ASSERT_EQ(n.error().kind, IoErrorKind::would_block);
        blocked = true;
        break;
      }
      ASSERT_GT(*n, 0U);
      written += *n;
    }
    received += read_some(server, 1 << 20);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_TRUE(blocked) << "nothing pressed back";
  EXPECT_TRUE(received == sent);
}

TEST_F(SocketTest, a_writer_that_waits_is_told_when_there_is_room) {
  const auto [client, server] = connected();
  const std::string chunk = pattern(1 << 20);
  std::size_t written = 0;
  for (;;) {
    const auto n = host->write(client, bytes_of(chunk));
    if (!n) break;
    written += *n;
  }
  ASSERT_EQ(host->watch(client, Interest::write, 7).value(), WatchResult::armed);
  std::array<Ready, 2> out;
  ASSERT_EQ(poll_now(out), 0U);
  read_exactly(server, written);
  // Data is on its way between the two ends until the reader has had all of it.
  const Ready ready = next_ready();
  EXPECT_EQ(ready.token, 7U);
  EXPECT_TRUE(ready.writable);
  EXPECT_FALSE(ready.readable);
  EXPECT_TRUE(host->write(client, bytes_of("x")));
}

TEST_F(SocketTest, pieces_arrive_in_order_and_empty_ones_do_not_matter) {
  const auto [client, server] = connected();
  const std::array pieces{bytes_of("one "), bytes_of(""), bytes_of("two "), bytes_of("three")};
  EXPECT_EQ(host->writev(client, pieces).value(), 13U);
  EXPECT_EQ(read_exactly(server, 13), "one two three");
  EXPECT_EQ(host->writev(client, {}).value(), 0U);
  EXPECT_EQ(host->write(client, {}).value(), 0U);
}

TEST_F(SocketTest, more_pieces_than_fit_one_call_go_out_in_several) {
  const auto [client, server] = connected();
  const std::string sent = pattern(Host::max_pieces * 2);
  std::vector<std::span<const std::byte>> pieces;
  for (std::size_t i = 0; i < sent.size(); ++i) pieces.push_back(bytes_of(sent).subspan(i, 1));
  const std::size_t n = host->writev(client, pieces).value();
  EXPECT_EQ(n, Host::max_pieces);
  EXPECT_EQ(host->writev(client, std::span{pieces}.subspan(n)).value(), Host::max_pieces);
  EXPECT_EQ(read_exactly(server, sent.size()), sent);
}

TEST_F(SocketTest, a_thousand_connections_are_served_side_by_side) {
  constexpr std::size_t connections = 1000;
  const DescriptorLimit limit{2 * connections + 100};
  if (!limit.reached()) GTEST_SKIP() << "this machine allows fewer descriptors";
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < connections; ++i) pairs.push_back(connected());
  ASSERT_FALSE(HasFailure());

  // Token = number of the connection. Every server side waits, then every client speaks.
  for (std::size_t i = 0; i < connections; ++i) {
    ASSERT_EQ(host->watch(pairs[i].server, Interest::read, i).value(), WatchResult::armed);
  }
  for (std::size_t i = 0; i < connections; ++i) send(pairs[i].client, std::to_string(i) + ";");
  std::vector<int> served(connections, 0);
  std::array<Ready, 64> out;
  for (std::size_t done = 0; done < connections;) {
    const std::size_t count = host->poll(patience_ns, out);
    ASSERT_GT(count, 0U);
    for (const Ready& ready : std::span{out}.first(count)) {
      const std::string said = read_some(pairs.at(ready.token).server);
      EXPECT_EQ(said, std::to_string(ready.token) + ";");
      ++served[ready.token];
      ++done;
      send(pairs[ready.token].server, said);
    }
  }
  EXPECT_EQ(std::count(served.begin(), served.end(), 1), connections);
  for (std::size_t i = 0; i < connections; ++i) {
    const std::string expected = std::to_string(i) + ";";
    EXPECT_EQ(read_exactly(pairs[i].client, expected.size()), expected);
  }
}

TEST_F(SocketTest, a_port_somebody_listens_on_is_in_use) {
  EXPECT_EQ(host->listen({"127.0.0.1", port}, 1).error().kind, IoErrorKind::address_in_use);
}

TEST_F(SocketTest, a_port_is_free_again_as_soon_as_its_listener_is_closed) {
  const auto [client, server] = connected();
  host->close(server);  // the side that closes first keeps the port in TIME_WAIT
  EXPECT_EQ(read_some(client), "");
  host->close(client);
  host->close(listener);
  const auto again = host->listen({"127.0.0.1", port}, 1);
  EXPECT_TRUE(again) << again.error().describe();
}

TEST_F(SocketTest, names_are_never_looked_up_by_listen_and_connect) {
  for (const std::string host_name : {"example.org", "", "127.0.0.1 ", "1.2.3", "::g"}) {
    EXPECT_EQ(host->connect({host_name, port}).error().kind, IoErrorKind::bad_address);
    EXPECT_EQ(host->listen({host_name, 0}, 1).error().kind, IoErrorKind::bad_address);
  }
}

TEST_F(SocketTest, listening_on_an_address_of_another_machine_is_a_bad_address) {
  // TEST-NET-1, RFC 5737.
  EXPECT_EQ(host->listen({"192.0.2.1", 0}, 1).error().kind, IoErrorKind::bad_address);
}

TEST_F(SocketTest, version_6_works_and_a_version_4_peer_has_its_own_address_there) {
  const auto both = host->listen({"::", 0}, 16);
  if (!both) GTEST_SKIP() << "no IPv6 here: " << both.error().describe();
  listener = *both;
  port = host->local_port(listener).value();
  for (const std::string from : {"::1", "127.0.0.1"}) {
    const SocketId client = host->connect({from, port}).value();
    ASSERT_TRUE(finish_connect(client));
    await(listener, Interest::read);
    EXPECT_EQ(host->accept(listener).value().peer.host, from);
    EXPECT_EQ(host->accept(listener).error().kind, IoErrorKind::would_block);
  }
}

TEST_F(SocketTest, no_socket_blocks_is_inherited_or_waits_to_fill_a_segment) {
  const std::set<int> before = open_descriptors();
  connected();
  const std::set<int> after = open_descriptors();
  int seen = 0;
  for (const int fd : after) {
    if (before.contains(fd)) continue;
    ++seen;
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_EQ(no_delay, 1);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(seen, 2);
}

TEST_F(SocketTest, out_of_descriptors_accept_says_so_nobody_spins_and_nobody_is_dropped) {
  const SocketId client = host->connect({"127.0.0.1", port}).value();
  ASSERT_TRUE(finish_connect(client));
  await(listener, Interest::read);
  {
    const DescriptorLimit none_left{0};
    EXPECT_EQ(host->accept(listener).error().kind, IoErrorKind::too_many_files);
    EXPECT_EQ(host->connect({"127.0.0.1", port}).error().kind, IoErrorKind::too_many_files);
    EXPECT_EQ(host->listen({"127.0.0.1", 0}, 1).error().kind, IoErrorKind::too_many_files);
    // The queue is not empty, but a caller that only watches must not be woken again and again.
    EXPECT_EQ(host->watch(listener, Interest::read, 1).value(), WatchResult::armed);
    std::array<Ready, 2> out;
    EXPECT_EQ(poll_now(out), 0U);
  }
  const auto accepted = host->accept(listener);
  ASSERT_TRUE(accepted);
  send(client, "still here");
  EXPECT_EQ(read_exactly(accepted->socket, 10), "still here");
}

TEST_F(SocketTest, closing_gives_every_descriptor_back) {
  const std::set<int> before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    const auto [client, server] = connected();
    host->close(client);
    host->close(server);
  }
  EXPECT_EQ(open_descriptors(), before);
  host.reset();
  EXPECT_LT(open_descriptors().size(), before.size());
}

}  // namespace
}  // namespace troupe
