// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/loader.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include <troupe/expect_allocations.hpp>

#include "session/packed_record.hpp"
#include "session/sleeping_session.hpp"

namespace greenroom {

using namespace troupe;

namespace {

// Entered in one go: while the next are read, the processor fetches where each goes in the table of
// keys; and what all count is counted once for so many.
constexpr std::size_t batch_sessions = 64;
// Those of bytes_asleep() that are not malloc's.
constexpr std::uint32_t bytes_of_a_process = 128;

struct ReadSession {
  DormantPtr sleeper;
  std::int64_t created_at_ms;
  std::int64_t due_ms;  // when it expires, or its tombstone ends; 0: never
  std::uint32_t key_bytes;
  std::uint16_t user_bytes;
  bool exists;
};
// Keys and users lie one behind the other. The sleepers go first: those that are not entered look
// at their keys.
struct Batch {
  std::string texts;
  std::vector<ReadSession> sessions;
  std::vector<ExpiryWheel::Entry> due;  // of those that are entered

  void add(std::string_view key, const RecordFacts& facts, DormantPtr sleeper) {
    sessions.push_back(ReadSession{std::move(sleeper), facts.created_at_ms, facts.ends_at_ms,
                                   static_cast<std::uint32_t>(key.size()),
                                   static_cast<std::uint16_t>(facts.user.size()), facts.exists()});
    texts += key;
    texts += facts.user;
  }
  void clear() {
    due.clear();
    sessions.clear();
    texts.clear();
  }
};

// Keeps a reader from outliving what it reads and fills: the pool lets a job go on when its process
// is gone, and the owner of store and house may be gone a moment later.
class Permit {
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
    has_finished_.notify_one();
  }
  // The reader's, now and then.
  bool is_over() {
    const std::lock_guard guard{lock_};
    return is_over_;
  }
  // The process' end. Waits for the reader, which has a batch to go at most; where all went well it
  // has finished.
  void end() {
    std::unique_lock guard{lock_};
    is_over_ = true;
    has_finished_.wait(guard, [&] { return !is_reading_; });
  }

 private:
  std::mutex lock_;
  std::condition_variable has_finished_;
  bool is_reading_ = false;
  bool is_over_ = false;
};
using PermitPtr = std::shared_ptr<Permit>;
// The owner's end of it: ends with its process, however that ends.
struct OwnPermit {
  PermitPtr permit = std::make_shared<Permit>();
  OwnPermit() = default;
  OwnPermit(const OwnPermit&) = delete;
  ~OwnPermit() { permit->end(); }
};
// The reader's, on the pool's thread.
class Reading {
 public:
  explicit Reading(Permit& permit) : permit_{permit}, may_read_{permit.begin()} {}
  Reading(const Reading&) = delete;
  ~Reading() {
    if (may_read_) permit_.finish();
  }
  bool may_read() const { return may_read_; }

 private:
  Permit& permit_;
  bool may_read_;
};
struct Loaded {
  std::uint64_t sessions = 0;
  std::string error;  // empty: none
};

}  // namespace
}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::Loaded> = true;

namespace greenroom {
namespace {

// --- Entering what was read.

SleepingSession& asleep(const ReadSession& session) {
  return *static_cast<SleepingSession*>(session.sleeper.get());
}

// Counts them all at once: two threads that do so for one session after the other would take the
// counters from each other each time. From here on each has its key, those of a batch for now, so
// one that is not entered in the end is taken back when it is dropped.
void count(HouseRef house, const Batch& batch) {
  struct OfDatabase {
    std::int64_t keys = 0;
    std::int64_t keys_with_expiry = 0;
    std::int64_t expiry_sum = 0;
  };
  std::array<OfDatabase, 16> counts{};
  std::int64_t bytes = 0;
  std::string_view texts = batch.texts;
  for (const ReadSession& session : batch.sessions) {
    const std::string_view key = texts.substr(0, session.key_bytes);
    texts.remove_prefix(session.key_bytes + session.user_bytes);
    SleepingSession& sleeper = asleep(session);
    sleeper.set_key(key);
    bytes += bytes_asleep(key.size(), sleeper.record().size());
    if (!session.exists) continue;
    OfDatabase& database = counts.at(database_of(key));
    ++database.keys;
    if (session.due_ms == 0) continue;
    ++database.keys_with_expiry;
    database.expiry_sum += Counters::expiry_share(session.due_ms);
  }
  Counters& counters = house->counters;
  counters.dataset_bytes.fetch_add(bytes, std::memory_order_relaxed);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].keys == 0) continue;
    counters.keys[i].fetch_add(counts[i].keys, std::memory_order_relaxed);
    counters.keys_with_expiry[i].fetch_add(counts[i].keys_with_expiry, std::memory_order_relaxed);
    counters.expiry_sums[i].fetch_add(counts[i].expiry_sum, std::memory_order_relaxed);
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

// One that is counted already; the null pid if there is one with its key.
Pid enter(Runtime& runtime, HouseRef house, ReadSession session, std::string_view user) {
  const std::string_view key = asleep(session).key();
  Entering entering{session.exists ? &house->sessions : &house->absent, &asleep(session)};
  const Pid pid = spawn_dormant(runtime, std::move(session.sleeper), enter_key, &entering);
  if (pid && !user.empty()) {
    house->bind_user(user, key, session.created_at_ms, house->rules.find(key_in(key)));
  }
  return pid;
}

void enter_all(Runtime& runtime, HouseRef house, Batch& batch) {
  count(house, batch);
  std::string_view texts = batch.texts;
  for (ReadSession& session : batch.sessions) {
    const std::string_view user = texts.substr(session.key_bytes, session.user_bytes);
    texts.remove_prefix(session.key_bytes + session.user_bytes);
    const std::int64_t due_ms = session.due_ms;
    const Pid pid = enter(runtime, house, std::move(session), user);
    if (pid && due_ms != 0) batch.due.emplace_back(due_ms, pid);
  }
  house->expiry.arm(batch.due);
  batch.clear();
}

// --- On the blocking pool.

class ShardReader {
 public:
  ShardReader(Runtime& runtime, HouseRef house, StoreHandle store, Permit& permit)
      : runtime_{runtime}, house_{house}, store_{store}, permit_{permit} {}

  // Dictionaries are asked for by number: to look for their keys is to read everything where the
  // store keeps no order.
  Loaded read_dictionaries() {
    for (std::uint32_t number = 1; number <= Dictionaries::max_number; ++number) {
      const std::string key = Dictionaries::stored_key(number);
      const auto value = store_.store->get(key);
      if (!value) return {0, value.error().text};
      if (*value && !decrypt(key, **value, &ShardReader::add_dictionary)) break;
    }
    return std::move(loaded_);
  }
  Loaded read_sessions() {
    const auto swept = store_.store->sweep([this](std::string_view key, std::string_view value) {
      return decrypt(key, value,
                     Dictionaries::is_stored_key(key) ? &ShardReader::add_dictionary
                                                      : &ShardReader::add_session);
    });
    if (!swept && loaded_.error.empty()) loaded_.error = swept.error().text;
    enter_batch();
    return std::move(loaded_);
  }

 private:
  // Takes an entry; false: it cannot, and the error says why.
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
    house_->sessions.expect(key);
    expect_allocations(bytes_asleep(key.size(), value.size()) - bytes_of_a_process);
    batch_.add(key, *facts,
               SleepingSession::of_record(house_, {}, value, {.armed_ms = facts->ends_at_ms}));
    if (batch_.sessions.size() < batch_sessions) return true;
    enter_batch();
    return !permit_.is_over();
  }

  void enter_batch() {
    loaded_.sessions += batch_.sessions.size();
    enter_all(runtime_, house_, batch_);
  }

  bool fail(std::string error) {
    loaded_.error = std::move(error);
    return false;
  }

  Runtime& runtime_;
  HouseRef house_;
  StoreHandle store_;
  Permit& permit_;
  Batch batch_;
  Loaded loaded_;
};

using Read = Loaded (ShardReader::*)();

// The reader does it all, and so every session is looked at once, by a processor that has it at
// hand. Before, it sent batches to a process that entered them: four threads on two cores, which
// were put aside while they held the locks of the table and of malloc, so that the others waited.
template <Read read>
Async<> load_shard(Process& self, Pid owner, HouseRef house, StoreHandle store) {
  const OwnPermit own;
  Runtime* const runtime = &self.runtime();
  Loaded loaded = co_await blocking(self, [=, permit = own.permit]() -> Loaded {
    const Reading reading{*permit};
    if (!reading.may_read()) return {};
    ShardReader reader{*runtime, house, store, *permit};
    return (reader.*read)();
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
  Loaded loaded =
      co_await load_all_shards(self, load_shard<&ShardReader::read_dictionaries>, house, shards);
  if (loaded.error.empty()) {
    loaded = co_await load_all_shards(self, load_shard<&ShardReader::read_sessions>, house,
                                      std::move(shards));
  }
  if (!loaded.error.empty()) co_return std::unexpected(std::move(loaded.error));
  co_return loaded.sessions;
}

}  // namespace greenroom
