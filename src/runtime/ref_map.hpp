// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace troupe::detail {

// What a process keeps by the id of a reference: its monitors, its calls under way. As FlatMap:
// entries without gaps, no index for the first eight and so long in order of insertion; with one,
// erasing moves the last entry into the gap, unless that is at the beginning. But the index has
// chains, and keeps neighbours together:
//
//   entries   [gone] [gone] [id value next] [id value next] ...
//   heads     number + 1 of the newest entry of each chain; 0: none
//
// Entries are numbered as they come, so that what is gone at the beginning can be left there, and
// later be dropped from the vector, without a change of any link. Most are erased in the order in
// which they came, and touch a head and their own line then; to fill each gap with the last entry
// was two more. Of 19 cache lines that one of 64,000 calls touched, by simulation with a cache of
// 1 MB, that and what a smaller SentRequest spares were 2.6.
//
// Ids are counted up, in blocks for each thread (fresh_ref), and a process that sends 64,000 calls
// gets their answers in about the order it has sent them. So 16 ids in a row have 16 heads in a
// row, which is a cache line, and where that line is the hash of the rest of the id decides. A
// FlatMap has a line for each id, at random, and looked at three for each entry that came and went:
// that was half of what one of 64,000 calls cost more than one of 1,000 (0.25 us and 0.15 with it,
// now 0.15 and 0.10, medians of 7 runs in turn on a busy machine).
//
// Chains, because neighbours in an open-addressed index make runs of 16, and a probe that meets one
// goes through all of it. Ids that are multiples of 16 share a sixteenth of the heads, and so have
// chains 16 times as long: eight entries on average.
//
// References are invalidated by inserting and erasing.
//
// At most `largest` entries at once.
template <class V, std::uint32_t largest = 1u << 30>
class RefMap {
  static_assert(std::is_nothrow_move_assignable_v<V> && std::is_nothrow_move_constructible_v<V>);

  struct Entry {
    std::uint64_t id;
    std::uint32_t next;  // in its chain, as a head
    V value;
  };

 public:
  // What iterating gives: `for (auto [id, value] : map)`.
  template <class Value>
  struct View {
    std::uint64_t id;
    Value& value;
  };
  template <class Stored, class Value>
  class Cursor {
   public:
    explicit Cursor(Stored* at) noexcept : at_{at} {}
    View<Value> operator*() const noexcept { return {at_->id, at_->value}; }
    Cursor& operator++() noexcept {
      ++at_;
      return *this;
    }
    friend bool operator==(const Cursor&, const Cursor&) noexcept = default;

   private:
    Stored* at_;
  };

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return entries_.size() - first_; }
  auto begin() noexcept { return Cursor<Entry, V>{entries_.data() + first_}; }
  auto end() noexcept { return Cursor<Entry, V>{entries_.data() + entries_.size()}; }
  auto begin() const noexcept { return Cursor<const Entry, const V>{entries_.data() + first_}; }
  auto end() const noexcept {
    return Cursor<const Entry, const V>{entries_.data() + entries_.size()};
  }

  // Null when there is no such id.
  V* find(std::uint64_t id) noexcept {
    if (!heads_) {
      const std::size_t index = index_of(id);
      return index == entries_.size() ? nullptr : &entries_[index].value;
    }
    const std::uint32_t link = link_to(id);
    return link == none ? nullptr : &at(link).value;
  }

  // True if the id was new; an existing value stays.
  bool insert(std::uint64_t id, V value) {
    if (find(id)) return false;
    if (entries_.size() == entries_.capacity() && first_ >= size()) drop_gone();
    if (size() >= (heads_ ? heads() : linear_limit)) grow();
    entries_.push_back(Entry{id, none, std::move(value)});
    if (heads_) enlist(entries_.size() - 1);
    return true;
  }

  bool erase(std::uint64_t id) noexcept {
    if (!heads_) {
      const std::size_t index = index_of(id);
      if (index == entries_.size()) return false;
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
      return true;
    }
    std::uint32_t& link = link_to(id);
    if (link == none) return false;
    const std::uint32_t erased = link;
    Entry& entry = at(erased);
    link = entry.next;
    [[maybe_unused]] const V dropped{std::move(entry.value)};
    if (&entry == &entries_[first_]) {
      ++first_;
    } else {
      Entry& last = entries_.back();
      if (&entry != &last) {
        link_to(last.id) = erased;
        entry = std::move(last);
      }
      entries_.pop_back();
    }
    if (empty()) {
      entries_.clear();
      first_ = 0;
      base_ = 0;
    }
    return true;
  }

 private:
  static constexpr std::uint32_t none = 0;
  static constexpr std::size_t linear_limit = 8;
  static constexpr unsigned row_bits = 4;

  std::size_t heads() const noexcept { return std::size_t{mask_} + 1; }
  std::uint32_t& head_of(std::uint64_t id) const noexcept {
    // By multiplication with the golden ratio, as Knuth has it (TAOCP 3, 6.4).
    const std::uint64_t row = (id >> row_bits) * 0x9e3779b97f4a7c15 >> 32;
    return heads_[(row << row_bits | (id & ((1u << row_bits) - 1))) & mask_];
  }

  // Without an index.
  std::size_t index_of(std::uint64_t id) const noexcept {
    std::size_t index = 0;
    while (index < entries_.size() && entries_[index].id != id) ++index;
    return index;
  }

  // With one. The entry that a link leads to.
  Entry& at(std::uint32_t link) noexcept { return entries_[link - 1 - base_]; }
  // The head or `next` that leads to the id's entry, or the end of its chain.
  std::uint32_t& link_to(std::uint64_t id) noexcept {
    std::uint32_t* link = &head_of(id);
    while (*link != none && at(*link).id != id) link = &at(*link).next;
    return *link;
  }
  void enlist(std::size_t index) noexcept {
    std::uint32_t& head = head_of(entries_[index].id);
    const auto number = base_ + static_cast<std::uint32_t>(index);
    entries_[index].next = std::exchange(head, number + 1);
  }
  void enlist_all() noexcept {
    for (std::size_t index = first_; index < entries_.size(); ++index) enlist(index);
  }

  // At least half of the vector, so that an entry is moved once for each that is erased at most.
  void drop_gone() noexcept {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    base_ += static_cast<std::uint32_t>(std::exchange(first_, 0));
    if (base_ < 2 * largest) return;
    base_ = 0;
    std::fill_n(heads_.get(), heads(), none);
    enlist_all();
  }

  void grow() {
    const std::size_t count = heads_ ? heads() * 2 : 2 * linear_limit;
    TROUPE_ASSERT(count <= largest, "numbers of entries have 32 bits");
    heads_ = std::make_unique<std::uint32_t[]>(count);
    mask_ = static_cast<std::uint32_t>(count - 1);
    enlist_all();
  }

  std::vector<Entry> entries_;
  std::unique_ptr<std::uint32_t[]> heads_;
  std::uint32_t mask_ = 0;
  std::uint32_t base_ = 0;  // the number of the vector's first entry
  std::size_t first_ = 0;   // where those begin that are not gone
};

}  // namespace troupe::detail
