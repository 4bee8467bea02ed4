// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/loader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "session/packed_record.hpp"
#include "session/sleeping_session.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// Entered in one go.
constexpr std::size_t batch_sessions = 500;

struct ReadSession {
  DormantPtr sleeper;
  std::int64_t created_at_ms;
  std::int64_t due_ms;  // when it expires, or its tombstone ends; 0: never
  std::uint32_t key_bytes;
  std::uint16_t user_bytes;
  bool exists;
};
// Keys and users lie one behind the other, because a string for each would be made by one thread
// and freed by another. The sleepers go first: those that are not entered look at their keys.
struct Batch {
  std::string texts;
  std::vector<ReadSession> sessions;

  void add(std::string_view key, const RecordFacts& facts, DormantPtr sleeper) {
    sessions.push_back(ReadSession{std::move(sleeper), facts.created_at_ms, facts.ends_at_ms,
                                   static_cast<std::uint32_t>(key.size()),
                                   static_cast<std::uint16_t>(facts.user.size()), facts.exists()});
    texts += key;
    texts += facts.user;
  }
};

// How far the reader of a shard is ahead of the process that enters what it reads. A few batches
// stay in the processor's caches, and their memory is used again and again. Without a bound it was
// a hundred megabytes when the reader was the faster one, and all of it was fetched twice.
//
// It also keeps the reader from outliving what it reads: the pool lets a job go on when its process
// is gone, and the owner of store and house may be gone a moment later.
class Lead {
 public:
  // The reader's; false: there is nothing to be read any more.
  bool begin() {
    const std::lock_guard guard{lock_};
    is_reading_ = !is_over_;
    return is_reading_;
  }
  void finish() {
    const std::lock_guard guard{lock_};
    is_reading_ = false;
    changed_.notify_one();
  }
  // The reader's, before it sends a batch: waits while it is too far ahead. False: as begin().
  bool grow() {
    std::unique_lock guard{lock_};
    // Not for ever: in a simulation whoever enters them runs on this very thread.
    changed_.wait_for(guard, longest_wait, [&] { return is_over_ || batches_ < longest; });
    ++batches_;
    return !is_over_;
  }
  // The other's, when it has entered one.
  void shrink() {
    const std::lock_guard guard{lock_};
    if (--batches_ == longest / 2) changed_.notify_one();
  }
  // Nobody enters any more. Waits for the reader, which has a batch to go at most; where all went
  // well it has finished.
  void end() {
    std::unique_lock guard{lock_};
    is_over_ = true;
    changed_.notify_one();
    changed_.wait(guard, [&] { return !is_reading_; });
  }

 private:
  static constexpr int longest = 8;
  static constexpr auto longest_wait = 100ms;
  std::mutex lock_;
  std::condition_variable changed_;  // one side waits at a time
  int batches_ = 0;
  bool is_reading_ = false;
  bool is_over_ = false;
};
struct LeadPtr {
  std::shared_ptr<Lead> lead;
};
// The owner's end of it: ends with its process, however that ends.
struct OwnLead : LeadPtr {
  OwnLead() : LeadPtr{std::make_shared<Lead>()} {}
  OwnLead(const OwnLead&) = delete;
  ~OwnLead() { lead->end(); }
};
// The reader's, on the pool's thread.
class Reading {
 public:
  explicit Reading(Lead& lead) : lead_{lead}, may_read_{lead.begin()} {}
  Reading(const Reading&) = delete;
  ~Reading() {
    if (may_read_) lead_.finish();
  }
  bool may_read() const { return may_read_; }

 private:
  Lead& lead_;
  bool may_read_;
};
// The end of a shard, or of the attempt.
struct ShardRead {
  std::string error;  // empty: none
};
struct Loaded {
  std::uint64_t sessions = 0;
  std::string error;
};

}  // namespace
}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::Batch> = true;
template <>
inline constexpr bool troupe::enable_message<greenroom::ShardRead> = true;
template <>
inline constexpr bool troupe::enable_message<greenroom::Loaded> = true;
template <>
inline constexpr bool troupe::enable_message<greenroom::LeadPtr> = true;

namespace greenroom {
namespace {

// --- On the blocking pool.

class ShardReader {
 public:
  // `to` takes the batches, and tells `lead` of each.
  ShardReader(HouseRef house, StoreHandle store, Pid to, LeadPtr lead)
      : house_{house}, store_{store}, to_{to}, lead_{std::move(lead)} {}

  // Each says what is wrong, or nothing. Dictionaries are asked for by number: to look for their
  // keys is to read everything where the store keeps no order.
  std::string read_dictionaries() {
    for (std::uint32_t number = 1; number <= Dictionaries::max_number; ++number) {
      const std::string key = Dictionaries::stored_key(number);
      const auto value = store_.store->get(key);
      if (!value) return value.error().text;
      if (*value && !decrypt(key, **value, &ShardReader::add_dictionary)) break;
    }
    return std::move(error_);
  }
  std::string read_sessions() {
    const auto swept = store_.store->sweep([this](std::string_view key, std::string_view value) {
      return decrypt(key, value,
                     Dictionaries::is_stored_key(key) ? &ShardReader::add_dictionary
                                                      : &ShardReader::add_session);
    });
    if (!swept && error_.empty()) error_ = swept.error().text;
    if (!batch_.sessions.empty()) (void)send_batch();
    return std::move(error_);
  }

 private:
  // Takes an entry; false: it cannot, and error_ says why.
  using Take = bool (ShardReader::*)(std::string_view key, std::string_view value);

  bool decrypt(std::string_view key, std::string_view value, Take take) {
    if (!ValueCipher::is_encrypted(value)) return (this->*take)(key, value);
    if (!store_.cipher) {
      return fail("the stored sessions are encrypted; name their key file (encryption_key_file)");
    }
    auto plain = store_.cipher->decrypt(std::string{key}, std::string{value});
    return plain ? (this->*take)(key, *plain) : fail(std::move(plain.error()));
  }

  bool add_dictionary(std::string_view key, std::string_view value) {
    return house_->dictionaries.add(key, value) ||
           fail("a stored dictionary is damaged; restore the data files from a backup");
  }

  bool add_session(std::string_view key, std::string_view value) {
    const auto facts = facts_of_record(value);
    if (!facts)
      return fail("a stored session cannot be read: " + std::string{to_string(facts.error())});
    if (facts->dictionary != 0 && !house_->dictionaries.numbered(facts->dictionary)) {
      return fail("stored sessions are packed with dictionary " +
                  std::to_string(facts->dictionary) +
                  ", which is missing; restore the data files from a backup");
    }
    if (batch_.sessions.capacity() == 0) batch_.sessions.reserve(batch_sessions);
    batch_.add(key, *facts,
               SleepingSession::of_record(house_, {}, value, {.armed_ms = facts->ends_at_ms}));
    return batch_.sessions.size() < batch_sessions || send_batch();
  }

  // False: nobody enters it.
  bool send_batch() {
    const bool is_wanted = lead_.lead->grow();
    send(to_, std::exchange(batch_, {}));
    return is_wanted;
  }

  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }

  HouseRef house_;
  StoreHandle store_;
  Pid to_;
  LeadPtr lead_;
  Batch batch_;
  std::string error_;
};

Async<> read_shard(Process& self, Pid loader, HouseRef house, StoreHandle store, LeadPtr lead) {
  ShardRead read = co_await blocking(self, [=]() -> ShardRead {
    const Reading reading{*lead.lead};
    if (!reading.may_read()) return {};
    return ShardRead{ShardReader{house, store, loader, lead}.read_sessions()};
  });
  send(loader, std::move(read));
}

// --- The process that enters them.

SleepingSession& asleep(const ReadSession& session) {
  return *static_cast<SleepingSession*>(session.sleeper.get());
}

// Counts them all at once: two processes that do so for one session after the other would take the
// counters from each other each time. From here on each has its key, those of a batch for now, so
// one that is not entered in the end is taken back when it is dropped.
void count(HouseRef house, const Batch& batch) {
  struct OfDatabase {
    std::int64_t keys = 0;
    std::int64_t keys_with_expiry = 0;
  };
  std::array<OfDatabase, 16> counts{};
  std::int64_t bytes = 0;
  std::string_view texts = batch.texts;
  for (const ReadSession& session : batch.sessions) {
    const std::string_view key = texts.substr(0, session.key_bytes);
    texts.remove_prefix(session.key_bytes + session.user_bytes);
    SleepingSession& sleeper = asleep(session);
    sleeper.set_key(key);
    if (!session.exists) continue;
    bytes += bytes_asleep(key.size(), sleeper.record().size());
    OfDatabase& database = counts.at(database_of(key));
    ++database.keys;
    if (session.due_ms != 0) ++database.keys_with_expiry;
  }
  Counters& counters = house->counters;
  counters.dataset_bytes.fetch_add(bytes, std::memory_order_relaxed);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].keys == 0) continue;
    counters.keys[i].fetch_add(counts[i].keys, std::memory_order_relaxed);
    counters.keys_with_expiry[i].fetch_add(counts[i].keys_with_expiry, std::memory_order_relaxed);
  }
  house->processes.fetch_add(static_cast<std::int64_t>(batch.sessions.size()),
                             std::memory_order_relaxed);
}

struct Entering {
  KeyTable* table;
  SleepingSession* session;
};

// Between its birth and its first message.
bool enter_key(void* context, Pid pid) {
  const Entering& entering = *static_cast<Entering*>(context);
  const std::string_view key = entering.session->key();
  if (!entering.table->insert(key, pid)) return false;
  entering.session->set_key(entering.table->kept_key(key, pid));
  return true;
}

// One that is counted already.
void enter(HouseRef house, ReadSession session, std::string_view user) {
  const std::string_view key = asleep(session).key();
  Entering entering{session.exists ? &house->sessions : &house->absent, &asleep(session)};
  const Pid pid = spawn_dormant(std::move(session.sleeper), enter_key, &entering);
  if (!pid) return;
  if (session.due_ms != 0) house->expiry.arm(session.due_ms, pid);
  if (!user.empty()) {
    house->bind_user(user, key, session.created_at_ms, house->rules.find(key_in(key)));
  }
}

void enter_all(HouseRef house, Batch batch) {
  count(house, batch);
  std::string_view texts = batch.texts;
  for (ReadSession& session : batch.sessions) {
    const std::string_view user = texts.substr(session.key_bytes, session.user_bytes);
    texts.remove_prefix(session.key_bytes + session.user_bytes);
    enter(house, std::move(session), user);
  }
}

Async<> load_shard(Process& self, Pid owner, HouseRef house, StoreHandle store) {
  const OwnLead own;
  spawn_link(read_shard, self.pid(), house, store, LeadPtr{own});
  Loaded loaded;
  for (bool is_done = false; !is_done;) {
    is_done = co_await self.receive(
        [&](Batch batch) {
          loaded.sessions += batch.sessions.size();
          enter_all(house, std::move(batch));
          own.lead->shrink();
          return false;
        },
        [&](ShardRead read) {
          loaded.error = std::move(read.error);
          return true;
        });
    // There is always a next batch, and each is a turn's worth of work.
    co_await self.yield();
  }
  send(owner, std::move(loaded));
}

Async<> load_dictionaries(Process& self, Pid owner, HouseRef house, StoreHandle store) {
  const OwnLead own;
  Loaded loaded;
  loaded.error = co_await blocking(self, [=, lead = LeadPtr{own}]() -> std::string {
    const Reading reading{*lead.lead};
    if (!reading.may_read()) return {};
    return ShardReader{house, store, Pid{}, lead}.read_dictionaries();
  });
  send(owner, std::move(loaded));
}

using Load = Async<> (*)(Process& self, Pid owner, HouseRef house, StoreHandle store);

// A process for each shard, linked, so that they end with the caller, and monitored, because a
// caller that traps exits would wait for ever for one that has crashed.
Async<Loaded> load_all_shards(Process& self, Load load, HouseRef house,
                              std::vector<StoreHandle> shards) {
  std::vector<Ref> loading;
  for (const StoreHandle& shard : shards) {
    const SpawnOptions options{.link = true, .monitor = true};
    loading.push_back(spawn_with(options, load, self.pid(), house, shard).ref);
  }
  Loaded all;
  while (!loading.empty()) {
    co_await self.receive(
        [&](Loaded loaded) {
          all.sessions += loaded.sessions;
          if (!loaded.error.empty()) all.error = std::move(loaded.error);
        },
        when([&](const Down& down) { return std::ranges::count(loading, down.ref) != 0; },
             [&](Down down) {
               std::erase(loading, down.ref);
               if (down.reason.is_normal()) return;
               all.error = "the stored sessions could not be loaded: " + down.reason.to_string();
             }));
  }
  co_return all;
}

}  // namespace

Async<std::expected<std::uint64_t, std::string>> load_sessions(Process& self, HouseRef house,
                                                               std::vector<StoreHandle> shards) {
  // First all dictionaries, of whichever shard: a session that is due wakes as soon as it is
  // entered.
  Loaded loaded = co_await load_all_shards(self, load_dictionaries, house, shards);
  if (loaded.error.empty()) {
    loaded = co_await load_all_shards(self, load_shard, house, std::move(shards));
  }
  if (!loaded.error.empty()) co_return std::unexpected(std::move(loaded.error));
  co_return loaded.sessions;
}

}  // namespace greenroom
