// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/mailbox.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "runtime/envelope_list.hpp"

namespace troupe::detail {
namespace {

struct Numbered {
  unsigned producer;
  std::uint64_t number;
};

Envelope* envelope_of(std::uint64_t number, unsigned producer = 0) {
  return make_envelope<Numbered>(producer, number);
}
std::uint64_t number_of(Envelope* envelope) { return value_of<Numbered>(envelope).number; }

// The numbers of a list, which is freed.
std::vector<std::uint64_t> numbers(Envelope* list) {
  std::vector<std::uint64_t> result;
  while (list) {
    Envelope* next = list->next;
    result.push_back(number_of(list));
    free_envelope(list);
    list = next;
  }
  return result;
}

struct Box {
  explicit Box(std::uint32_t tenant = 7) : generation{tenant} {
    inbox.start_closed();
    inbox.open(tenant);
  }
  Inbox::Push push(std::uint64_t number) { return push_as(generation.load(), number); }
  Inbox::Push push_as(std::uint32_t wanted, std::uint64_t number) {
    Envelope* envelope = envelope_of(number);
    const Inbox::Push result = inbox.push(generation, wanted, envelope);
    if (result == Inbox::Push::nobody) free_envelope(envelope);
    return result;
  }
  Inbox inbox;
  std::atomic<std::uint32_t> generation;
};

using Numbers = std::vector<std::uint64_t>;

TEST(InboxTest, what_was_pushed_is_taken_all_at_once_newest_first) {
  Box box;
  EXPECT_EQ(box.inbox.take_all(), nullptr);
  EXPECT_EQ(box.push(1), Inbox::Push::delivered);
  EXPECT_EQ(box.push(2), Inbox::Push::delivered);
  EXPECT_TRUE(box.inbox.has_mail());
  EXPECT_EQ(numbers(box.inbox.take_all()), (Numbers{2, 1}));
  EXPECT_FALSE(box.inbox.has_mail());
  EXPECT_EQ(box.push(3), Inbox::Push::delivered);
  EXPECT_EQ(numbers(reversed(box.inbox.take_all())), (Numbers{3}));
}

TEST(InboxTest, the_first_push_to_a_sleeper_wakes_it_and_the_next_does_not) {
  Box box;
  EXPECT_TRUE(box.inbox.sleep());
  EXPECT_EQ(box.push(1), Inbox::Push::wakes);
  EXPECT_EQ(box.push(2), Inbox::Push::delivered);
  EXPECT_EQ(numbers(reversed(box.inbox.take_all())), (Numbers{1, 2}));
  EXPECT_TRUE(box.inbox.sleep());
  EXPECT_EQ(box.push(3), Inbox::Push::wakes);
  EXPECT_EQ(numbers(box.inbox.take_all()), (Numbers{3}));
}

TEST(InboxTest, nobody_falls_asleep_over_mail) {
  Box box;
  EXPECT_EQ(box.push(1), Inbox::Push::delivered);
  EXPECT_FALSE(box.inbox.sleep());
  EXPECT_EQ(box.push(2), Inbox::Push::delivered);
  EXPECT_EQ(numbers(reversed(box.inbox.take_all())), (Numbers{1, 2}));
}

TEST(InboxTest, a_closed_inbox_takes_nothing_and_hands_out_the_rest_once) {
  Box box;
  EXPECT_EQ(box.push(1), Inbox::Push::delivered);
  EXPECT_FALSE(box.inbox.is_closed());
  EXPECT_EQ(numbers(box.inbox.close()), (Numbers{1}));
  EXPECT_TRUE(box.inbox.is_closed());
  EXPECT_EQ(box.push(2), Inbox::Push::nobody);
  EXPECT_EQ(box.inbox.close(), nullptr);
  EXPECT_EQ(box.inbox.take_all(), nullptr);
}

TEST(InboxTest, a_push_for_another_tenant_is_refused_before_and_after_the_change) {
  Box box{7};
  EXPECT_EQ(box.push_as(6, 1), Inbox::Push::nobody);
  EXPECT_EQ(box.push_as(8, 1), Inbox::Push::nobody);
  EXPECT_EQ(box.inbox.close(), nullptr);
  box.generation = 8;
  box.inbox.open(8);
  EXPECT_EQ(box.push_as(7, 1), Inbox::Push::nobody);
  EXPECT_EQ(box.push_as(8, 2), Inbox::Push::delivered);
  EXPECT_EQ(numbers(box.inbox.take_all()), (Numbers{2}));
}

// Between a sender's look at the generation and its swap the slot may change hands; then only the
// tag in the word is left to tell.
TEST(InboxTest, the_tag_in_the_word_guards_against_a_generation_that_was_read_too_early) {
  Box box{8};
  const std::atomic<std::uint32_t> read_too_early{7};
  Envelope* envelope = envelope_of(1);
  EXPECT_EQ(box.inbox.push(read_too_early, 7, envelope), Inbox::Push::nobody);
  free_envelope(envelope);
  EXPECT_FALSE(box.inbox.has_mail());
}

TEST(InboxTest, generations_whose_low_bits_are_equal_are_told_apart) {
  Box box{0x0001'0007};
  EXPECT_EQ(box.push_as(0x0002'0007, 1), Inbox::Push::nobody);
  EXPECT_EQ(box.push_as(0x0001'0007, 2), Inbox::Push::delivered);
  EXPECT_EQ(numbers(box.inbox.take_all()), (Numbers{2}));
}

TEST(InboxTest, a_tag_of_all_ones_leaves_the_other_bits_alone) {
  Box box{0xffff};
  EXPECT_TRUE(box.inbox.sleep());
  EXPECT_EQ(box.push(1), Inbox::Push::wakes);
  EXPECT_EQ(numbers(box.inbox.take_all()), (Numbers{1}));
  EXPECT_EQ(box.push(2), Inbox::Push::delivered);
  EXPECT_EQ(numbers(box.inbox.close()), (Numbers{2}));
}

// Many producers and one owner that sleeps whenever it finds nothing: every sleep is ended by
// exactly one of them, nothing is lost, and each producer's order stays.
TEST(InboxTest, under_threads_every_sleep_is_ended_once_and_nothing_is_lost) {
  constexpr unsigned producers = 3;
  constexpr std::uint64_t each = 50'000;
  Box box;
  std::atomic<int> permits{0};
  std::vector<std::thread> threads;
  for (unsigned producer = 0; producer < producers; ++producer) {
    threads.emplace_back([&, producer] {
      for (std::uint64_t number = 0; number < each; ++number) {
        const auto result = box.inbox.push(box.generation, 7, envelope_of(number, producer));
        EXPECT_NE(result, Inbox::Push::nobody);
        if (result == Inbox::Push::wakes) permits.fetch_add(1);
      }
    });
  }
  std::uint64_t next[producers] = {};
  std::uint64_t taken = 0;
  while (taken < producers * each) {
    for (Envelope* list = reversed(box.inbox.take_all()); list;) {
      Envelope* following = list->next;
      const Numbered& message = value_of<Numbered>(list);
      EXPECT_EQ(message.number, next[message.producer]++);
      free_envelope(list);
      ++taken;
      list = following;
    }
    if (taken == producers * each || !box.inbox.sleep()) continue;
    while (permits.load() == 0) std::this_thread::yield();
    EXPECT_EQ(permits.fetch_sub(1), 1) << "two senders woke one sleeper";
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(permits.load(), 0);
  EXPECT_EQ(box.inbox.close(), nullptr);
}

TEST(InboxTest, closing_under_threads_loses_no_envelope) {
  constexpr unsigned producers = 3;
  for (int round = 0; round < 200; ++round) {
    Box box;
    std::atomic<bool> go{false};
    std::atomic<std::uint64_t> delivered{0};
    std::vector<std::thread> threads;
    for (unsigned producer = 0; producer < producers; ++producer) {
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        while (box.push(1) != Inbox::Push::nobody) delivered.fetch_add(1);
      });
    }
    go = true;
    std::uint64_t taken = numbers(box.inbox.take_all()).size();
    taken += numbers(box.inbox.close()).size();
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(taken, delivered.load());
  }
}

// One slot changes hands again and again while senders keep the pids of old tenants.
TEST(InboxTest, a_stale_sender_never_reaches_the_next_tenant) {
  Box box{1};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned sender = 0; sender < 2; ++sender) {
    threads.emplace_back([&] {
      while (!stop) {
        const std::uint32_t wanted = box.generation.load();
        std::this_thread::yield();
        for (int i = 0; i < 20; ++i) {
          Envelope* envelope = envelope_of(wanted);
          if (box.inbox.push(box.generation, wanted, envelope) == Inbox::Push::nobody) {
            free_envelope(envelope);
          }
        }
      }
    });
  }
  std::uint64_t misled = 0;
  for (std::uint32_t tenant = 1; tenant < 20'000; ++tenant) {
    for (std::uint64_t addressee : numbers(box.inbox.close())) misled += addressee != tenant;
    box.generation = tenant + 1;
    box.inbox.open(tenant + 1);
    if (tenant % 16 == 0) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  numbers(box.inbox.close());
  EXPECT_EQ(misled, 0u);
}

TEST(MessageQueueTest, unlinks_at_the_head_in_the_middle_and_at_the_tail) {
  const auto queue_of = [](std::uint64_t count) {
    MessageQueue queue;
    for (std::uint64_t i = 0; i < count; ++i) queue.append(envelope_of(i));
    return queue;
  };
  for (std::uint64_t victim = 0; victim < 3; ++victim) {
    MessageQueue queue = queue_of(3);
    Envelope* before = nullptr;
    Envelope* found = queue.head;
    while (number_of(found) != victim) {
      before = found;
      found = found->next;
    }
    queue.unlink(before, found);
    free_envelope(found);
    queue.append(envelope_of(9));
    Numbers expected{0, 1, 2, 9};
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(victim));
    EXPECT_EQ(numbers(queue.head), expected);
  }
}

TEST(MessageQueueTest, the_only_message_leaves_an_empty_queue) {
  MessageQueue queue;
  queue.append(envelope_of(1));
  Envelope* only = queue.head;
  queue.unlink(nullptr, only);
  free_envelope(only);
  EXPECT_EQ(queue.head, nullptr);
  EXPECT_EQ(queue.tail, nullptr);
  queue.append(envelope_of(2));
  EXPECT_EQ(numbers(queue.head), (Numbers{2}));
}

}  // namespace
}  // namespace troupe::detail
