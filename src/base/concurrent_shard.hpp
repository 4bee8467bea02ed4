// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/epoch.hpp"
#include "base/leak_check.hpp"
#include "base/node_memory.hpp"
#include "base/table_slot.hpp"

namespace troupe::detail {

// What tables and nodes have in common: a link for when they are out of use.
struct Retired {
  Retired* next = nullptr;
  std::uint32_t hash = 0;    // of a node: bits 32 to 63
  std::uint32_t length = 0;  // of a node with a text, or is_table

  static constexpr std::uint32_t is_table = UINT32_MAX;
};

// A key and its value; neither changes while it is in a table. A text's bytes follow the node.
template <class K, class V>
struct Node : Retired {
  using Query = K;
  Node(const K& wanted, V&& given) : value(std::move(given)), key_(wanted) {}
  const K& key() const noexcept { return key_; }
  V value;

 private:
  K key_;
};
template <class V>
struct Node<std::string, V> : Retired {
  using Query = std::string_view;
  Node(std::string_view wanted, V&& given) : value(std::move(given)) {
    length = static_cast<std::uint32_t>(wanted.size());
    if (length != 0) std::memcpy(reinterpret_cast<char*>(this + 1), wanted.data(), length);
  }
  std::string_view key() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), length};
  }
  V value;
};

// Where a table is and how large, in one word, so that a look-up need not read the table to find
// its slot. Slots begin on a cache line; the low six bits say how many bits the capacity has.
template <class Slot>
class TableRef {
 public:
  static constexpr std::size_t line = 64;
  static constexpr unsigned smallest_bits = 3;
  static constexpr unsigned largest_bits = 31;

  TableRef() = default;  // no table
  // All slots free; the null table when there is no memory.
  static TableRef make(unsigned bits) noexcept {
    const std::size_t capacity = std::size_t{1} << bits;
    void* memory =
        ::operator new(line + capacity * sizeof(Slot), std::align_val_t{line}, std::nothrow);
    TableRef table;
    if (!memory) return table;
    auto* head = new (memory) Retired;
    head->length = Retired::is_table;
    auto* slots = reinterpret_cast<Slot*>(static_cast<char*>(memory) + line);
    std::uninitialized_value_construct_n(slots, capacity);
    table.word_ = reinterpret_cast<std::uintptr_t>(slots) | bits;
    return table;
  }
  static void free(Retired* head) noexcept { ::operator delete(head, std::align_val_t{line}); }

  explicit operator bool() const noexcept { return word_ != 0; }
  unsigned bits() const noexcept { return static_cast<unsigned>(word_ & (line - 1)); }
  std::size_t capacity() const noexcept { return word_ == 0 ? 0 : std::size_t{1} << bits(); }
  std::size_t mask() const noexcept { return capacity() - 1; }
  Slot* slots() const noexcept { return reinterpret_cast<Slot*>(word_ & ~(line - 1)); }
  Retired* head() const noexcept {
    return reinterpret_cast<Retired*>(reinterpret_cast<char*>(slots()) - line);
  }
  // High bits, so that tables of every size have the same order.
  std::size_t home(std::uint32_t hash) const noexcept { return hash >> (32 - bits()); }
  // The smallest hash at home in a slot.
  std::uint32_t first_hash(std::size_t slot) const noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{slot} << (32 - bits()));
  }

 private:
  std::uintptr_t word_ = 0;
};

// For maps whose slots hold nothing of the value.
struct NoBrief {};

// What a writer wants done with the entry it was shown.
template <class V>
struct Edit {
  std::optional<V> put;
  bool erase = false;
};

// One shard of a ConcurrentMap, which explains it. Hashes have 64 bits: 16 to 31 mark slots, 32 to
// 63 give the home; the map has used the others.
template <class K, class V, class Brief>
class ConcurrentShard {
  static constexpr bool has_briefs = !std::is_same_v<Brief, NoBrief>;
  using Slot = std::conditional_t<has_briefs, WideSlot, NarrowSlot>;
  using TableRef = detail::TableRef<Slot>;

 public:
  using Print = typename Slot::Print;
  using Entry = Node<K, V>;
  using Query = typename Entry::Query;

  // Null where there is no such key.
  struct Found {
    const Entry* entry = nullptr;
    std::uint64_t brief = 0;
  };

  static_assert(std::is_copy_constructible_v<V> && std::is_nothrow_move_constructible_v<V>,
                "readers copy values, writers move them into place");

  ConcurrentShard() = default;
  ConcurrentShard(const ConcurrentShard&) = delete;
  ConcurrentShard& operator=(const ConcurrentShard&) = delete;
  ~ConcurrentShard() {
    const TableRef table = table_.load(std::memory_order_relaxed);
    for (std::size_t at = 0; at < table.capacity(); ++at) {
      const std::uint64_t word = table.slots()[at].word.load(std::memory_order_relaxed);
      if (holds_node(word)) free_node(node_of(word));
    }
    if (table) TableRef::free(table.head());
    for (Retired* list : {fresh_, aging_}) {
      for (Dead* dead = destroy_all(list); dead;) give_back(std::exchange(dead, dead->next));
    }
  }

  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // Under an EpochGuard of the caller, and valid as long as that. Inlined, because a look-up's
  // misses overlap the next one's only as far as the processor looks ahead: a few hundred
  // instructions.
  [[gnu::always_inline]] Found find(const Query& key, std::uint64_t hash,
                                    const Print& print) const noexcept {
    const TableRef table = table_.load(std::memory_order_seq_cst);
    if (!table) return {};
    for (std::size_t at = table.home(high(hash));;) {
      const Slot& slot = table.slots()[at];
      const std::uint64_t word = slot.word.load(std::memory_order_seq_cst);
      if (is_for(slot, word, print, key)) {
        const Found found{node_of(word), slot.brief()};
        if (slot.is_still(word)) return found;
        continue;  // the slot has another node now, perhaps of another key
      }
      if (word == free_slot) return {};
      at = (at + 1) & table.mask();
    }
  }

  // Under an EpochGuard or not: an address that is fetched need not be there.
  void prefetch(std::uint64_t hash) const noexcept {
    const TableRef table = table_.load(std::memory_order_relaxed);
    if (table) __builtin_prefetch(table.slots() + table.home(high(hash)));
  }

  // Shows decide(const Entry*, Edit<V>&) the entry, or null, and does what it asks for. Throws what
  // decide throws, or std::bad_alloc; then nothing has changed.
  template <class Decide>
  auto write(const Query& key, std::uint64_t hash, Decide&& decide) {
    Garbage garbage{*this};  // is freed after the lock is given up
    const std::lock_guard guard{lock_};
    const Place place = place_of(key, hash);
    Edit<V> edit;
    auto result = decide(std::as_const(place.entry), edit);
    if (edit.put) {
      store(place, key, hash, std::move(*edit.put));
    } else if (edit.erase && place.entry) {
      remove(place);
    }
    if (++writes_ % collect_every == 0) garbage.list = collect();
    return result;
  }

  // Calls visit(Query, const V&) for the entries whose high hash is at least `from`, in its order,
  // all of one home slot together. Stops when `wanted` is used up by entries or `looks` by slots;
  // then true, and the scan goes on at `from`.
  template <class Visit>
  bool scan(std::uint32_t& from, std::size_t& wanted, std::size_t& looks, Visit& visit) const {
    const EpochGuard guard;
    const TableRef table = table_.load(std::memory_order_seq_cst);
    looks -= looks != 0;
    if (!table) return false;
    for (std::size_t home = table.home(from); home < table.capacity(); ++home) {
      if (wanted == 0 || looks == 0) return true;
      for (std::size_t at = home;; at = (at + 1) & table.mask()) {
        const std::uint64_t word = table.slots()[at].word.load(std::memory_order_seq_cst);
        if (word == free_slot) break;
        if (!holds_node(word)) continue;
        const Entry& entry = *node_of(word);
        if (table.home(entry.hash) != home || entry.hash < from) continue;
        visit(entry.key(), entry.value);
        wanted -= wanted != 0;
      }
      --looks;
      from = table.first_hash(home + 1);
    }
    return false;
  }

 private:
  // After this many writes it is seen to what can be freed.
  static constexpr std::uint32_t collect_every = 64;

  struct Place {
    Entry* entry;    // null: the key is not there
    std::size_t at;  // its slot, or the one to use
  };
  // Where a node was.
  struct Dead {
    Dead* next;
    std::size_t size;
  };
  // The destructors of keys and values run without the lock, because they may do anything.
  struct Garbage {
    explicit Garbage(ConcurrentShard& owner) noexcept : shard{owner} {}
    Garbage(const Garbage&) = delete;
    Garbage& operator=(const Garbage&) = delete;
    ~Garbage() {
      if (!list) return;
      Dead* dead = destroy_all(list);
      const std::lock_guard guard{shard.lock_};
      while (dead) shard.give_back(std::exchange(dead, dead->next));
    }
    ConcurrentShard& shard;
    Retired* list = nullptr;
  };

  static Entry* node_of(std::uint64_t word) noexcept {
    return reinterpret_cast<Entry*>(word & pointer_mask);
  }
  static std::uint32_t high(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  static bool is_for(const Slot& slot, std::uint64_t word, const Print& print,
                     const Query& key) noexcept {
    return slot.has(print, word) && holds_node(word) &&
           (print.is_whole || node_of(word)->key() == key);
  }
  static std::uint64_t brief_of(const Entry& entry) noexcept {
    if constexpr (has_briefs) return Brief::of(entry.value);
    return 0;
  }

  // The rest is the writers', under lock_. Their own loads may be relaxed: the lock orders them.
  TableRef table() const noexcept { return table_.load(std::memory_order_relaxed); }
  std::uint64_t word_at(std::size_t at) const noexcept {
    return table().slots()[at].word.load(std::memory_order_relaxed);
  }
  void set_word(std::size_t at, std::uint64_t word) noexcept {
    table().slots()[at].word.store(word, std::memory_order_seq_cst);
  }

  Place place_of(const Query& key, std::uint64_t hash) const noexcept {
    if (!table()) return Place{nullptr, 0};
    const Print print{key, hash};
    std::optional<std::size_t> reusable;
    for (std::size_t at = table().home(high(hash));; at = (at + 1) & table().mask()) {
      const std::uint64_t word = word_at(at);
      if (is_for(table().slots()[at], word, print, key)) return Place{node_of(word), at};
      if (word == erased_slot && !reusable) reusable = at;
      if (word == free_slot) return Place{nullptr, reusable.value_or(at)};
    }
  }

  void store(Place place, const Query& key, std::uint64_t hash, V value) {
    std::size_t extra = 0;
    if constexpr (std::is_same_v<K, std::string>) {
      TROUPE_ASSERT(key.size() < Retired::is_table, "a key is shorter than 4 GiB");
      extra = key.size();
    }
    if (!memory_) memory_ = std::make_unique<NodeMemory>();
    void* memory = memory_->take(sizeof(Entry) + extra);
    auto* entry = new (memory) Entry(key, std::move(value));
    keep_from_leak_check(memory);  // a slot has more than the address in its word
    entry->hash = high(hash);
    const auto address = reinterpret_cast<std::uint64_t>(entry);
    TROUPE_ASSERT((address & ~pointer_mask) == 0, "pointers have 48 bits");
    const Print print{key, hash};
    const std::uint64_t word = print.mark | address;
    if (place.entry) {
      set_word(place.at, word);
      table().slots()[place.at].set_brief(brief_of(*entry));
      retire(place.entry);
      return;
    }
    const std::size_t live = size();
    const bool reuses = table() && word_at(place.at) == erased_slot;
    // Three quarters at most are not free, as in FlatMap.
    if (!reuses && (live + erased_ + 1) * 4 > table().capacity() * 3) {
      if (!rebuild(bits_for(live + 1))) {
        free_node(entry);
        throw std::bad_alloc{};
      }
      place.at = free_from(table(), high(hash));
    }
    erased_ -= reuses;
    Slot& slot = table().slots()[place.at];
    slot.note(print);
    slot.set_brief(brief_of(*entry));
    set_word(place.at, word);
    size_.store(static_cast<std::uint32_t>(live + 1), std::memory_order_relaxed);
  }

  void remove(Place place) noexcept {
    const std::size_t mask = table().mask();
    if (word_at((place.at + 1) & mask) == free_slot) {
      // No probe goes over this slot any more, nor over marks before it.
      std::size_t at = place.at;
      set_word(at, free_slot);
      while (word_at(at = (at - 1) & mask) == erased_slot) {
        set_word(at, free_slot);
        --erased_;
      }
    } else {
      set_word(place.at, erased_slot);
      ++erased_;
    }
    retire(place.entry);
    const std::size_t live = size() - 1;
    size_.store(static_cast<std::uint32_t>(live), std::memory_order_relaxed);
    // Without memory for a smaller table the large one stays.
    if (live * 8 < table().capacity() && bits_for(live) < table().bits()) rebuild(bits_for(live));
  }

  // A table that is rebuilt is at most half full, and will have room for a quarter of its capacity.
  static unsigned bits_for(std::size_t live) {
    unsigned bits = TableRef::smallest_bits;
    while (live * 2 > std::size_t{1} << bits) ++bits;
    TROUPE_ASSERT(bits <= TableRef::largest_bits, "a shard has at most 2^30 entries");
    return bits;
  }
  static std::size_t free_from(TableRef table, std::uint32_t hash) noexcept {
    std::size_t at = table.home(hash);
    while (table.slots()[at].word.load(std::memory_order_relaxed) != free_slot) {
      at = (at + 1) & table.mask();
    }
    return at;
  }
  bool rebuild(unsigned bits) noexcept {
    const TableRef old = table();
    const TableRef fresh = TableRef::make(bits);
    if (!fresh) return false;
    for (std::size_t at = 0; at < old.capacity(); ++at) {
      const std::uint64_t word = word_at(at);
      if (!holds_node(word)) continue;
      Slot& slot = fresh.slots()[free_from(fresh, node_of(word)->hash)];
      slot.copy_notes(old.slots()[at]);
      slot.word.store(word, std::memory_order_relaxed);
    }
    table_.store(fresh, std::memory_order_seq_cst);
    erased_ = 0;
    if (old) retire(old.head());
    return true;
  }

  void retire(Retired* retired) noexcept {
    retired->next = fresh_;
    fresh_ = retired;
  }
  // What may be freed now. The rest waits for a later write; a shard that is never written to again
  // keeps at most the last 128 nodes and a table that were taken out.
  Retired* collect() noexcept {
    Retired* done = nullptr;
    if (aging_ && epoch::has_passed(stamp_)) done = std::exchange(aging_, nullptr);
    if (!aging_ && fresh_) {
      aging_ = std::exchange(fresh_, nullptr);
      stamp_ = epoch::stamp();
    }
    return done;
  }

  static Dead* destroy(Retired* retired, Dead* next) noexcept {
    const std::size_t size = sizeof(Entry) + retired->length;
    auto* entry = static_cast<Entry*>(retired);
    entry->~Entry();
    return new (static_cast<void*>(entry)) Dead{next, size};
  }
  // What is left of the nodes.
  static Dead* destroy_all(Retired* list) noexcept {
    Dead* dead = nullptr;
    while (list) {
      Retired* retired = std::exchange(list, list->next);
      if (retired->length == Retired::is_table) {
        TableRef::free(retired);
      } else {
        dead = destroy(retired, dead);
      }
    }
    return dead;
  }
  void give_back(Dead* dead) noexcept { memory_->give_back(dead, dead->size); }
  void free_node(Entry* entry) noexcept { give_back(destroy(entry, nullptr)); }

  // The line of the readers. Writers change the table when it grows, aging_ every collect_every,
  // memory_ once.
  alignas(TableRef::line) std::atomic<TableRef> table_{TableRef{}};
  Retired* aging_ = nullptr;  // taken out before stamp_
  std::uint64_t stamp_ = 0;
  std::unique_ptr<NodeMemory> memory_;  // made by the first insertion; under lock_
  alignas(TableRef::line) std::mutex lock_;
  std::atomic<std::uint32_t> size_{0};
  std::uint32_t erased_ = 0;  // slots with that mark
  std::uint32_t writes_ = 0;
  Retired* fresh_ = nullptr;  // taken out
};

}  // namespace troupe::detail
