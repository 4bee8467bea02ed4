// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "runtime/block.hpp"

namespace troupe::detail {

// A ring of runnable processes, first in first out. The owner pushes at the tail; the owner and
// thieves take from the head. (The shape is that of Go's run queue.)
//
//   head_  counts what was taken; moved forward by compare-and-swap, release: what a thief has read
//          from the ring is read before the owner may overwrite it. The owner's load in push
//          (acquire) pairs with it.
//   tail_  counts what was pushed; written by the owner alone, release: a thief's load (acquire)
//          sees the slots before it.
class RunRing {
 public:
  static constexpr std::uint32_t capacity = 256;

  // Owner. False: full.
  bool push(Block* block) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) >= capacity) return false;
    slots_[tail % capacity].store(block, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Owner.
  Block* pop() noexcept {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    while (head != tail) {
      Block* block = slots_[head % capacity].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return block;
      }
    }
    return nullptr;
  }

  // Thief, or the owner that spills: takes half (rounded up), oldest first, into `out`.
  std::uint32_t take_half(Block** out) noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t tail = tail_.load(std::memory_order_acquire);
      const std::uint32_t size = tail - head;
      if (size == 0 || size > capacity) return 0;
      const std::uint32_t count = size - size / 2;
      for (std::uint32_t i = 0; i < count; ++i) {
        out[i] = slots_[(head + i) % capacity].load(std::memory_order_relaxed);
      }
      if (head_.compare_exchange_weak(head, head + count, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return count;
      }
    }
  }

  // Owner. Takes all, oldest first, into `out` if `block` is one of them.
  std::uint32_t take_all_with(const Block* block, Block** out) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t place = tail;
    do {
      if (place == head) return 0;
      --place;
    } while (slots_[place % capacity].load(std::memory_order_relaxed) != block);
    do {
      if (static_cast<std::int32_t>(place - head) < 0) return 0;  // a thief has it
      for (std::uint32_t i = head; i != tail; ++i) {
        out[i - head] = slots_[i % capacity].load(std::memory_order_relaxed);
      }
    } while (!head_.compare_exchange_weak(head, tail, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return tail - head;
  }

  // Never more than there was at some moment meanwhile. The tail first; acquire, pairs with push:
  // the head is seen at least as far as it was then, and if it has gone beyond, all that was there
  // then is taken.
  std::uint32_t size() const noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);
    const std::uint32_t size = tail - head_.load(std::memory_order_relaxed);
    return size <= capacity ? size : 0;
  }
  std::uint32_t taken() const noexcept { return head_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  std::atomic<Block*> slots_[capacity];
};

// An unbounded list of runnable processes under a lock, with a count that can be read without it:
// what overflows a ring, what threads outside wake, and the priorities that few processes have.
class SharedQueue {
 public:
  void push(Block* block) noexcept {
    const std::lock_guard guard{lock_};
    append(block);
    count(1);
  }
  void push(Block** blocks, std::uint32_t number) noexcept {
    const std::lock_guard guard{lock_};
    for (std::uint32_t i = 0; i < number; ++i) append(blocks[i]);
    count(number);
  }
  Block* pop() noexcept {
    Block* block = nullptr;
    pop(&block, 1);
    return block;
  }
  std::uint32_t pop(Block** out, std::uint32_t most) noexcept {
    if (is_empty()) return 0;
    const std::lock_guard guard{lock_};
    std::uint32_t taken = 0;
    while (taken < most && first_) out[taken++] = take();
    count(-taken);
    return taken;
  }
  // Sequentially consistent, because a worker that goes to sleep looks here after it has said so.
  bool is_empty() const noexcept { return size_.load(std::memory_order_seq_cst) == 0; }
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  void append(Block* block) noexcept {
    block->next = nullptr;
    (last_ ? last_->next : first_) = block;
    last_ = block;
  }
  Block* take() noexcept {
    Block* block = first_;
    first_ = block->next;
    if (!first_) last_ = nullptr;
    return block;
  }
  // Once for all that are pushed or taken together: it costs as much as twenty of them.
  void count(std::uint32_t more) noexcept {
    size_.store(size_.load(std::memory_order_relaxed) + more, std::memory_order_seq_cst);
  }

  std::mutex lock_;
  std::atomic<std::uint32_t> size_{0};
  Block* first_ = nullptr;
  Block* last_ = nullptr;
};

// A worker's queue of runnable processes of normal priority: first in first out however many there
// are, so that a process which yields comes after everybody who was runnable. The oldest stand in
// one ring, the newest in another, and what does not fit in between:
//
//   take <- [front ring] <- [overflow, a list under a lock] <- [back ring] <- push
//
// The overflow is entered and left by half rings at a time, so that its lock is
// taken once for many processes, and thieves find everything that waits here.
//
// Tried instead: spilling the older half of one ring to the queue that all workers share, as Go
// does. A worker looks there every 61st turn, so a process that kept yielding had 60 turns for each
// one of those, and a million processes that one had started took half a minute to end beside it.
class RunQueue {
 public:
  static constexpr std::uint32_t capacity = RunRing::capacity;  // of the array thieves need

  // Owner.
  void push(Block* block) noexcept {
    if (!back_.push(block)) [[unlikely]]
      spill(block);
  }

  // Owner.
  Block* pop() noexcept {
    if (Block* block = front_.pop()) return block;
    if (!overflow_.is_empty()) [[unlikely]]
      return refill();
    return back_.pop();
  }

  // Thief: takes up to half of the oldest into `out`, which has room for `capacity`.
  std::uint32_t take_half(Block** out) noexcept {
    if (const std::uint32_t count = front_.take_half(out)) return count;
    if (const std::uint32_t count = overflow_.pop(out, capacity / 2)) return count;
    return back_.take_half(out);
  }

  // Anyone: to stand before the newest.
  void give(Block** blocks, std::uint32_t number) noexcept { overflow_.push(blocks, number); }

  // Owner. Takes a process out from among the newest; false: it is not there. The others keep their
  // order. All of them leave the ring for a moment, since a thief may be about to take any.
  [[gnu::noinline]] bool take_out(const Block* block) noexcept {
    Block* all[capacity];
    const std::uint32_t count = back_.take_all_with(block, all);
    if (count == 0) return false;
    spilled_.store(spilled_.load(std::memory_order_relaxed) + count - 1, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (all[i] != block) back_.push(all[i]);
    }
    return true;
  }

  std::uint32_t size() const noexcept { return front_.size() + overflow_.size() + back_.size(); }
  // Owner, before it sleeps. Sequentially consistent for what others give (see WorkerExecutor).
  bool is_empty() const noexcept {
    return overflow_.is_empty() && front_.size() == 0 && back_.size() == 0;
  }
  // How far the queue has come: a thief sees by it how fast the owner works.
  std::uint32_t taken() const noexcept {
    return front_.taken() + back_.taken() - spilled_.load(std::memory_order_relaxed);
  }

 private:
  // Not inlined: they are rare, and need more stack and registers than all the rest of a turn.
  [[gnu::noinline]] void spill(Block* block) noexcept {
    Block* older[capacity];
    const std::uint32_t count = back_.take_half(older);
    overflow_.push(older, count);
    spilled_.store(spilled_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    back_.push(block);
  }
  [[gnu::noinline]] Block* refill() noexcept {
    Block* batch[capacity / 2];
    const std::uint32_t count = overflow_.pop(batch, capacity / 2);
    for (std::uint32_t i = 1; i < count; ++i) front_.push(batch[i]);
    return count > 0 ? batch[0] : back_.pop();
  }

  RunRing front_;
  RunRing back_;
  SharedQueue overflow_;
  std::atomic<std::uint32_t> spilled_{0};  // what `back_` counts as taken and was only moved
};

}  // namespace troupe::detail
