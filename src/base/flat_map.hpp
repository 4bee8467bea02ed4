// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/hash.hpp"

namespace troupe {

// A hash map for one thread: an array of entries without gaps, and an open-addressing index of
// 8-byte slots into it, probed linearly and closed up by backward shift on erase (Knuth, TAOCP 3,
// algorithm 6.4 R), so there are no tombstones and a table in steady use never degrades.
//
//   entries   [k0 v0][k1 v1][k2 v2] ...        in order of insertion
//   index     [ - ][h,1][ - ][h,0][h,2] ...     32 bits of hash, position + 1; zero is free
//
// Up to `linear_limit` entries there is no index and a look-up compares keys one by one: most
// tables of a process (links, monitors, names) hold one to three. An empty map owns no memory.
//
// Iteration walks the entries: its order is a function of the history of insertions and erasures
// alone, never of hashes, addresses or the capacity. As long as there is no index it is the order
// of insertion; with one, erasing moves the last entry into the gap, so that pop() and
// `it = erase(it)` take constant time, and emptying a map from begin() is linear. Whether a key
// collides on purpose is the hash function's business: give it a secret HashKey when keys come from
// outside.
//
// References and iterators are invalidated by inserting and erasing. Measured with a million u64
// keys in random order, one core, per call: insert 75 ns (growth included), hit 40 ns, miss 35 ns,
// erase 80 ns.
template <class K, class V, class Hasher = Hash<K>>
class FlatMap {
 public:
  // What find and erase are asked with: std::string_view for a std::string key.
  using Query = typename Hasher::Query;

  struct Entry {
    K key;
    [[no_unique_address]] V value;
  };
  // What iterating gives: `for (auto [key, value] : map)`, where value may be changed.
  template <class Value>
  struct View {
    const K& key;
    Value& value;
  };

  template <class Stored, class Value>
  class Cursor {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = View<Value>;
    using reference = View<Value>;
    using difference_type = std::ptrdiff_t;
    using pointer = void;

    Cursor() = default;
    reference operator*() const noexcept { return {at_->key, at_->value}; }
    Cursor& operator++() noexcept {
      ++at_;
      return *this;
    }
    Cursor operator++(int) noexcept { return Cursor{at_++}; }
    friend bool operator==(const Cursor&, const Cursor&) noexcept = default;

   private:
    friend class FlatMap;
    explicit Cursor(Stored* at) noexcept : at_{at} {}
    Stored* at_ = nullptr;
  };
  using iterator = Cursor<Entry, V>;
  using const_iterator = Cursor<const Entry, const V>;

  static_assert(std::is_nothrow_move_constructible_v<K> && std::is_nothrow_move_constructible_v<V>,
                "entries move when the map grows and when another is erased");

  FlatMap() = default;
  explicit FlatMap(Hasher hasher) noexcept : hasher_(std::move(hasher)) {}
  FlatMap(FlatMap&& other) noexcept
      : entries_{std::move(other.entries_)},
        index_{std::move(other.index_)},
        mask_{std::exchange(other.mask_, 0)},
        hasher_(other.hasher_) {}
  FlatMap& operator=(FlatMap&& other) noexcept {
    entries_ = std::move(other.entries_);
    other.entries_.clear();
    index_ = std::move(other.index_);
    mask_ = std::exchange(other.mask_, 0);
    hasher_ = other.hasher_;
    return *this;
  }

  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }

  iterator begin() noexcept { return iterator{entries_.data()}; }
  iterator end() noexcept { return iterator{entries_.data() + entries_.size()}; }
  const_iterator begin() const noexcept { return const_iterator{entries_.data()}; }
  const_iterator end() const noexcept { return const_iterator{entries_.data() + entries_.size()}; }

  // Null when there is no such key.
  V* find(const Query& key) noexcept {
    const Place place = place_of(key);
    return place.position == nowhere ? nullptr : &entries_[place.position].value;
  }
  const V* find(const Query& key) const noexcept {
    const Place place = place_of(key);
    return place.position == nowhere ? nullptr : &entries_[place.position].value;
  }
  bool contains(const Query& key) const noexcept { return place_of(key).position != nowhere; }

  struct Emplaced {
    V& value;
    bool inserted;
  };
  // The value under `key`, made from `arguments` if there was none; key and arguments are left
  // alone if there was.
  template <class Key, class... Arguments>
  Emplaced try_emplace(Key&& key, Arguments&&... arguments) {
    const Query& query = key;
    std::uint32_t hash = 0;
    if (!index_) {
      const std::uint32_t position = scan(query);
      if (position != nowhere) return {entries_[position].value, false};
      if (entries_.size() >= linear_limit) reindex(2 * linear_limit);
      if (index_) hash = hash_of(query);
    } else {
      hash = hash_of(query);
      const std::uint32_t position = probe(query, hash).position;
      if (position != nowhere) return {entries_[position].value, false};
      if (entries_.size() >= capacity_of(slots())) reindex(slots() * 2);
    }
    // The entry first: if its constructor throws, nothing points to it yet.
    Entry& entry =
        entries_.emplace_back(K(std::forward<Key>(key)), V(std::forward<Arguments>(arguments)...));
    if (index_) put(hash, static_cast<std::uint32_t>(entries_.size()));
    return {entry.value, true};
  }
  // True if the key was new; an existing value stays.
  template <class Key>
  bool insert(Key&& key, V value) {
    return try_emplace(std::forward<Key>(key), std::move(value)).inserted;
  }
  // True if the key was new; an existing value is replaced.
  template <class Key>
  bool insert_or_assign(Key&& key, V value) {
    const Emplaced emplaced = try_emplace(std::forward<Key>(key), std::move(value));
    if (!emplaced.inserted) emplaced.value = std::move(value);
    return emplaced.inserted;
  }
  template <class Key>
  V& operator[](Key&& key) {
    return try_emplace(std::forward<Key>(key)).value;
  }

  bool erase(const Query& key) noexcept {
    const Place place = place_of(key);
    if (place.position == nowhere) return false;
    remove(place);
    return true;
  }
  // Continues with the entry that has taken the place of the erased one, so that a loop over the
  // map that erases meets every entry once.
  iterator erase(iterator at) noexcept {
    const auto position = static_cast<std::uint32_t>(at.at_ - entries_.data());
    remove(place_at(position));
    return iterator{entries_.data() + position};
  }
  // How many were erased; `matches` sees every entry once, as (const K&, V&).
  template <class Predicate>
  std::size_t erase_if(Predicate matches) {
    const std::size_t before = size();
    for (std::uint32_t position = 0; position < entries_.size();) {
      Entry& entry = entries_[position];
      if (matches(std::as_const(entry.key), entry.value)) {
        remove(place_at(position));
      } else {
        ++position;
      }
    }
    return before - size();
  }

  // Erases and hands over.
  std::optional<V> take(const Query& key) noexcept {
    const Place place = place_of(key);
    if (place.position == nowhere) return std::nullopt;
    std::optional<V> taken{std::move(entries_[place.position].value)};
    remove(place);
    return taken;
  }
  // Any entry, the cheapest one: the last of the order of iteration. Nothing when empty.
  std::optional<Entry> pop() noexcept {
    if (entries_.empty()) return std::nullopt;
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    std::optional<Entry> taken;
    if (index_) close_gap(place_at(last).slot);
    taken.emplace(std::move(entries_.back()));
    entries_.pop_back();
    return taken;
  }

  // Erases everything and gives the memory back.
  void clear() noexcept {
    entries_ = std::vector<Entry>{};
    index_.reset();
    mask_ = 0;
  }
  // Room for `count` entries without another allocation.
  void reserve(std::size_t count) {
    entries_.reserve(count);
    std::uint64_t wanted = 2 * linear_limit;
    while (capacity_of(wanted) < count) wanted *= 2;
    if (count > linear_limit && (!index_ || wanted > slots())) reindex(wanted);
  }
  // What the map has allocated; what its keys and values own is not counted.
  std::size_t allocated_bytes() const noexcept {
    return entries_.capacity() * sizeof(Entry) + (index_ ? slots() * sizeof(Slot) : 0);
  }

 private:
  struct Slot {
    std::uint32_t hash;
    std::uint32_t position_plus_one;  // zero: free
  };

  // Where an entry and its slot are; `slot` means nothing while there is no index.
  struct Place {
    std::uint32_t position;
    std::uint32_t slot;
  };

  static constexpr std::uint32_t nowhere = UINT32_MAX;
  static constexpr std::uint64_t linear_limit = 8;

  // Three quarters: a miss then looks at 8.5 slots on average (Knuth, TAOCP 3, 6.4), one or two
  // cache lines.
  static constexpr std::uint64_t capacity_of(std::uint64_t slots) noexcept {
    return slots - slots / 4;
  }

  std::uint64_t slots() const noexcept { return std::uint64_t{mask_} + 1; }
  std::uint32_t hash_of(const Query& key) const noexcept {
    return static_cast<std::uint32_t>(hasher_(key));
  }

  Place place_of(const Query& key) const noexcept {
    return index_ ? probe(key, hash_of(key)) : Place{scan(key), 0};
  }
  std::uint32_t scan(const Query& key) const noexcept {
    for (std::uint32_t position = 0; position < entries_.size(); ++position) {
      if (entries_[position].key == key) return position;
    }
    return nowhere;
  }
  Place probe(const Query& key, std::uint32_t hash) const noexcept {
    for (std::uint32_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot slot = index_[at];
      if (slot.position_plus_one == 0) return Place{nowhere, at};
      if (slot.hash == hash && entries_[slot.position_plus_one - 1].key == key) {
        return Place{slot.position_plus_one - 1, at};
      }
    }
  }
  Place place_at(std::uint32_t position) const noexcept {
    if (!index_) return Place{position, 0};
    std::uint32_t at = hash_of(entries_[position].key) & mask_;
    while (index_[at].position_plus_one != position + 1) at = (at + 1) & mask_;
    return Place{position, at};
  }
  void put(std::uint32_t hash, std::uint32_t position_plus_one) noexcept {
    std::uint32_t at = hash & mask_;
    while (index_[at].position_plus_one != 0) at = (at + 1) & mask_;
    index_[at] = Slot{hash, position_plus_one};
  }

  void reindex(std::uint64_t count) {
    TROUPE_ASSERT(count <= std::uint64_t{1} << 32, "the index counts entries in 32 bits");
    auto fresh = std::make_unique<Slot[]>(count);
    std::unique_ptr<Slot[]> old = std::exchange(index_, std::move(fresh));
    const std::uint64_t old_slots = old ? slots() : 0;
    mask_ = static_cast<std::uint32_t>(count - 1);
    if (!old) {
      for (std::uint32_t position = 0; position < entries_.size(); ++position) {
        put(hash_of(entries_[position].key), position + 1);
      }
      return;
    }
    for (std::uint64_t at = 0; at < old_slots; ++at) {
      if (old[at].position_plus_one != 0) put(old[at].hash, old[at].position_plus_one);
    }
  }

  void remove(Place place) noexcept {
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    const std::uint32_t position = place.position;
    if (!index_) {
      for (std::uint32_t at = position; at < last; ++at) fill(at, at + 1);
    } else {
      if (position != last) index_[place_at(last).slot].position_plus_one = position + 1;
      close_gap(place.slot);
      if (position != last) fill(position, last);
    }
    entries_.pop_back();
  }
  // Moved out and in by construction, so that keys and values need no assignment.
  void fill(std::uint32_t gap, std::uint32_t from) noexcept {
    Entry* entry = &entries_[gap];
    std::destroy_at(entry);
    std::construct_at(entry, std::move(entries_[from]));
  }

  // Moves back every slot that was pushed beyond `gap` by its occupant.
  void close_gap(std::uint32_t gap) noexcept {
    for (std::uint32_t at = (gap + 1) & mask_; index_[at].position_plus_one != 0;
         at = (at + 1) & mask_) {
      const std::uint32_t home = index_[at].hash & mask_;
      if (((at - home) & mask_) >= ((at - gap) & mask_)) {
        index_[gap] = index_[at];
        gap = at;
      }
    }
    index_[gap] = Slot{};
  }

  std::vector<Entry> entries_;
  std::unique_ptr<Slot[]> index_;
  std::uint32_t mask_ = 0;
  [[no_unique_address]] Hasher hasher_{};
};

}  // namespace troupe
