// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <sys/timerfd.h>
#include <thread>
#include <vector>

#include "loopback.hpp"

namespace troupe {
namespace {

class WatchTest : public Loopback {
 protected:
  std::array<Ready, 8> out;
};

TEST_F(WatchTest, a_watch_comes_true_once) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::armed);
  EXPECT_EQ(poll_now(out), 0U);
  send(client, "a");
  const Ready ready = next_ready();
  EXPECT_EQ(ready.token, 7U);
  EXPECT_TRUE(ready.readable);
  EXPECT_FALSE(ready.writable);
  EXPECT_FALSE(ready.hangup);
  send(client, "b");
  EXPECT_EQ(poll_now(out), 0U) << "one-shot";
}

TEST_F(WatchTest, with_bytes_left_to_read_watch_says_ready_instead_of_waiting) {
  const auto [client, server] = connected();
  send(client, "ab");
  await(server, Interest::read);
  EXPECT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::ready) << "nothing read";
  EXPECT_EQ(read_some(server, 1), "a");
  EXPECT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::ready) << "b is left";
  EXPECT_EQ(read_some(server, 1), "b");
  EXPECT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::ready) << "not known yet";
  EXPECT_EQ(read_error(server), IoErrorKind::would_block);
  EXPECT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::armed);
}

TEST_F(WatchTest, a_reader_that_got_less_than_it_asked_for_may_watch_at_once) {
  const auto [client, server] = connected();
  for (int round = 0; round < 3; ++round) {
    send(client, "ab");
    await(server, Interest::read);
    EXPECT_EQ(read_some(server), "ab");
    ASSERT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::armed);
    send(client, "c");
    EXPECT_EQ(next_ready().token, 7U);
    EXPECT_EQ(read_some(server), "c");
  }
}

// One edge tells of both, and the short read that takes the data must not make the host forget it.
TEST_F(WatchTest, an_end_that_came_along_with_the_last_bytes_is_not_missed) {
  const auto [client, server] = connected();
  EXPECT_EQ(read_error(server), IoErrorKind::would_block);
  ASSERT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::armed);
  send(client, "bye");
  ASSERT_TRUE(host->shutdown_write(client));
  const Ready ready = next_ready();
  EXPECT_TRUE(ready.readable);
  EXPECT_TRUE(ready.hangup);
  EXPECT_EQ(read_some(server), "bye");
  EXPECT_EQ(host->watch(server, Interest::read, 8).value(), WatchResult::ready);
  EXPECT_EQ(read_some(server), "");
  EXPECT_EQ(host->watch(server, Interest::read, 8).value(), WatchResult::ready) << "for good";
}

TEST_F(WatchTest, what_is_ready_when_the_first_watch_begins_is_reported) {
  const auto [client, server] = connected();
  send(client, "early");
  EXPECT_EQ(host->watch(server, Interest::read, 7).value(), WatchResult::armed);
  EXPECT_EQ(next_ready().token, 7U);
}

TEST_F(WatchTest, what_came_between_the_read_and_the_watch_is_reported) {
  const auto [client, server] = connected();
  await(client, Interest::write);
  EXPECT_EQ(read_error(client), IoErrorKind::would_block);
  send(server, "between");
  EXPECT_EQ(host->watch(client, Interest::read, 7).value(), WatchResult::armed);
  EXPECT_EQ(next_ready().token, 7U);

  // The same when poll has taken the edge while nobody watched.
  EXPECT_EQ(read_some(client), "between");
  send(server, "again");
  EXPECT_EQ(poll_now(out), 0U);
  EXPECT_EQ(host->watch(client, Interest::read, 8).value(), WatchResult::ready);
}

TEST_F(WatchTest, one_token_for_both_directions_gives_one_answer_and_disarms_both) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read_write, 7).value(), WatchResult::armed);
  const Ready ready = next_ready();
  EXPECT_EQ(ready.token, 7U);
  EXPECT_TRUE(ready.writable);
  EXPECT_FALSE(ready.readable);
  send(client, "a");
  EXPECT_EQ(poll_now(out), 0U);
}

TEST_F(WatchTest, both_directions_ready_at_once_under_one_token_are_one_answer) {
  const auto [client, server] = connected();
  send(client, "a");
  ASSERT_EQ(host->watch(server, Interest::read_write, 7).value(), WatchResult::armed);
  const Ready ready = next_ready();
  EXPECT_TRUE(ready.readable);
  EXPECT_TRUE(ready.writable);
  EXPECT_EQ(poll_now(out), 0U);
}

TEST_F(WatchTest, reader_and_writer_may_wait_under_tokens_of_their_own) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read, 1).value(), WatchResult::armed);
  // Armed before epoll's first report, which says writable.
  ASSERT_EQ(host->watch(server, Interest::write, 2).value(), WatchResult::armed);
  EXPECT_EQ(next_ready().token, 2U);
  send(client, "a");
  EXPECT_EQ(next_ready().token, 1U);
}

TEST_F(WatchTest, two_tokens_that_come_true_together_are_both_reported) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read, 1).value(), WatchResult::armed);
  ASSERT_EQ(host->watch(server, Interest::write, 2).value(), WatchResult::armed);
  send(client, "a");
  ASSERT_EQ(host->poll(patience_ns, out), 2U);
  EXPECT_EQ(out[0].token, 1U);
  EXPECT_TRUE(out[0].readable);
  EXPECT_FALSE(out[0].writable);
  EXPECT_EQ(out[1].token, 2U);
  EXPECT_FALSE(out[1].readable);
  EXPECT_TRUE(out[1].writable);
}

TEST_F(WatchTest, a_later_watch_replaces_the_earlier_one) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read, 1).value(), WatchResult::armed);
  ASSERT_EQ(host->watch(server, Interest::read, 2).value(), WatchResult::armed);
  send(client, "a");
  EXPECT_EQ(next_ready().token, 2U);
  EXPECT_EQ(poll_now(out), 0U);
}

TEST_F(WatchTest, what_is_unwatched_or_closed_is_not_reported) {
  const auto [client, server] = connected();
  const auto [other_client, other_server] = connected();
  ASSERT_EQ(host->watch(server, Interest::read, 1).value(), WatchResult::armed);
  ASSERT_EQ(host->watch(other_server, Interest::read, 2).value(), WatchResult::armed);
  send(client, "a");
  send(other_client, "a");
  host->unwatch(server);
  host->close(other_server);
  EXPECT_EQ(poll_now(out), 0U);
  EXPECT_EQ(host->watch(server, Interest::read, 3).value(), WatchResult::ready);
}

TEST_F(WatchTest, a_small_room_for_answers_loses_none) {
  std::vector<Pair> pairs;
  for (int i = 0; i < 10; ++i) pairs.push_back(connected());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(host->watch(pairs[i].server, Interest::read, i));
    send(pairs[i].client, "a");
  }
  std::vector<std::uint64_t> tokens;
  std::array<Ready, 3> small;
  while (const std::size_t count = host->poll(0, small)) {
    for (const Ready& ready : std::span{small}.first(count)) tokens.push_back(ready.token);
  }
  std::sort(tokens.begin(), tokens.end());
  EXPECT_EQ(tokens, (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(WatchTest, a_listener_stays_ready_until_its_queue_is_empty) {
  std::vector<SocketId> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(host->connect({"127.0.0.1", port}).value());
    ASSERT_TRUE(finish_connect(clients.back()));
  }
  await(listener, Interest::read);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(host->watch(listener, Interest::read, 7).value(), WatchResult::ready);
    EXPECT_TRUE(host->accept(listener));
  }
  EXPECT_EQ(host->accept(listener).error().kind, IoErrorKind::would_block);
  EXPECT_EQ(host->watch(listener, Interest::read, 7).value(), WatchResult::armed);
  clients.push_back(host->connect({"127.0.0.1", port}).value());
  EXPECT_EQ(next_ready().token, 7U);
}

TEST_F(WatchTest, a_reset_is_a_hangup_for_both_directions) {
  const auto [client, server] = connected();
  ASSERT_EQ(host->watch(client, Interest::read, 7).value(), WatchResult::armed);
  EXPECT_EQ(poll_now(out), 0U);
  send(client, "unread");
  await(server, Interest::read);
  host->close(server);
  // `await` above may not swallow the client's answer: it asserts that the token is its own.
  const Ready ready = next_ready();
  EXPECT_EQ(ready.token, 7U);
  EXPECT_TRUE(ready.hangup);
  EXPECT_EQ(host->watch(client, Interest::write, 8).value(), WatchResult::ready);
}

// Bytes come one by one, so that they meet the reader in every state: before its read, between the
// "would block" and the watch, while poll hands out the edge before. One lost edge and all stand
// still.
TEST_F(WatchTest, no_readiness_is_lost_between_a_writer_a_reader_and_a_poller) {
  constexpr int bytes = 30'000;
  const auto [client, server] = connected();
  std::atomic<std::uint64_t> wakeups{0};
  std::atomic<bool> stop{false};
  std::thread poller{[&] {
    std::array<Ready, 16> ready;
    while (!stop.load(std::memory_order_acquire)) {
      const std::size_t count = host->poll(-1, ready);
      if (count == 0) continue;
      wakeups.fetch_add(count, std::memory_order_release);
      wakeups.notify_one();
    }
  }};
  std::atomic<int> read_so_far{0};
  std::thread writer{[&, socket = client] {
    for (int i = 0; i < bytes; ++i) {
      while (!host->write(socket, bytes_of("x"))) std::this_thread::yield();
      // Every other byte waits for the reader to be nearly asleep, the rest come as they may.
      while (i % 2 == 0 && read_so_far.load(std::memory_order_acquire) < i) {
        std::this_thread::yield();
      }
    }
  }};
  std::array<std::byte, 8> buffer;
  for (int got = 0; got < bytes;) {
    const auto n = host->read(server, buffer);
    if (n) {
      got += static_cast<int>(*n);
      read_so_far.store(got, std::memory_order_release);
      continue;
    }
    EXPECT_EQ(n.error().kind, IoErrorKind::would_block);
    const std::uint64_t before = wakeups.load(std::memory_order_acquire);
    const auto watch = host->watch(server, Interest::read, 7);
    if (watch && *watch == WatchResult::armed) wakeups.wait(before, std::memory_order_acquire);
  }
  writer.join();
  stop.store(true, std::memory_order_release);
  host->wake();
  poller.join();
}

TEST_F(WatchTest, an_adopted_descriptor_is_watched_like_a_socket) {
  const int timer = ::timerfd_create(CLOCK_MONOTONIC, 0);
  const auto id = host->adopt(Descriptor{timer});
  ASSERT_TRUE(id);
  std::uint64_t expirations = 0;
  const auto bytes = std::as_writable_bytes(std::span{&expirations, 1});
  EXPECT_EQ(host->read(*id, bytes).error().kind, IoErrorKind::would_block) << "made non-blocking";
  ASSERT_EQ(host->watch(*id, Interest::read, 7).value(), WatchResult::armed);
  const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1}};
  ASSERT_EQ(::timerfd_settime(timer, 0, &soon, nullptr), 0);
  EXPECT_EQ(next_ready().token, 7U);
  EXPECT_EQ(host->read(*id, bytes).value(), 8U);
  EXPECT_EQ(expirations, 1U);
}

TEST_F(WatchTest, what_is_no_descriptor_or_cannot_be_watched_is_refused) {
  EXPECT_EQ(host->adopt(Descriptor{-1}).error().kind, IoErrorKind::closed);
  const auto file = host->adopt(Descriptor{::open("/proc/self/exe", O_RDONLY)});
  ASSERT_TRUE(file);
  EXPECT_FALSE(host->watch(*file, Interest::read, 7)) << "epoll takes no regular files";
}

}  // namespace
}  // namespace troupe
