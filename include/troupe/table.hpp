// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <troupe/detail/table_core.hpp>

namespace troupe {

enum class TableKind : std::uint8_t {
  set,            // one value per key
  ordered_set,    // the same, in the order of the keys
  bag,            // several values per key, each once
  duplicate_bag,  // several values per key, equal ones too
};

namespace detail {

template <class K, class V>
struct OrderedEntry {
  K key;
  mutable V value;  // not part of the order
};
template <class K, class V>
struct OrderedLess {
  using is_transparent = void;
  using Entry = OrderedEntry<K, V>;
  bool operator()(const Entry& a, const Entry& b) const { return a.key < b.key; }
  bool operator()(const Entry& a, const K& b) const { return a.key < b; }
  bool operator()(const K& a, const Entry& b) const { return a < b.key; }
};

// Spread over shards with a lock each, so that writers of different keys rarely meet; readers
// share.
inline constexpr std::size_t table_shards = 64;

template <class Map>
struct TableShard {
  mutable std::shared_mutex lock;
  Map map;
};

template <class K, class V, TableKind Kind>
class TableData final : public TableCore {
 public:
  static constexpr bool is_ordered = Kind == TableKind::ordered_set;
  static constexpr bool is_bag = Kind == TableKind::bag || Kind == TableKind::duplicate_bag;
  using Held = std::conditional_t<is_bag, std::vector<V>, V>;
  struct Hashed {
    std::unordered_map<K, Held> entries;
  };
  struct Ordered {
    std::set<OrderedEntry<K, V>, OrderedLess<K, V>> entries;
  };
  using Map = std::conditional_t<is_ordered, Ordered, Hashed>;
  static constexpr std::size_t shard_count = is_ordered ? 1 : table_shards;

  using TableCore::TableCore;
  // Its address is the type's identity.
  static constexpr char type = 0;

  TableShard<Map>& shard_of(const K& key) {
    if constexpr (is_ordered) {
      return shards[0];
    } else {
      // The high bits of a product: standard hashes of integers are the integers.
      const std::uint64_t hash = std::hash<K>{}(key)*std::uint64_t{0x9e3779b97f4a7c15};
      return shards[hash >> 58];
    }
  }
  void drop_entries() noexcept override {
    for (auto& shard : shards) {
      Map gone;
      {
        const std::unique_lock guard{shard.lock};
        std::swap(gone.entries, shard.map.entries);
      }
      std::size_t count = gone.entries.size();
      if constexpr (is_bag) {
        count = 0;
        for (const auto& [key, values] : gone.entries) count += values.size();
      }
      size.fetch_sub(count, std::memory_order_relaxed);
    }
  }

  TableShard<Map> shards[shard_count];
  std::atomic<std::size_t> size{0};  // of values; relaxed: it orders nothing
};

}  // namespace detail

// Entries that many processes read and write directly, without asking one: ETS. Use it for what
// many look up and few change; where a change must look at several entries, a GenServer.
//
//     auto visits = Table<std::string, int>::create(self, {.name = "visits"});
//     visits.update_counter("home", 1);                       // the owner
//     auto home = Table<std::string, int>::whereis("visits")->lookup("home");   // anybody
//
// A table belongs to the process that created it, and ends with it unless there is an heir; the
// handle keeps only memory alive. Every use of one that has ended, or that the protection forbids,
// throws ErrorException{badarg}.
//
// Each function on one key is atomic: readers see an entry before or after a change. Lookups give
// copies. A table but an ordered one has 64 locks, which readers share; they are held for one key,
// or for a copy of a 64th of the table. Functions that are passed to update and select run under
// such a lock: they must be short, and must not use the table. for_each may.
//
// K needs std::hash and ==, or < in an ordered table; V needs == in a bag.
template <class K, class V, TableKind Kind = TableKind::set>
  requires std::copy_constructible<K> && std::copy_constructible<V>
class Table {
  using Data = detail::TableData<K, V, Kind>;

 public:
  static constexpr bool is_ordered = Data::is_ordered;
  static constexpr bool is_bag = Data::is_bag;
  struct Entry {
    K key;
    V value;
  };

  // Owned by the caller. Throws ErrorException{badarg} if the name is taken by another table.
  static Table create(Process& self, TableOptions options = {}) {
    auto data = std::make_shared<Data>(self, std::move(options), &Data::type);
    detail::TableCore::launch(data);
    return Table{std::move(data)};
  }
  // The table of that name and type on the caller's node, if there is one.
  static std::optional<Table> whereis(Name name) {
    auto data = std::static_pointer_cast<Data>(detail::TableCore::find(name, &Data::type));
    return data ? std::optional{Table{std::move(data)}} : std::nullopt;
  }

  // --- Whose it is. The caller of these must be the owner.

  // The other process gets a TableTransfer, and is the owner at once; one that is gone already is
  // an owner that has ended. Throws ErrorException{system_limit} if its mailbox is full.
  void give_away(Process& self, Pid to, Term data = {}) { data_->give_away(self, to, data); }
  // Ends the table: all its entries go, whatever heir it has.
  void destroy(Process& self) { data_->destroy(self); }

  // The null pid once the table has ended.
  Pid owner() const noexcept { return data_->owner(); }
  Atom name() const noexcept { return data_->name(); }

  // --- Writing

  // Sets: replaces the value. Bags: adds one (a bag only if it has no equal one).
  void insert(K key, V value) {
    write(key, [&](auto& entries) { add(entries, std::move(key), std::move(value)); });
  }
  // Only if the key has nothing: whether it had nothing.
  bool insert_new(K key, V value) {
    return write(key, [&](auto& entries) {
      const bool is_new = entries.find(key) == entries.end();
      if (is_new) add(entries, std::move(key), std::move(value));
      return is_new;
    });
  }
  // Everything under the key: how many values. OTP: ets:delete/2.
  std::size_t erase(const K& key) {
    return write(key, [&](auto& entries) {
      const auto at = entries.find(key);
      return at == entries.end() ? 0 : remove(entries, at);
    });
  }
  // Only values equal to this one. OTP: ets:delete_object/2.
  std::size_t erase_value(const K& key, const V& value) {
    return write(key, [&](auto& entries) -> std::size_t {
      const auto at = entries.find(key);
      if (at == entries.end()) return 0;
      if constexpr (is_bag) {
        const std::size_t erased = std::erase(at->second, value);
        count(0, erased);
        if (at->second.empty()) entries.erase(at);
        return erased;
      } else {
        return value_of(*at) == value ? remove(entries, at) : 0;
      }
    });
  }
  // Gives what it erases. OTP: ets:take/2.
  auto take(const K& key) {
    return write(key, [&](auto& entries) {
      const auto at = entries.find(key);
      auto taken = found(entries, at);
      if (at != entries.end()) remove(entries, at);
      return taken;
    });
  }
  // Erases everything. OTP: ets:delete_all_objects/1.
  void clear() {
    data_->check_write();
    data_->drop_entries();
  }
  // Sets: change(V&) on the value in place; false if there is none. If it throws, the value is as
  // the exception left it.
  template <class F>
    requires(!is_bag)
  bool update(const K& key, F change) {
    return write(key, [&](auto& entries) {
      const auto at = entries.find(key);
      if (at != entries.end()) change(value_of(*at));
      return at != entries.end();
    });
  }
  // Adds to a number, which begins with `initial`: the new one. Wraps around, as unsigned numbers
  // do.
  V update_counter(K key, V by, V initial = {})
    requires(!is_bag && std::integral<V>)
  {
    return write(key, [&](auto& entries) {
      auto at = entries.find(key);
      if (at == entries.end()) {
        add(entries, key, std::move(initial));
        at = entries.find(key);
      }
      using U = std::make_unsigned_t<V>;
      V& value = value_of(*at);
      return value = static_cast<V>(static_cast<U>(value) + static_cast<U>(by));
    });
  }

  // --- Reading

  // Sets: the value, if there is one. Bags: all values of the key.
  auto lookup(const K& key) const {
    return read(key, [&](const auto& entries) { return found(entries, entries.find(key)); });
  }
  bool member(const K& key) const {
    return read(key, [&](const auto& entries) { return entries.find(key) != entries.end(); });
  }
  // Exact while nobody writes.
  std::size_t size() const {
    data_->check_read();
    return data_->size.load(std::memory_order_relaxed);
  }

  // What the table is, without its entries, for anybody and whatever its protection. OTP: ets:info.
  Term introspect() const {
    return data_->describe(kind_name(), data_->size.load(std::memory_order_relaxed));
  }

  // Copies of the entries that fits(const K&, const V&); in order, if the table has one.
  template <class Predicate>
  std::vector<Entry> select(Predicate fits) const {
    std::vector<Entry> all;
    scan([&](const K& key, const V& value) {
      if (fits(key, value)) all.push_back(Entry{key, value});
    });
    return all;
  }
  template <class Predicate>
  std::size_t select_count(Predicate fits) const {
    std::size_t count = 0;
    scan([&](const K& key, const V& value) { count += fits(key, value) ? 1u : 0u; });
    return count;
  }
  // Erases them: how many. OTP: ets:select_delete/2.
  template <class Predicate>
  std::size_t select_erase(Predicate fits) {
    data_->check_write();
    std::size_t erased = 0;
    for (auto& shard : data_->shards) {
      const std::unique_lock guard{shard.lock};
      auto& entries = shard.map.entries;
      for (auto at = entries.begin(); at != entries.end();) {
        if constexpr (is_bag) {
          const K& key = at->first;
          erased += std::erase_if(at->second, [&](const V& value) { return fits(key, value); });
          at = at->second.empty() ? entries.erase(at) : std::next(at);
        } else if (fits(key_of(*at), std::as_const(value_of(*at)))) {
          at = entries.erase(at);
          ++erased;
        } else {
          ++at;
        }
      }
    }
    count(0, erased);
    return erased;
  }
  // Visits every entry that is there during the whole walk once, and those that come or go perhaps.
  template <class F>
  void for_each(F visit) const {
    data_->check_read();
    for (auto& shard : data_->shards) {
      std::vector<Entry> copy;
      const auto keep = [&](const K& key, const V& value) { copy.push_back(Entry{key, value}); };
      scan_shard(shard, keep);
      for (const Entry& entry : copy) visit(entry.key, entry.value);
    }
  }

  // The keys of an ordered table: nothing at the end. The key need not be there itself, so that a
  // walk goes on whatever others erase.
  std::optional<K> first() const
    requires is_ordered
  {
    return key_at([](const auto& entries) { return entries.begin(); });
  }
  std::optional<K> last() const
    requires is_ordered
  {
    return key_at([](const auto& entries) {
      return entries.empty() ? entries.end() : std::prev(entries.end());
    });
  }
  std::optional<K> next(const K& key) const
    requires is_ordered
  {
    return key_at([&](const auto& entries) { return entries.upper_bound(key); });
  }
  std::optional<K> prev(const K& key) const
    requires is_ordered
  {
    return key_at([&](const auto& entries) {
      const auto at = entries.lower_bound(key);
      return at == entries.begin() ? entries.end() : std::prev(at);
    });
  }

 private:
  static constexpr std::string_view kind_name() {
    constexpr std::string_view names[] = {"set", "ordered_set", "bag", "duplicate_bag"};
    return names[static_cast<std::size_t>(Kind)];
  }

  explicit Table(std::shared_ptr<Data> data) noexcept : data_{std::move(data)} {}

  template <class Stored>
  static const K& key_of(const Stored& stored) {
    if constexpr (is_ordered) {
      return stored.key;
    } else {
      return stored.first;
    }
  }
  template <class Stored>
  static auto& value_of(Stored& stored) {
    if constexpr (is_ordered) {
      return stored.value;
    } else {
      return stored.second;
    }
  }

  template <class F>
  auto write(const K& key, F change) {
    data_->check_write();
    auto& shard = data_->shard_of(key);
    const std::unique_lock guard{shard.lock};
    return change(shard.map.entries);
  }
  template <class F>
  auto read(const K& key, F look) const {
    data_->check_read();
    auto& shard = data_->shard_of(key);
    const std::shared_lock guard{shard.lock};
    return look(std::as_const(shard.map.entries));
  }
  template <class F>
  void scan(F visit) const {
    data_->check_read();
    for (auto& shard : data_->shards) scan_shard(shard, visit);
  }
  template <class Shard, class F>
  static void scan_shard(const Shard& shard, F& visit) {
    const std::shared_lock guard{shard.lock};
    for (const auto& stored : shard.map.entries) {
      if constexpr (is_bag) {
        for (const V& value : stored.second) visit(stored.first, value);
      } else {
        visit(key_of(stored), std::as_const(value_of(stored)));
      }
    }
  }
  template <class F>
  std::optional<K> key_at(F find) const {
    data_->check_read();
    const auto& shard = data_->shards[0];
    const std::shared_lock guard{shard.lock};
    const auto at = find(shard.map.entries);
    return at == shard.map.entries.end() ? std::nullopt : std::optional<K>{at->key};
  }

  template <class Entries, class At>
  static auto found(const Entries& entries, At at) {
    if constexpr (is_bag) {
      return at == entries.end() ? std::vector<V>{} : at->second;
    } else {
      return at == entries.end() ? std::optional<V>{} : std::optional<V>{value_of(*at)};
    }
  }
  template <class Entries>
  void add(Entries& entries, K key, V value) {
    if constexpr (is_bag) {
      auto& values = entries[std::move(key)];
      if constexpr (Kind == TableKind::bag) {
        if (std::ranges::find(values, value) != values.end()) return;
      }
      values.push_back(std::move(value));
      count(1, 0);
    } else if constexpr (is_ordered) {
      const auto at = entries.find(key);
      if (at != entries.end()) {
        at->value = std::move(value);
      } else {
        entries.insert(detail::OrderedEntry<K, V>{std::move(key), std::move(value)});
        count(1, 0);
      }
    } else {
      count(entries.insert_or_assign(std::move(key), std::move(value)).second ? 1 : 0, 0);
    }
  }
  template <class Entries, class At>
  std::size_t remove(Entries& entries, At at) {
    std::size_t removed = 1;
    if constexpr (is_bag) removed = at->second.size();
    entries.erase(at);
    count(0, removed);
    return removed;
  }
  void count(std::size_t added, std::size_t removed) {
    data_->size.fetch_add(added - removed, std::memory_order_relaxed);
  }

  std::shared_ptr<Data> data_;
};

template <class K, class V>
using OrderedTable = Table<K, V, TableKind::ordered_set>;
template <class K, class V>
using BagTable = Table<K, V, TableKind::bag>;
template <class K, class V>
using DuplicateBagTable = Table<K, V, TableKind::duplicate_bag>;

// A handle to shared entries, which lock by themselves: sharing them is what a table is for.
template <class K, class V, TableKind Kind>
inline constexpr bool enable_message<Table<K, V, Kind>> = true;

}  // namespace troupe
