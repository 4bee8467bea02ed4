// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <troupe/detail/patient_send.hpp>

#include "runtime/block.hpp"

namespace troupe::detail {

// How many messages may wait in one mailbox, and what happens beyond. Only processes that have set
// a limit have one of these; everybody else's senders read a byte beside the inbox that says so.
//
// The count is `queued` (in the owner's queue) plus `unseen` (in the inbox). Senders push and count
// under `lock`, and the owner takes its inbox under it, so the count is exact: a limit of 10 is
// never 11. Signals do not come here. They are not refused, and the messages that they become
// (Exit, Down) count, and are never thrown away for younger ones.
//
//   owner   null while nobody has it. A sender may come with a pointer it read a while ago, so it
//           compares this; records are reused and never freed (their memory is bounded by the most
//           limited processes that lived at once).
//   queued  written by the owner alone, read by senders. Sequentially consistent, because a sender
//           that parks writes `waiting` and looks at `queued` again, while the owner that makes
//           room writes `queued` and looks at `waiting`: one of them sees the other.
//   unseen  written under the lock. Senders read it without, for a first look that spares a crowd
//           the lock when the mailbox is full: relaxed, the answer is a moment's truth anyhow.
//
// Drop_oldest: the owner throws the oldest away when it takes its mail. One that does not look for
// long has its inbox cut by its senders: when two limits' worth lie there, whoever comes next cuts
// off the older half. They may, because the owner does not take the inbox meanwhile, and other
// senders only touch its newest end. So at most three limits' worth are in memory.
//
// Tried in thought: one atomic count without a lock. A sender that read "no limit" just before it
// was set would push uncounted and the count would be wrong for ever; the lock lets the owner see
// what it takes.
struct MailboxLimit {
  std::mutex lock;
  Pid owner;
  std::uint32_t slot = 0;  // of the process table
  Overflow policy = Overflow::drop_newest;
  bool overflowed = false;      // exit_receiver: the receiver has been told
  ParkedSend* first = nullptr;  // senders that wait for room, in order
  ParkedSend* last = nullptr;
  std::atomic<std::uint32_t> waiting{0};  // how many
  std::atomic<std::size_t> limit{0};      // 0: none any more
  std::atomic<std::size_t> unseen{0};
  std::atomic<std::size_t> queued{0};
  std::size_t arriving = 0;  // the owner's: counted in `queued`, and not yet in its queue
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> dropped{0};
};

// The limits of one node's processes, by slot. Lives as long as the program, like the slots: a
// sender may look at it at any time.
class MailboxLimits {
 public:
  // `smaller`: what this one takes the place of, if anything.
  explicit MailboxLimits(std::uint32_t capacity, const MailboxLimits* smaller);
  MailboxLimits(const MailboxLimits&) = delete;

  std::uint32_t capacity() const noexcept { return capacity_; }
  MailboxLimit* find(std::uint32_t slot) const noexcept {
    // Acquire: pairs with attach.
    return slot < capacity_ ? slots_[slot].load(std::memory_order_acquire) : nullptr;
  }
  MailboxLimit& attach(Pid owner);
  void detach(MailboxLimit& limit) noexcept;

 private:
  std::uint32_t capacity_;
  const MailboxLimits* smaller_;
  std::atomic<MailboxLimit*>* slots_;
  std::mutex lock_;
  std::vector<std::unique_ptr<MailboxLimit>> all_;
  std::vector<MailboxLimit*> free_;
};

// How a message fared; the envelope is the caller's again unless it was delivered.
enum class Delivery : std::uint8_t { done, nobody, rejected, dropped };

// A message for a process whose block says that it has a limit.
Delivery deliver_within_limit(Pid to, Block& block, Envelope* message) noexcept;

// The owner's side; for processes with a limit only.

// Takes the inbox, newest first.
Envelope* take_limited_mail(Block& block) noexcept;
// After what was taken has acted: throws away what is too much, lets senders in that wait for room.
void settle_limited_mail(RuntimeState& runtime, Block& block) noexcept;
// With drop_oldest, throws the oldest of the queue away until no more than the limit are left.
void shorten_queue(Block& block) noexcept;
// A message has joined the queue; one has left it.
void count_appended(Block& block) noexcept;
void count_removed(RuntimeState& runtime, Block& block) noexcept;
// The end of the process: closes the inbox and gives what was in it, newest first.
Envelope* close_limited_inbox(Block& block) noexcept;

}  // namespace troupe::detail
