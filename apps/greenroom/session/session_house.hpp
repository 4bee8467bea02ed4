// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/key_table.hpp>
#include <troupe/storage.hpp>
#include <troupe/troupe.hpp>

#include "compression/dictionaries.hpp"
#include "expiry/expiry_clock.hpp"
#include "resp/channels.hpp"
#include "resp/keyspace_events.hpp"
#include "session/event_ring.hpp"
#include "session/key_state.hpp"
#include "session/packing_queue.hpp"
#include "session/prefix_rules.hpp"
#include "session/storage_key.hpp"
#include "session/user_index.hpp"
#include "session/waiting_clients.hpp"

namespace greenroom {

// Counters that many processes add to and INFO reads. Relaxed: each is a statistic of its own.
struct Counters {
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> created{0};
  std::atomic<std::uint64_t> deleted{0};  // By somebody, not by time;
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> evicted{0};  // and at the limit of memory.
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> connections_received{0};
  std::atomic<std::uint64_t> connections_rejected{0};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> dead_writes{0};  // Saves to ended sessions, not stored
  std::atomic<std::uint64_t> merged_saves{0};
  std::atomic<std::uint64_t> merge_conflicts{0};
  std::atomic<std::uint64_t> lock_waits{0};     // SET NX that waited its turn,
  std::atomic<std::uint64_t> lock_timeouts{0};  // and those whose turn did not come
  std::atomic<std::uint64_t> sessions_revoked{0};
  std::atomic<std::uint64_t> sessions_crashed{0};
  std::atomic<std::int64_t> dataset_bytes{0};  // What the sessions take, estimated
  std::array<std::atomic<std::int64_t>, 16> keys{};
  std::array<std::atomic<std::int64_t>, 16> keys_with_expiry{};
  std::array<std::atomic<std::int64_t>, 16> expiry_sums{};  // of their expiry_share()

  // What a key adds to the sum from which INFO has the average time to live. Counted from a day in
  // 2025 and at most 35 years on, so that tens of millions of keys do not exceed the sum.
  static constexpr std::int64_t expiry_base_ms = 1'750'000'000'000;
  static constexpr std::int64_t expiry_share(std::int64_t expires_at_ms) {
    if (expires_at_ms == 0) return 0;
    return std::clamp<std::int64_t>(expires_at_ms - expiry_base_ms, 0, std::int64_t{1} << 40);
  }

  void add(const KeyTally& tally) {
    const auto raise = [](std::atomic<std::uint64_t>& counter, std::uint64_t by) {
      if (by != 0) counter.fetch_add(by, std::memory_order_relaxed);
    };
    raise(hits, tally.hits);
    raise(misses, tally.misses);
    raise(dead_writes, tally.dead_writes);
    raise(merged_saves, tally.merged_saves);
    raise(merge_conflicts, tally.merge_conflicts);
  }

  // A key that expired at the one moment (0: never) now does so at the other.
  void move_expiry(std::uint8_t database, std::int64_t from_ms, std::int64_t to_ms) {
    const int more = (to_ms != 0 ? 1 : 0) - (from_ms != 0 ? 1 : 0);
    if (more != 0) keys_with_expiry[database].fetch_add(more, std::memory_order_relaxed);
    expiry_sums[database].fetch_add(expiry_share(to_ms) - expiry_share(from_ms),
                                    std::memory_order_relaxed);
  }
  // A key with a value has gone.
  void forget(std::uint8_t database, std::int64_t expires_at_ms) {
    keys[database].fetch_sub(1, std::memory_order_relaxed);
    if (expires_at_ms != 0) move_expiry(database, expires_at_ms, 0);
  }
  // 0 where no key expires.
  std::int64_t average_ttl_ms(std::uint8_t database, std::int64_t now_ms) const {
    const std::int64_t expiring = keys_with_expiry[database].load(std::memory_order_relaxed);
    if (expiring <= 0) return 0;
    const std::int64_t sum = expiry_sums[database].load(std::memory_order_relaxed);
    return std::max<std::int64_t>(expiry_base_ms + sum / expiring - now_ms, 0);
  }
};

struct SessionKind;
// To the statistics, from a session that was read so many times since it last told.
struct SessionWasRead {
  std::string storage_key;
  std::uint32_t reads = 0;
};

// What a session takes that sleeps, about: its process, its places in the tables, key and record.
inline std::uint32_t bytes_asleep(std::size_t key_bytes, std::size_t record_bytes) {
  return static_cast<std::uint32_t>(320 + key_bytes + record_bytes);
}

// What all session processes of a server have in common. Made before the first process and gone
// after the last; everything in it is fixed or made to be used by many threads.
struct SessionHouse {
  SessionHouse();
  ~SessionHouse();
  SessionHouse(const SessionHouse&) = delete;

  // By storage key: the keys that have a value, and those whose process lives on without one
  // (tombstones, keys that are watched or held). An entry of a dead process is one that crashed.
  troupe::KeyTable sessions{troupe::KeyTable::KeyLength::longer};
  troupe::KeyTable absent{troupe::KeyTable::KeyLength::longer};
  Counters counters;
  troupe::Name statistics{"greenroom_statistics"};  // takes SessionWasRead
  std::vector<troupe::Name> writers;                // by shard; empty: nothing is stored
  troupe::storage::Durability durability = troupe::storage::Durability::commit;
  std::size_t max_value_bytes = 64u << 20;

  std::unique_ptr<const SessionKind> kind;  // of the processes that sleep
  Dictionaries dictionaries;
  PackingQueue packing;
  ExpiryClock expiry;
  std::atomic<std::int64_t> processes{0};  // of sessions, asleep or not
  std::atomic<bool> is_ending{false};      // they are all being ended

  PrefixRules rules;
  UserIndex users;
  Channels channels;
  std::atomic<std::uint32_t> event_flags{0};  // notify-keyspace-events, as EventFlag bits
  EventRing event_ring;
  std::atomic<std::uint64_t> last_lock_token{0};
  WaitingClients waiting_clients;

  // What the sessions may take, as Counters::dataset_bytes estimates it; 0: no limit.
  std::atomic<std::int64_t> max_memory_bytes{0};
  bool is_full() const {
    const std::int64_t limit = max_memory_bytes.load(std::memory_order_relaxed);
    return limit != 0 && counters.dataset_bytes.load(std::memory_order_relaxed) > limit;
  }

  // Writes of several keys that were begun, and done. A reader of several keys that finds them
  // equal before it asks, and the first unchanged when it has all answers, has seen none half done.
  // Sequentially consistent, beside the messages that they are compared with.
  std::atomic<std::uint64_t> together_begun{0};
  std::atomic<std::uint64_t> together_done{0};

  // The process of a key, whether it has a value or not; the null pid if it has none. A process is
  // put into the one table before it is taken out of the other, so it is found meanwhile.
  troupe::Pid find(std::string_view storage_key) const {
    const troupe::Pid pid = sessions.find(storage_key);
    if (pid) return pid;
    const troupe::Pid without_value = absent.find(storage_key);
    return without_value ? without_value : sessions.find(storage_key);
  }

  // Enters a session in the index of users. If its user has more now than the rule (null: none)
  // allows, the oldest of the others is revoked.
  void bind_user(std::string_view user, std::string_view storage_key, std::int64_t created_at_ms,
                 const PrefixRule* rule);

  // From a session that ends without having taken its leave: it crashed, or was killed. Tells the
  // keeper.
  void note_death() noexcept;

  troupe::Name writer_for(std::string_view storage_key) const {
    return writers[troupe::storage::shard_of(storage_key, static_cast<unsigned>(writers.size()))];
  }
};

// The registered name of the process that keeps the sessions.
inline constexpr const char* sessions_name = "greenroom_sessions";
// That of the trainer of dictionaries, and what it is told when samples have come together.
inline constexpr const char* trainer_name = "greenroom_packing";
struct TrainingDue {};
// That of the packer, and what it is told when the packing queue is no longer empty.
inline constexpr const char* packer_name = "greenroom_packer";
struct PackingWanted {};
// What the keeper is told of each session that has ended otherwise than by its own decision.
struct SessionDied {};

// Tells whoever listens what happened to a key. `is_new`: it was not there before.
void publish_events(const SessionHouse& house, std::string_view storage_key,
                    std::span<const Event> events, bool is_new);

// Refers to the one house of the server. A pointer that processes may carry, because the house
// outlives them all.
struct HouseRef {
  SessionHouse* house = nullptr;
  SessionHouse* operator->() const noexcept { return house; }
};

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::HouseRef> = true;
