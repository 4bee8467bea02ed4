// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The meetings of a call and an edge that a test with a real network cannot bring about at will.
#include "host/socket_table.hpp"

#include <array>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "host/address.hpp"

namespace troupe {
namespace {

class SocketTableTest : public testing::Test {
 protected:
  SocketId insert(SocketTable::Kind kind) {
    return table.insert(Descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, kind).value();
  }

  WatchResult watch(SocketId id, Interest interest, std::uint64_t token = 7) {
    return table.watch(id, interest, token, epoll.get()).value();
  }

  // Registers the socket and leaves nothing armed.
  void registered(SocketId id) {
    EXPECT_EQ(watch(id, Interest::read_write), WatchResult::armed);
    table.unwatch(id);
  }

  std::size_t deliver(SocketId id, std::uint32_t events) {
    return table.deliver(SocketTable::key(id), events, out);
  }

  SocketTable table;
  const Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  std::array<Ready, 2> out;
};

TEST_F(SocketTableTest, an_edge_seen_during_a_call_outlives_the_calls_would_block) {
  const SocketId id = insert(SocketTable::Kind::stream);
  registered(id);
  {
    SocketTable::Pin pin{table, id};
    EXPECT_EQ(deliver(id, EPOLLIN), 0U);  // newer than the kernel's answer, as far as anyone knows
    pin.would_block(Interest::read);
  }
  EXPECT_EQ(watch(id, Interest::read), WatchResult::ready);
  {
    SocketTable::Pin pin{table, id};
    pin.would_block(Interest::read);
  }
  EXPECT_EQ(watch(id, Interest::read), WatchResult::armed);
}

TEST_F(SocketTableTest, a_call_that_goes_on_takes_no_readiness_away_from_others) {
  const SocketId id = insert(SocketTable::Kind::other);
  registered(id);
  deliver(id, EPOLLIN);
  const SocketTable::Pin accepting{table, id};
  EXPECT_EQ(watch(id, Interest::read), WatchResult::ready);
}

TEST_F(SocketTableTest, an_end_is_not_forgotten_by_a_short_read_but_by_would_block) {
  const SocketId id = insert(SocketTable::Kind::stream);
  registered(id);
  deliver(id, EPOLLIN | EPOLLRDHUP);
  {
    SocketTable::Pin{table, id}.fell_short(Interest::read);
  }
  EXPECT_EQ(watch(id, Interest::read), WatchResult::ready);
  {
    SocketTable::Pin{table, id}.would_block(Interest::read);
  }
  EXPECT_EQ(watch(id, Interest::read), WatchResult::armed);
}

TEST_F(SocketTableTest, a_connect_under_way_takes_back_what_made_it_look_finished) {
  const SocketId id = insert(SocketTable::Kind::connecting);
  registered(id);
  deliver(id, EPOLLOUT);
  EXPECT_EQ(watch(id, Interest::write), WatchResult::ready);
  EXPECT_EQ(table.connect_result(id).error().kind, IoErrorKind::would_block);
  EXPECT_EQ(watch(id, Interest::write), WatchResult::armed);
}

// Its descriptor must not return to the kernel before the call ends, nor its place to the table.
TEST_F(SocketTableTest, a_socket_closed_under_a_call_is_kept_for_it) {
  const SocketId id = insert(SocketTable::Kind::stream);
  int fd = -1;
  {
    const SocketTable::Pin pin{table, id};
    fd = pin.fd();
    table.close(id);
    EXPECT_NE(::fcntl(fd, F_GETFD), -1) << "still open";
    EXPECT_FALSE((SocketTable::Pin{table, id})) << "but for nobody else";
    EXPECT_NE(insert(SocketTable::Kind::stream).index, id.index);
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "closed with the last call";
  const SocketId next = insert(SocketTable::Kind::stream);
  EXPECT_EQ(next.index, id.index);
  EXPECT_NE(next.generation, id.generation);
}

TEST_F(SocketTableTest, a_place_remembers_nothing_of_its_last_tenant) {
  const SocketId old = insert(SocketTable::Kind::stream);
  registered(old);
  deliver(old, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR);
  table.close(old);
  const SocketId next = insert(SocketTable::Kind::stream);
  ASSERT_EQ(next.index, old.index);
  EXPECT_EQ(watch(next, Interest::read_write), WatchResult::armed);
  deliver(next, EPOLLIN);
  {
    SocketTable::Pin{table, next}.fell_short(Interest::read);
  }
  EXPECT_EQ(watch(next, Interest::read), WatchResult::armed);
}

TEST_F(SocketTableTest, a_socket_epoll_refuses_is_armed_for_nothing) {
  const SocketId id = insert(SocketTable::Kind::stream);
  EXPECT_EQ(table.watch(id, Interest::read, 7, -1).error().kind, IoErrorKind::closed);
  EXPECT_EQ(deliver(id, EPOLLIN), 0U);
}

// TCP's simultaneous open, by hand: a socket that connects to the port it is bound to.
TEST_F(SocketTableTest, a_stream_connected_to_itself_counts_as_refused) {
  SocketAddress address = to_socket_address({"127.0.0.1", 0}).value();
  Descriptor fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::bind(fd.get(), address.data(), address.length), 0);
  ASSERT_EQ(::getsockname(fd.get(), address.data(), &address.length), 0);
  ASSERT_EQ(::connect(fd.get(), address.data(), address.length), 0);
  const SocketId id = table.insert(std::move(fd), SocketTable::Kind::connecting).value();
  EXPECT_EQ(table.connect_result(id).error().kind, IoErrorKind::refused);
}

}  // namespace
}  // namespace troupe
