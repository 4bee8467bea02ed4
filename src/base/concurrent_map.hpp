// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/concurrent_shard.hpp"
#include "base/epoch.hpp"
#include "base/hash.hpp"

namespace troupe {

// A hash map for many threads that is read far more often than written: names, keys, registries.
// Readers take no lock, write nothing that is shared and never wait, not even for a writer that was
// preempted in the middle of its work; so one name that everybody asks for costs the same as many.
// Writers of the same shard exclude each other.
//
//   shard (low bits of the hash)   table: [tag|node] [tag|node] [erased] [ - ] ...
//                                              |
//                                              node: hash, value, key (a string's bytes in place)
//
// A table is open-addressed and probed linearly; a slot is one word, 16 bits of hash and a pointer.
// A node never changes once it is in a table and never moves within it:
//
//   insert    stores a new node into the first slot without one
//   replace   stores a new node into the old one's slot
//   erase     marks the slot erased; marks before a free slot become free
//   rebuild   fills a new table, then publishes it; readers of the old one finish there
//
// Hence a key that is present during a whole look-up is found: its slot is fixed and no slot before
// it is free. What was taken out is freed when no reader can see it any more (epoch.hpp);
// its memory is for later nodes of the shard.
//
// The home slot is given by the high bits of the hash, so that tables of every size hold their keys
// in the same order, and a scan that remembers a hash goes on in a table of another size.
//
// Orders: slots and tables are stored and loaded seq_cst, pairing with each other as (c) and (b) of
// epoch.hpp. Sizes are relaxed: they order nothing.
//
// A map with a Brief keeps Brief::of(value), a word of each value, and the bytes of keys of up to
// 16 in its slots too (table_slot.hpp), so that find_brief() touches one cache line. A slot takes
// 32 bytes then instead of 8: 90 to 130 bytes for each name with a pid.
//
// With 100,000 names of 16 bytes a look-up is little but its misses, of 100 to 200 ns each in a
// virtual machine; but 20 independent ones take no longer than one. So what counts is how many hang
// on each other (name, slot, node), and how much of the next look-up the processor sees meanwhile:
// its window is a few hundred instructions, and a branch that is guessed wrong closes it. Hence no
// exchange in the guard (epoch.hpp), the functions that are inlined by force, and what stands in
// the slots. Nanoseconds of a look-up by each of two readers, the best of 15 runs in turn on a busy
// machine: nodes 120, briefs 84, the same in a single table without shards 61; with the exchange
// 179, 125 and 69. A text's words are made once for hash and slot: with that and less around it two
// readers of a Registry found 19.1 M names a second, each with 229 instructions, and 16.6 M with
// 250 (medians of 7 runs in turn). Insert 150 ns, replace 120 ns, erase 130 ns. Nodes lie side by
// side (node_memory.hpp): where malloc had put them a look-up took 630 ns instead of 350.
//
// Tried instead: a spinning lock, a spinning reader lock and std::mutex in each shard. They cost a
// single reader the same within a sixth, since the misses decide; but all readers of one name would
// write to one line, and wait for a writer that the kernel has put aside. Pairs of slots, one cache
// line, that are compared without a branch: 71 ns where one slot after the other took 55. An index
// of 4-byte words, which the second-level cache holds, into an array of keys and briefs: 272 where
// slots took 233, because two misses hang on each other again.
template <class K, class V, class Hasher = Hash<K>, class Brief = detail::NoBrief>
class ConcurrentMap {
  using Shard = detail::ConcurrentShard<K, V, Brief>;
  using Entry = typename Shard::Entry;
  using Edit = detail::Edit<V>;

 public:
  // What the map is asked with, and what visits see of a key: std::string_view for std::string.
  using Query = typename Hasher::Query;
  static_assert(std::is_same_v<Query, typename Entry::Query>);

  static constexpr std::size_t default_shards = 64;

  // The number of shards is a power of two; it bounds how many writers proceed at once, and costs
  // 128 bytes each. Keys from outside need a hasher with a secret key.
  explicit ConcurrentMap(Hasher hasher = {}, std::size_t shards = default_shards)
      : hasher_(std::move(hasher)),
        shard_mask_{shards - 1},
        shards_{std::make_unique<Shard[]>(shards)} {
    TROUPE_ASSERT(std::has_single_bit(shards) && shards <= 65'536,
                  "the number of shards is a power of two up to 65,536");
  }
  // Nobody may be using the map any more when it is destroyed.

  // A copy of the value.
  std::optional<V> find(const Query& key) const {
    const EpochGuard guard;
    const Entry* entry = look_up(key);
    return entry ? std::optional<V>{entry->value} : std::nullopt;
  }
  bool contains(const Query& key) const {
    const EpochGuard guard;
    return look_up(key) != nullptr;
  }
  // Calls visit(const V&) with the value in place; false if there is none. No lock is held.
  template <class Visit>
  bool visit(const Query& key, Visit&& visit) const {
    const EpochGuard guard;
    const Entry* entry = look_up(key);
    if (entry) std::forward<Visit>(visit)(std::as_const(entry->value));
    return entry != nullptr;
  }

  // As visit, with the key as the map keeps it, whose bytes stay until the entry is erased or
  // replaced: visit(Query, const V&).
  template <class Visit>
  bool visit_entry(const Query& key, Visit&& visit) const {
    const EpochGuard guard;
    const Entry* entry = look_up(key);
    if (entry) std::forward<Visit>(visit)(entry->key(), std::as_const(entry->value));
    return entry != nullptr;
  }

  // The brief of its value. Where a value is replaced, readers may find the new value a moment
  // before they find its brief.
  std::optional<std::uint64_t> find_brief(const Query& key) const {
    return find_brief(key, EpochGuard{});
  }
  // Under a guard that the caller has already.
  [[gnu::always_inline]] std::optional<std::uint64_t> find_brief(const Query& key,
                                                                 const EpochGuard&) const noexcept
    requires(!std::is_same_v<Brief, detail::NoBrief>)
  {
    const auto found = find_entry(key);
    return found.entry ? std::optional{found.brief} : std::nullopt;
  }

  // Fetches the slot where a look-up or an insertion of the key will begin.
  void prefetch(const Query& key) const noexcept {
    const std::uint64_t hash = hasher_(key);
    shards_[hash & shard_mask_].prefetch(hash);
  }

  // True if the key was new; otherwise nothing changes.
  bool insert_if_absent(const Query& key, V value) {
    return write(key, [&](const Entry* old, Edit& edit) {
      if (!old) edit.put.emplace(std::move(value));
      return old == nullptr;
    });
  }
  // True if the key was there and its value is replaced; otherwise nothing changes.
  bool replace(const Query& key, V value) {
    return write(key, [&](const Entry* old, Edit& edit) {
      if (old) edit.put.emplace(std::move(value));
      return old != nullptr;
    });
  }
  // Inserts or replaces; what was there before.
  std::optional<V> assign(const Query& key, V value) {
    return write(key, [&](const Entry* old, Edit& edit) {
      edit.put.emplace(std::move(value));
      return old ? std::optional<V>{old->value} : std::nullopt;
    });
  }
  // What was there.
  std::optional<V> erase(const Query& key) {
    return write(key, [](const Entry* old, Edit& edit) {
      edit.erase = true;
      return old ? std::optional<V>{old->value} : std::nullopt;
    });
  }
  // Compare and erase: true if the key was there, matches(const V&) said yes, and it is gone.
  template <class Predicate>
  bool erase_if(const Query& key, Predicate&& matches) {
    return write(key, [&](const Entry* old, Edit& edit) {
      edit.erase = old != nullptr && matches(std::as_const(old->value));
      return edit.erase;
    });
  }
  // Calls change(std::optional<V>&) with the value, nothing if there is none, and stores what it
  // leaves there: nothing erases. Returns what `change` returns. Other writers of the shard wait
  // meanwhile, so it must be short, and must not write to this map; readers see the old value until
  // it is done. If it throws, nothing changes.
  template <class Change>
  auto update(const Query& key, Change&& change) {
    const auto decide = [&](const Entry* old, Edit& edit) {
      if (old) edit.put.emplace(old->value);
      if constexpr (std::is_void_v<decltype(change(edit.put))>) {
        change(edit.put);
        edit.erase = !edit.put;
        return true;
      } else {
        auto result = change(edit.put);
        edit.erase = !edit.put;
        return result;
      }
    };
    if constexpr (std::is_void_v<decltype(change(std::declval<std::optional<V>&>()))>) {
      write(key, decide);
    } else {
      return write(key, decide);
    }
  }

  // Exact while nobody writes.
  std::size_t size() const noexcept {
    std::size_t total = 0;
    for (std::size_t i = 0; i <= shard_mask_; ++i) total += shards_[i].size();
    return total;
  }
  bool empty() const noexcept { return size() == 0; }

  // Calls visit(Query, const V&) for some entries and returns where to go on: begin with 0, it is
  // over when 0 comes back. A key that is present during the whole scan is visited exactly once,
  // however the map is written to and grows and shrinks meanwhile; one that comes or goes, perhaps.
  // A call visits about `count` entries (those of one slot go together) and looks at ten times as
  // many slots at most. No lock is held: `visit` may write to this map; but memory is not freed
  // while it runs (epoch.hpp). A cursor that no scan has returned does no harm: it begins
  // somewhere, or is the end.
  template <class Visit>
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, Visit&& visit) const {
    std::uint64_t shard = cursor >> 32;
    auto from = static_cast<std::uint32_t>(cursor);
    std::size_t wanted = std::max<std::size_t>(count, 1);
    std::size_t looks = wanted > SIZE_MAX / 10 ? SIZE_MAX : wanted * 10;
    for (; shard <= shard_mask_; ++shard, from = 0) {
      if (shards_[shard].scan(from, wanted, looks, visit)) return shard << 32 | from;
    }
    return 0;
  }
  // A whole scan.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::uint64_t cursor = 0;
    do {
      cursor = scan(cursor, 1000, visit);
    } while (cursor != 0);
  }

 private:
  [[gnu::always_inline]] auto find_entry(const Query& key) const noexcept {
    using Print = typename Shard::Print;
    if constexpr (
        requires { Print{detail::TextWords{key}, key.size(), hasher_(key)}; } &&
        requires { hasher_(key, detail::TextWords{key}); }) {
      const detail::TextWords words{key};
      const std::uint64_t hash = hasher_(key, words);
      return shards_[hash & shard_mask_].find(key, hash, Print{words, key.size(), hash});
    } else {
      const std::uint64_t hash = hasher_(key);
      return shards_[hash & shard_mask_].find(key, hash, Print{key, hash});
    }
  }
  const Entry* look_up(const Query& key) const noexcept { return find_entry(key).entry; }
  template <class Decide>
  auto write(const Query& key, Decide&& decide) {
    const std::uint64_t hash = hasher_(key);
    return shards_[hash & shard_mask_].write(key, hash, std::forward<Decide>(decide));
  }

  [[no_unique_address]] Hasher hasher_;
  std::size_t shard_mask_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace troupe
