// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text_words.hpp"

namespace troupe::detail {

// The word of a slot in a ConcurrentMap's table:
//
//   free    0: no probe goes on beyond it
//   erased  1: a node was here
//   else    16 bits that mark the key, above 48 bits of pointer to its node
//
//   free -> node            insert
//   erased -> node          insert, where no free slot came before it
//   node -> node of the     replace
//           same key
//   node -> erased or free  erase
//   erased -> free          erase of the node behind it, when nothing is behind that
//
// Stored seq_cst by writers, who hold the shard's lock, and loaded seq_cst by readers: (c) and (b)
// of epoch.hpp.
using SlotWord = std::atomic<std::uint64_t>;

inline constexpr std::uint64_t free_slot = 0;
inline constexpr std::uint64_t erased_slot = 1;
inline constexpr std::uint64_t pointer_mask = 0x0000'ffff'ffff'ffff;

inline bool holds_node(std::uint64_t word) noexcept { return word > erased_slot; }

// A slot that is its word: who looks for a key asks the node.
struct NarrowSlot {
  SlotWord word{free_slot};

  // Of a key: what a look-up compares before it goes to the node.
  struct Print {
    template <class Query>
    Print(const Query&, std::uint64_t hash) noexcept : mark{hash << 32 & ~pointer_mask} {}
    std::uint64_t mark;
    static constexpr bool is_whole = false;  // the key may still be another one
  };

  bool has(const Print& print, std::uint64_t seen) const noexcept {
    return ((seen ^ print.mark) & ~pointer_mask) == 0;
  }
  bool is_still(std::uint64_t) const noexcept { return true; }
  void note(const Print&) noexcept {}
  std::uint64_t brief() const noexcept { return 0; }
  void set_brief(std::uint64_t) noexcept {}
  void copy_notes(const NarrowSlot&) noexcept {}
};

// A slot for texts that repeats what most look-ups want, so that they touch one cache line instead
// of two or three: the text, if it has at most 16 bytes, and a word of the value (its brief). The
// node stays what counts for all else.
//
//   bytes  what
//   0-7    word; its 16 bits are 5 of size (17: longer) and 11 of hash
//   8-15   brief
//   16-31  TextWords
//
// The other three words may change under a reader, so it looks at the word before and after; since
// a node is not used again while a reader may know it, the same word means the same node. They are
// stored with release and loaded with acquire, which pair: who sees a new one of them sees whatever
// the word was before that store, which is not the node they belonged to.
//
//   insert    (the word is free or erased)  the three, then the word
//   replace   the word, then the brief: until then a look-up still finds the old one
struct alignas(32) WideSlot {
  SlotWord word{free_slot};
  std::atomic<std::uint64_t> value_brief{0};
  std::atomic<std::uint64_t> first{0};
  std::atomic<std::uint64_t> last{0};

  struct Print {
    Print(std::string_view text, std::uint64_t hash) noexcept
        : Print{TextWords{text}, text.size(), hash} {}
    Print(const TextWords& of_text, std::size_t size, std::uint64_t hash) noexcept
        : words{of_text}, is_whole{size <= TextWords::whole_size} {
      const std::uint64_t noted = is_whole ? size : TextWords::whole_size + 1;
      mark = (hash << 32 & 0xffe0'0000'0000'0000) | noted << 48;
    }
    std::uint64_t mark;
    TextWords words;
    bool is_whole;  // no other key has this print
  };

  // One test, because a branch on each part would often be mispredicted, and a wrong guess here is
  // noticed only after the miss.
  bool has(const Print& print, std::uint64_t seen) const noexcept {
    return (((seen ^ print.mark) & ~pointer_mask) |
            (first.load(std::memory_order_acquire) ^ print.words.first) |
            (last.load(std::memory_order_acquire) ^ print.words.last)) == 0;
  }
  // Relaxed: ordered by the acquires before it.
  bool is_still(std::uint64_t seen) const noexcept {
    return word.load(std::memory_order_relaxed) == seen;
  }
  void note(const Print& print) noexcept {
    first.store(print.words.first, std::memory_order_release);
    last.store(print.words.last, std::memory_order_release);
  }
  std::uint64_t brief() const noexcept { return value_brief.load(std::memory_order_acquire); }
  void set_brief(std::uint64_t brief) noexcept {
    value_brief.store(brief, std::memory_order_release);
  }
  // Into a table that nobody sees yet.
  void copy_notes(const WideSlot& other) noexcept {
    for (const auto part : {&WideSlot::value_brief, &WideSlot::first, &WideSlot::last}) {
      (this->*part).store((other.*part).load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
  }
};
static_assert(sizeof(WideSlot) == 32);

}  // namespace troupe::detail
