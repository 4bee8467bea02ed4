// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <troupe/detail/code.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/timer.hpp>

namespace troupe {

struct CacheOptions {
  // Entries beyond this push out the one that was used the longest time ago.
  std::size_t max_entries = 100'000;
  // How long an entry is kept after it was put, unless put says otherwise.
  Duration ttl = infinity;
};

// Counted since the start of the cache.
struct CacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t expired = 0;   // entries whose time had come
  std::uint64_t evicted = 0;   // entries that were pushed out
  std::uint64_t computed = 0;  // by get_or_compute
  std::uint64_t failed = 0;    // computations that crashed
  std::size_t size = 0;
  std::size_t max_entries = 0;

  double hit_rate() const noexcept {
    const std::uint64_t asked = hits + misses;
    return asked == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(asked);
  }
};

// Values by key that may be lost again: a process that keeps the most recently used ones, each for
// a limited time. Keys are hashable messages, values copyable ones.
//
//     using Prices = Cache<std::string, int>;
//     const auto prices = co_await Prices::start_link(self, CacheOptions{.ttl = 5min});
//     co_await Prices::put(self, prices, "apple", 3);
//     std::optional<int> price = co_await Prices::get(self, prices, "apple");
//     auto pear = co_await Prices::get_or_compute(self, prices, "pear", fetch_price);
//
// Every operation takes constant time: a hash table and a list in order of use. An expired value is
// never given, and its memory is freed when its timer fires, not when somebody asks.
//
// get_or_compute runs its function in a process of its own, so that the cache goes on serving; all
// who ask for the key meanwhile wait for that one result (no stampede). A function that crashes
// gives all of them its reason, and nothing is kept. What was put, erased or cleared meanwhile
// wins: the result is then given to those who wait, but not kept.
//
// Where many cores read the same few entries, use a Table: reading it asks no process.
template <class K, class V>
  requires Message<K> && std::copy_constructible<K> && std::equality_comparable<K> && Message<V> &&
           std::copy_constructible<V>
class Cache : public GenServer<Cache<K, V>> {
 public:
  using Ref = ServerRef<Cache>;
  using Computed = std::expected<V, ExitReason>;

  // --- For its users. start, start_link and so on are GenServer's, and take CacheOptions. All
  // throw CallException where there is no cache.

  // A copy of the value, nothing if there is none. Counts as a use, and as a hit or a miss.
  static auto get(Process& self, Ref cache, K key) {
    return call(self, cache, Get{std::move(key)});
  }
  // Replaces what is there and begins its time anew; zero or less: it is gone at once.
  static auto put(Process& self, Ref cache, K key, V value, std::optional<Duration> ttl = {}) {
    return call(self, cache, Put{std::move(key), std::move(value), ttl});
  }
  // The value, or else what `f(key)` or `f(Process&, key)` gives, a V or Async<V>, which is then
  // put with the cache's ttl. f captures nothing, or is wrapped in owned; it is not run if somebody
  // else's runs for the same key. Waits as long as `timeout`; the computation goes on.
  template <class F>
  static auto get_or_compute(Process& self, Ref cache, K key, F f,
                             Duration timeout = default_call_timeout) {
    return call(self, cache, GetOrCompute<F>{std::move(key), detail::Code<F>{std::move(f)}},
                timeout);
  }
  // Whether it is there; counts as no use of it, in no statistics.
  static auto has(Process& self, Ref cache, K key) {
    return call(self, cache, Has{std::move(key)});
  }
  // True if it was there.
  static auto erase(Process& self, Ref cache, K key) {
    return call(self, cache, Erase{std::move(key)});
  }
  // Forgets all entries. The counts of stats stay.
  static auto clear(Process& self, Ref cache) { return call(self, cache, Clear{}); }
  // All keys, most recently used first.
  static auto keys(Process& self, Ref cache) { return call(self, cache, Keys{}); }
  static auto stats(Process& self, Ref cache) { return call(self, cache, Stats{}); }

  // --- The server.

  struct Get {
    K key;
    using Reply = std::optional<V>;
  };
  struct Put {
    K key;
    V value;
    std::optional<Duration> ttl;
    using Reply = void;
  };
  template <class F>
  struct GetOrCompute {
    K key;
    detail::Code<F> f;
    using Reply = Computed;
  };
  struct Has {
    K key;
    using Reply = bool;
  };
  struct Erase {
    K key;
    using Reply = bool;
  };
  struct Clear {
    using Reply = void;
  };
  struct Keys {
    using Reply = std::vector<K>;
  };
  struct Stats {
    using Reply = CacheStats;
  };

  explicit Cache(Process& self, CacheOptions options = {}) : options_{options} {
    self.trap_exits();  // to notice the crash of a computation
    if (options_.max_entries == 0) throw ErrorException{Term{Atom{"max_entries_is_zero"}}};
    counts_.max_entries = options_.max_entries;
  }

  std::optional<V> handle_call(Process& self, Get m) {
    const auto entry = find(self, m.key);
    if (entry == entries_.end()) {
      ++counts_.misses;
      return std::nullopt;
    }
    return use(entry).value;
  }
  void handle_call(Process& self, Put m) {
    computing_.erase(m.key);
    store(self, std::move(m.key), std::move(m.value), m.ttl.value_or(options_.ttl));
  }
  template <class F>
  void handle_call(Process& self, GetOrCompute<F> m, From<Computed> from) {
    if (const auto entry = find(self, m.key); entry != entries_.end()) {
      reply(std::move(from), Computed{use(entry).value});
      return;
    }
    ++counts_.misses;
    auto running = computing_.find(m.key);
    if (running == computing_.end()) {
      const Pid pid = spawn_link(&compute<F>, Ref{self.pid()}, m.key, std::move(m.f));
      computations_.emplace(pid, Computation{m.key, {}});
      running = computing_.emplace(std::move(m.key), pid).first;
    }
    computations_.find(running->second)->second.waiting.push_back(std::move(from));
  }
  bool handle_call(Process& self, Has m) { return find(self, m.key) != entries_.end(); }
  bool handle_call(Process& self, Erase m) {
    computing_.erase(m.key);
    const auto entry = find(self, m.key);
    if (entry == entries_.end()) return false;
    remove(entry);
    return true;
  }
  void handle_call(Clear) {
    while (!entries_.empty()) remove(entries_.begin());
    computing_.clear();
  }
  std::vector<K> handle_call(Process& self, Keys) {
    std::vector<K> all;
    const Duration now = self.monotonic_time();
    for (const Entry& entry : entries_) {
      if (entry.deadline > now) all.push_back(entry.key);
    }
    return all;
  }
  CacheStats handle_call(Stats) {
    CacheStats now = counts_;
    now.size = entries_.size();
    return now;
  }

  // A computation is done.
  struct Result {
    Pid from;
    V value;
  };
  void handle_info(Process& self, Result m) {
    const auto done = computations_.extract(m.from);
    if (done.empty()) return;
    ++counts_.computed;
    Computation& computation = done.mapped();
    for (From<Computed>& from : computation.waiting) reply(std::move(from), Computed{m.value});
    if (settle(computation.key, m.from)) {
      store(self, std::move(computation.key), std::move(m.value), options_.ttl);
    }
  }
  void handle_info(Exit exit) {
    const auto crashed = computations_.extract(exit.from);
    if (crashed.empty()) return;
    ++counts_.failed;
    for (From<Computed>& from : crashed.mapped().waiting) {
      reply(std::move(from), Computed{std::unexpected(exit.reason)});
    }
    settle(crashed.mapped().key, exit.from);
  }
  // The time of an entry has come; the token tells it from one that was put since.
  struct Expire {
    K key;
    std::uint64_t token;
  };
  using Info = troupe::Messages<Expire>;
  void handle_info(Expire m) {
    const auto place = index_.find(m.key);
    if (place == index_.end() || place->second->token != m.token) return;
    ++counts_.expired;
    remove(place->second);
  }

  Term introspect() const {
    return map({{Term{Atom{"size"}}, entries_.size()},
                {Term{Atom{"max_entries"}}, options_.max_entries},
                {Term{Atom{"hits"}}, counts_.hits},
                {Term{Atom{"misses"}}, counts_.misses},
                {Term{Atom{"expired"}}, counts_.expired},
                {Term{Atom{"evicted"}}, counts_.evicted},
                {Term{Atom{"computing"}}, computations_.size()}});
  }

 private:
  struct Entry {
    K key;
    V value;
    Duration deadline;
    std::uint64_t token;
    TimerRef timer;
  };
  using Entries = std::list<Entry>;
  struct Computation {
    K key;
    std::vector<From<Computed>> waiting;
  };
  struct PidHash {
    std::size_t operator()(Pid pid) const noexcept {
      return pid.index() * std::size_t{0x9e3779b97f4a7c15} + pid.generation();
    }
  };

  template <class F>
  static Async<> compute(Process& self, Ref cache, K key, detail::Code<F> f) {
    if constexpr (requires { f.callable(self, std::as_const(key)); }) {
      if constexpr (detail::is_async<decltype(f.callable(self, std::as_const(key)))>) {
        send(cache, Result{self.pid(), co_await f.callable(self, std::as_const(key))});
      } else {
        send(cache, Result{self.pid(), f.callable(self, std::as_const(key))});
      }
    } else {
      send(cache, Result{self.pid(), f.callable(std::as_const(key))});
    }
    co_return;
  }

  // The end if it is not there, or its time has come.
  Entries::iterator find(Process& self, const K& key) {
    const auto place = index_.find(key);
    if (place == index_.end()) return entries_.end();
    const auto entry = place->second;
    if (entry->deadline > self.monotonic_time()) return entry;
    ++counts_.expired;
    remove(entry);
    return entries_.end();
  }
  Entry& use(Entries::iterator entry) {
    ++counts_.hits;
    entries_.splice(entries_.begin(), entries_, entry);
    return *entry;
  }
  void store(Process& self, K key, V value, Duration ttl) {
    if (const auto old = index_.find(key); old != index_.end()) remove(old->second);
    if (ttl <= Duration::zero()) return;
    if (entries_.size() == options_.max_entries) {
      ++counts_.evicted;
      remove(std::prev(entries_.end()));
    }
    entries_.push_front(Entry{std::move(key), std::move(value), infinity, ++last_token_, {}});
    Entry& entry = entries_.front();
    index_.emplace(entry.key, entries_.begin());
    if (ttl == infinity) return;
    entry.deadline = self.monotonic_time() + ttl;
    entry.timer = send_after(self.pid(), ttl, Expire{entry.key, entry.token});
  }
  void remove(Entries::iterator entry) {
    if (entry->timer) cancel_timer(entry->timer);
    index_.erase(entry->key);
    entries_.erase(entry);
  }
  // A computation is over: whether its result is still the one to keep.
  bool settle(const K& key, Pid pid) {
    const auto running = computing_.find(key);
    if (running == computing_.end() || running->second != pid) return false;
    computing_.erase(running);
    return true;
  }

  CacheOptions options_;
  Entries entries_;  // most recently used first
  std::unordered_map<K, typename Entries::iterator> index_;
  std::unordered_map<Pid, Computation, PidHash> computations_;
  // Whose result will be kept; a key that was put, erased or cleared since is not here any more.
  std::unordered_map<K, Pid> computing_;
  CacheStats counts_;
  std::uint64_t last_token_ = 0;
};

}  // namespace troupe
