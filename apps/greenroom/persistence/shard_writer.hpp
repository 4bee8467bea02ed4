// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <troupe/storage.hpp>
#include <troupe/troupe.hpp>

#include "security/value_cipher.hpp"

namespace greenroom {

// How the writers of a server fare, for its statistics.
struct StorageHealth {
  std::atomic<std::uint32_t> shards_failing{0};  // whose last write or flush has failed
  std::atomic<std::uint64_t> writes_failed{0};   // batches, and flushes
};

// A store that a writer uses from the blocking pool, one job at a time. The store outlives the
// runtime's processes: it is opened before them and closed after them.
struct StoreHandle {
  troupe::storage::Store* store = nullptr;
  // Of the values on disk; null: they are plain. Whoever reads without it gets them as they are
  // stored.
  const ValueCipher* cipher = nullptr;
  StorageHealth* health = nullptr;  // null: nobody asks
};

// Make this key's stored value so, or, without a value, forget it. Answered with Stored or
// StoreFailed to `from`, with the same revision. At most one is under way per session, so a
// writer's backlog is bounded by the number of sessions.
struct StoreValue {
  troupe::Pid from;
  std::uint64_t revision = 0;
  std::string key;
  std::optional<std::string> value;
};
struct Stored {
  std::uint64_t revision = 0;
};
struct StoreFailed {
  std::uint64_t revision = 0;
  std::string text;
};

// What is stored under the key, after all that was sent to this writer before. Answered with
// Fetched.
struct FetchValue {
  troupe::Pid from;
  std::string key;
};
struct Fetched {
  std::string key;
  std::optional<std::string> value;
  std::string error;  // empty: none
};

// A page of what is stored, as it is stored, from where the page before ended (none: the
// beginning); or, if there are any, what is stored under these keys. Answered with PageRead,
// between two batches.
struct ReadPage {
  troupe::Pid from;
  troupe::Ref ref;
  std::optional<std::string> begin{};
  std::vector<std::string> keys{};
};
struct PageRead {
  troupe::Ref ref;
  std::vector<troupe::storage::Entry> entries;
  std::optional<std::string> next;  // none: this was the last page
  std::string error;                // empty: none
};

// The one process that writes a shard's file. It takes all requests that wait, writes them as one
// batch on the blocking pool, and answers when the batch is as durable as was asked for: group
// commit comes from the requests that arrive while the disk is busy.
//
// It does not wait for more of them. Tried with 50 clients and a sync of 0.16 ms: to wait, 0.3 ms
// at most, until four fifths of those had come back that were answered last or waited already, gave
// 17.6 k writes a second instead of 20.1 k. One half of the clients is served while the other waits
// for the disk; with a wait all of them wait for it at once, and the processors with them.
//
// With Durability::relaxed it flushes at most once in `flush_interval`, so that an answered write
// is on disk within a second.
//
// Traps exits: when its supervisor stops it, it writes what is still waiting first.
troupe::Async<> shard_writer(troupe::Process& self, StoreHandle store,
                             troupe::storage::Durability durability);

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::StoreHandle> = true;
