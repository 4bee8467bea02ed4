// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.hpp"
#include "runtime/envelope_list.hpp"

namespace troupe::detail {

// The inbox of a process: where every other process, timer and thread puts what it has for it. One
// word, so that a send is one compare-and-swap:
//
//   bits 63..48  tag: the low 16 bits of the tenant's generation
//   bits 47..4   the newest envelope, null when there is none; envelopes are linked newest first
//   bit  1       closed: nobody lives here (the slot is free, or its process is ending)
//   bit  0       asleep: the process waits, and nobody has been told to run it
//
// Who may go from where to where, and what each order pairs with:
//
//   push    (any thread)  T|e|0      -> T|new|0   release: the reader's take_all (acquire) sees the
//                                                 envelope's contents
//           (any thread)  T|0|asleep -> T|new|0   acquire too: pairs with sleep's release, so that
//                                                 whoever runs the process next sees its state; the
//                                                 thread that makes this step, and no other, must
//                                                 put the process in a run queue
//   take    (owner)       T|e|0      -> T|0|0     acquire, pairs with push
//   sleep   (owner)       T|0|0      -> T|0|asleep
//                                                 release, pairs with the push that ends the sleep
//   close   (owner)       T|e|0      -> T|0|closed
//                                                 seq_cst (see name_process); from here on every
//                                                 push finds nobody
//   open    (allocator)   *|0|closed -> T'|0|0    release; the pid that is handed out afterwards
//                                                 carries the new generation
//
// The tag only has to guard the instant between a sender's full comparison of the generation and
// its swap: within it the slot would have to be freed 65,536 times, and a slot is not even reused
// before 65,536 others were freed (process_table.hpp).
class Inbox {
 public:
  enum class Push : std::uint8_t { delivered, wakes, nobody };

  Push push(const std::atomic<std::uint32_t>& generation, std::uint32_t wanted,
            Envelope* envelope) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      // Relaxed: a stale generation can only be one that was right a moment ago, and then the tag
      // in the word decides.
      if (generation.load(std::memory_order_relaxed) != wanted || (word & closed_bit) != 0 ||
          tag_of(word) != (wanted & 0xffff)) {
        return Push::nobody;
      }
      envelope->next = envelope_of(word);
      const std::uint64_t next = (word & tag_mask) | reinterpret_cast<std::uint64_t>(envelope);
      if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return (word & asleep_bit) != 0 ? Push::wakes : Push::delivered;
      }
    }
  }

  // Everything that has come, newest first. Looks before it swaps: an empty inbox costs a load.
  Envelope* take_all() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    if ((word & envelope_mask) == 0) return nullptr;
    // A push changes only the envelope bits while the owner runs, so the tag read above still
    // holds.
    word = word_.exchange(word & tag_mask, std::memory_order_acquire);
    return envelope_of(word);
  }

  // False: something has come in the meantime.
  bool sleep() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    if ((word & envelope_mask) != 0) return false;
    return word_.compare_exchange_strong(word, word | asleep_bit, std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  // The list as it is now, left in its place. The caller keeps the owner from taking it meanwhile
  // (see MailboxLimit). Acquire: as take_all.
  Envelope* newest() const noexcept { return envelope_of(word_.load(std::memory_order_acquire)); }

  bool has_mail() const noexcept {
    return (word_.load(std::memory_order_relaxed) & envelope_mask) != 0;
  }

  Envelope* close() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    word = word_.exchange((word & tag_mask) | closed_bit, std::memory_order_seq_cst);
    return envelope_of(word);
  }

  bool is_closed() const noexcept {
    return (word_.load(std::memory_order_seq_cst) & closed_bit) != 0;
  }

  void open(std::uint32_t generation) noexcept {
    word_.store(static_cast<std::uint64_t>(generation & 0xffff) << 48, std::memory_order_release);
  }
  void start_closed() noexcept { word_.store(closed_bit, std::memory_order_relaxed); }

  // Envelopes must lie below 2^47 and on 16-byte boundaries; checked where pool memory is mapped.
  static bool fits(const void* memory) noexcept {
    const auto bits = reinterpret_cast<std::uint64_t>(memory);
    return (bits & ~envelope_mask) == 0;
  }

 private:
  static constexpr std::uint64_t asleep_bit = 1;
  static constexpr std::uint64_t closed_bit = 2;
  static constexpr std::uint64_t envelope_mask = 0x0000'ffff'ffff'fff0;
  static constexpr std::uint64_t tag_mask = 0xffff'0000'0000'0000;

  static Envelope* envelope_of(std::uint64_t word) noexcept {
    return reinterpret_cast<Envelope*>(word & envelope_mask);
  }
  static std::uint32_t tag_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 48);
  }

  std::atomic<std::uint64_t> word_;
};

}  // namespace troupe::detail
