// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/loader.hpp"

#include <algorithm>
#include <utility>

#include "session/packed_record.hpp"
#include "session/sleeping_session.hpp"

namespace greenroom {

using namespace troupe;

namespace {

// Entered in one go.
constexpr std::size_t batch_sessions = 500;

struct ReadSession {
  std::string key;
  std::string user;
  std::int64_t created_at_ms;
  std::int64_t due_ms;  // when it expires, or its tombstone ends; 0: never
  bool exists;
  DormantPtr sleeper;
};
struct Batch {
  std::vector<ReadSession> sessions;
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

namespace greenroom {
namespace {

// --- On the blocking pool.

class ShardReader {
 public:
  ShardReader(HouseRef house, StoreHandle store, Pid to) : house_{house}, store_{store}, to_{to} {}

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
    if (!batch_.sessions.empty()) send(to_, std::move(batch_));
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
    batch_.sessions.push_back(ReadSession{
        std::string{key}, std::string{facts->user}, facts->created_at_ms, facts->ends_at_ms,
        facts->exists(),
        SleepingSession::of_record(house_, {}, value, {.armed_ms = facts->ends_at_ms})});
    if (batch_.sessions.size() < batch_sessions) return true;
    send(to_, std::exchange(batch_, {}));
    return true;
  }

  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }

  HouseRef house_;
  StoreHandle store_;
  Pid to_;
  Batch batch_;
  std::string error_;
};

Async<> read_shard(Process& self, Pid loader, HouseRef house, StoreHandle store) {
  ShardRead read = co_await blocking(self, [=]() -> ShardRead {
    return ShardRead{ShardReader{house, store, loader}.read_sessions()};
  });
  send(loader, std::move(read));
}

// --- The process that enters them.

struct Entering {
  KeyTable* table;
  const std::string* key;
  SleepingSession* session;
};

// Between its birth and its first message.
bool enter_key(void* context, Pid pid) {
  const Entering& entering = *static_cast<Entering*>(context);
  if (!entering.table->insert(*entering.key, pid)) return false;
  entering.session->set_key(entering.table->kept_key(*entering.key, pid));
  return true;
}

void enter(HouseRef house, ReadSession session) {
  house->processes.fetch_add(1, std::memory_order_relaxed);
  const std::uint8_t database = database_of(session.key);
  Counters& counters = house->counters;
  if (session.exists) {
    const auto* asleep = static_cast<const SleepingSession*>(session.sleeper.get());
    counters.keys[database].fetch_add(1, std::memory_order_relaxed);
    counters.dataset_bytes.fetch_add(bytes_asleep(session.key.size(), asleep->record().size()),
                                     std::memory_order_relaxed);
    if (session.due_ms != 0)
      counters.keys_with_expiry[database].fetch_add(1, std::memory_order_relaxed);
  }
  Entering entering{session.exists ? &house->sessions : &house->absent, &session.key,
                    static_cast<SleepingSession*>(session.sleeper.get())};
  entering.session->set_key(session.key);  // until the table's own is there
  const Pid pid = spawn_dormant(std::move(session.sleeper), enter_key, &entering);
  if (!pid) return;
  if (session.due_ms != 0) house->expiry.arm(session.due_ms, pid);
  if (!session.user.empty()) {
    const PrefixRule* rule = house->rules.find(key_in(session.key));
    house->bind_user(session.user, session.key, session.created_at_ms, rule);
  }
}

Async<> load_shard(Process& self, Pid owner, HouseRef house, StoreHandle store) {
  spawn_link(read_shard, self.pid(), house, store);
  Loaded loaded;
  for (bool is_done = false; !is_done;) {
    is_done = co_await self.receive(
        [&](Batch batch) {
          loaded.sessions += batch.sessions.size();
          for (ReadSession& session : batch.sessions) enter(house, std::move(session));
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
  Loaded loaded;
  loaded.error = co_await blocking(
      self, [=]() -> std::string { return ShardReader{house, store, Pid{}}.read_dictionaries(); });
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
