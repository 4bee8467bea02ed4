// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

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
// erasing moves the last entry into the gap. But the index has chains, and keeps neighbours
// together:
//
//   entries   [id value next][id value next] ...
//   heads     position + 1 of the newest entry of each chain; 0: none
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
template <class V>
class RefMap {
  static_assert(std::is_nothrow_move_assignable_v<V> && std::is_nothrow_move_constructible_v<V>);

  struct Entry {
    std::uint64_t id;
    std::uint32_t next;  // position + 1 in its chain
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

  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  auto begin() noexcept { return Cursor<Entry, V>{entries_.data()}; }
  auto end() noexcept { return Cursor<Entry, V>{entries_.data() + entries_.size()}; }
  auto begin() const noexcept { return Cursor<const Entry, const V>{entries_.data()}; }
  auto end() const noexcept {
    return Cursor<const Entry, const V>{entries_.data() + entries_.size()};
  }

  // Null when there is no such id.
  V* find(std::uint64_t id) noexcept {
    const std::uint32_t position = position_of(id);
    return position == nowhere ? nullptr : &entries_[position].value;
  }

  // True if the id was new; an existing value stays.
  bool insert(std::uint64_t id, V value) {
    if (position_of(id) != nowhere) return false;
    if (entries_.size() >= (heads_ ? heads() : linear_limit)) grow();
    entries_.push_back(Entry{id, 0, std::move(value)});
    if (heads_) link(static_cast<std::uint32_t>(entries_.size() - 1));
    return true;
  }

  bool erase(std::uint64_t id) noexcept {
    const std::uint32_t position = position_of(id);
    if (position == nowhere) return false;
    if (!heads_) {
      entries_.erase(entries_.begin() + position);
      return true;
    }
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    link_to(position) = entries_[position].next;
    if (position != last) link_to(last) = position + 1;
    if (position != last) entries_[position] = std::move(entries_[last]);
    entries_.pop_back();
    return true;
  }

 private:
  static constexpr std::uint32_t nowhere = UINT32_MAX;
  static constexpr std::size_t linear_limit = 8;
  static constexpr unsigned row_bits = 4;

  std::size_t heads() const noexcept { return std::size_t{mask_} + 1; }
  std::uint32_t& head_of(std::uint64_t id) const noexcept {
    // By multiplication with the golden ratio, as Knuth has it (TAOCP 3, 6.4).
    const std::uint64_t row = (id >> row_bits) * 0x9e3779b97f4a7c15 >> 32;
    return heads_[(row << row_bits | (id & ((1u << row_bits) - 1))) & mask_];
  }

  std::uint32_t position_of(std::uint64_t id) const noexcept {
    if (!heads_) {
      for (std::uint32_t position = 0; position < entries_.size(); ++position) {
        if (entries_[position].id == id) return position;
      }
      return nowhere;
    }
    for (std::uint32_t at = head_of(id); at != 0; at = entries_[at - 1].next) {
      if (entries_[at - 1].id == id) return at - 1;
    }
    return nowhere;
  }

  // The head or `next` that leads to an entry.
  std::uint32_t& link_to(std::uint32_t position) noexcept {
    std::uint32_t* place = &head_of(entries_[position].id);
    while (*place != position + 1) place = &entries_[*place - 1].next;
    return *place;
  }
  void link(std::uint32_t position) noexcept {
    std::uint32_t& head = head_of(entries_[position].id);
    entries_[position].next = std::exchange(head, position + 1);
  }

  void grow() {
    const std::size_t count = heads_ ? heads() * 2 : 2 * linear_limit;
    TROUPE_ASSERT(count <= std::size_t{1} << 31, "positions have 32 bits");
    heads_ = std::make_unique<std::uint32_t[]>(count);
    mask_ = static_cast<std::uint32_t>(count - 1);
    for (std::uint32_t position = 0; position < entries_.size(); ++position) link(position);
  }

  std::vector<Entry> entries_;
  std::unique_ptr<std::uint32_t[]> heads_;
  std::uint32_t mask_ = 0;
};

}  // namespace troupe::detail
