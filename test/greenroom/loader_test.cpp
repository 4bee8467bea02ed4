// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What is stored becomes sessions again, or one sentence that says why not.
#include "session/loader.hpp"

#include <gtest/gtest.h>
#include <random>
#include <stdexcept>

#include <troupe/simulation.hpp>

#include "session/codec.hpp"
#include "session/packed_record.hpp"
#include "session/storage_key.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;

constexpr std::int64_t far_ms = 4'000'000'000'000;

std::string record(std::int64_t expires_at_ms = 0, std::string_view user = {}) {
  KeyState state;
  state.session.set_string("value");
  state.session.set_expiry(expires_at_ms);
  if (!user.empty()) state.more().user = user;
  return encode_key(state);
}

std::string tombstone() {
  KeyState state;
  state.more().dead_until_ms = far_ms;
  return encode_key(state);
}

std::unique_ptr<storage::Store> store_of(int sessions) {
  auto store = storage::open_memory();
  for (int i = 0; i < sessions; ++i) {
    EXPECT_TRUE(store->put(storage_key(0, "s:" + std::to_string(i)), record()).has_value());
  }
  return store;
}

// Throws when it is asked for dictionaries, or for sessions, of which it gives one first.
class BreakingStore final : public storage::Store {
 public:
  enum class At : std::uint8_t { dictionaries, sessions };
  explicit BreakingStore(At at) : at_{at} {}

 private:
  storage::Result<std::optional<std::string>> do_get(std::string_view) override {
    if (at_ == At::dictionaries) throw std::runtime_error("the shard is on fire");
    return {};
  }
  storage::Result<void> do_write(std::span<const storage::Change>) override { return {}; }
  storage::Result<void> do_visit(const storage::Scan&, storage::Visit, void*) override {
    return {};
  }
  storage::Result<void> do_sweep(storage::Visit visitor, void* object) override {
    visitor(object, storage_key(0, "first"), record());
    throw std::runtime_error("the shard is on fire");
  }
  storage::Result<void> do_flush() override { return {}; }
  storage::Result<void> do_compact() override { return {}; }
  storage::Result<void> do_close() override { return {}; }

  At at_;
};

struct Loaded {
  std::uint64_t sessions = 0;
  std::string error;
  // Of the house, while the sessions live.
  std::int64_t keys = 0;
  std::int64_t keys_with_expiry = 0;
  std::uint64_t expired = 0;
  std::size_t of_alice = 0;
};

Async<Loaded> load(Process& self, HouseRef house, std::vector<StoreHandle> shards) {
  self.trap_exits();  // as the supervisor does that starts the loader
  spawn_link(expiry_clock, ExpiryClockRef{&house->expiry});
  auto result = co_await load_sessions(self, house, std::move(shards));
  Loaded loaded;
  if (result) {
    loaded.sessions = *result;
  } else {
    loaded.error = result.error();
  }
  if (result) co_await self.sleep(1s);  // of virtual time, for those that are due
  loaded.expired = house->counters.expired;
  loaded.keys = house->counters.keys[0];
  loaded.keys_with_expiry = house->counters.keys_with_expiry[0];
  loaded.of_alice = house->users.sessions_of("alice").size();
  co_return loaded;
}

Loaded load_in_schedule(std::uint64_t seed, SessionHouse& house, storage::Store& first,
                        storage::Store& second) {
  std::vector<StoreHandle> shards{StoreHandle{&first}, StoreHandle{&second}};
  Simulation simulation{{.seed = seed}};
  auto run = simulation.runtime().try_run(load, HouseRef{&house}, std::move(shards));
  EXPECT_TRUE(run.has_value()) << "seed " << seed << ": " << to_erlang(run.error().term());
  return run ? *run : Loaded{};
}

TEST(Loader, brings_back_values_users_expiries_and_tombstones) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto first = store_of(1'234);
    ASSERT_TRUE(first->put(storage_key(0, "a"), record(far_ms, "alice")).has_value());
    auto second = storage::open_memory();
    ASSERT_TRUE(second->put(storage_key(3, "b"), record(0, "alice")).has_value());
    ASSERT_TRUE(second->put(storage_key(0, "gone"), tombstone()).has_value());
    SessionHouse house;
    const Loaded loaded = load_in_schedule(seed, house, *first, *second);
    EXPECT_EQ(loaded.error, "");
    EXPECT_EQ(loaded.sessions, 1'237u);
    EXPECT_EQ(loaded.keys, 1'235);
    EXPECT_EQ(loaded.keys_with_expiry, 1);
    EXPECT_EQ(loaded.of_alice, 2u);
    EXPECT_EQ(house.sessions.size(), 1'236u);
    EXPECT_EQ(house.absent.size(), 1u);
    // The runtime has ended: what was counted, the tombstone too, was taken back.
    EXPECT_EQ(house.counters.dataset_bytes.load(), 0);
  }
}

std::string json_value(std::mt19937_64& random) {
  const std::string number = std::to_string(random() % 1'000'000'000);
  return R"({"cookie":{"originalMaxAge":1800000,"httpOnly":true,"path":"/"},"user":)" + number +
         R"(,"cart":[)" + number.substr(0, 3) + R"(],"csrf":")" + number + "\"}";
}

TEST(Loader, wakes_who_is_due_when_its_dictionary_is_there) {
  std::mt19937_64 random{1};
  Samples samples;
  for (int i = 0; i < 1'000; ++i) samples.add(json_value(random));
  const auto dictionary = train(samples, nullptr);
  ASSERT_TRUE(dictionary);
  const std::string dictionary_value = Dictionaries::stored_value("sess:", *dictionary);
  Dictionaries dictionaries;
  ASSERT_TRUE(dictionaries.add(Dictionaries::stored_key(1), dictionary_value));
  auto first = storage::open_memory();
  for (int i = 0; i < 2'000; ++i) {
    const std::string key = "sess:" + std::to_string(i);
    KeyState state;
    state.session.set_string(json_value(random));
    state.session.set_expiry(1);  // long ago
    const std::string packed = pack_record(state, key, dictionaries);
    ASSERT_EQ(facts_of_record(packed)->dictionary, 1u);
    ASSERT_TRUE(first->put(storage_key(0, key), packed).has_value());
  }
  auto second = store_of(2'000);
  ASSERT_TRUE(second->put(Dictionaries::stored_key(1), dictionary_value).has_value());
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SessionHouse house;
    const Loaded loaded = load_in_schedule(seed, house, *first, *second);
    EXPECT_EQ(loaded.error, "");
    EXPECT_EQ(loaded.expired, 2'000u) << "seed " << seed;
    EXPECT_EQ(loaded.keys, 2'000);
  }
}

TEST(Loader, says_that_a_dictionary_is_missing) {
  SessionHouse house;
  // Version 3, a string, no times, revision 1, dictionary 7, two plain bytes, no user, "x".
  const std::string packed = "\3\1" + std::string(18, '\0') + "\1\7\2" + std::string(1, '\0') + "x";
  auto first = storage::open_memory();
  ASSERT_TRUE(first->put(storage_key(0, "s"), packed).has_value());
  auto second = store_of(10);
  const Loaded loaded = load_in_schedule(1, house, *first, *second);
  EXPECT_NE(loaded.error.find("dictionary 7, which is missing"), std::string::npos) << loaded.error;
}

TEST(Loader, says_that_a_record_cannot_be_read) {
  SessionHouse house;
  auto first = store_of(10);
  auto second = storage::open_memory();
  ASSERT_TRUE(second->put(storage_key(0, "s"), "\7 from the future").has_value());
  const Loaded loaded = load_in_schedule(1, house, *first, *second);
  EXPECT_NE(loaded.error.find("layout this version does not know"), std::string::npos)
      << loaded.error;
}

TEST(Loader, ends_with_a_sentence_when_a_reader_throws) {
  for (const auto at : {BreakingStore::At::dictionaries, BreakingStore::At::sessions}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SessionHouse house;
      auto first = store_of(1'000);
      BreakingStore second{at};
      const Loaded loaded = load_in_schedule(seed, house, *first, second);
      EXPECT_NE(loaded.error.find("the shard is on fire"), std::string::npos)
          << "seed " << seed << ": " << loaded.error;
    }
  }
}

// Two threads read and two enter, and the readers are held up when they are far ahead.
TEST(Loader, enters_each_session_once_when_the_readers_are_ahead) {
  SessionHouse house;
  auto first = store_of(30'000);
  auto second = storage::open_memory();
  for (int i = 0; i < 30'000; ++i) {
    const std::string key = storage_key(5, "t:" + std::to_string(i));
    const std::string user = "u" + std::to_string(i % 5'000);
    ASSERT_TRUE(second->put(key, record(i % 3 == 0 ? far_ms : 0, user)).has_value());
  }
  Runtime runtime;
  std::vector<StoreHandle> shards{StoreHandle{first.get()}, StoreHandle{second.get()}};
  const auto loaded = runtime.try_run(
      [](Process& self, HouseRef in, std::vector<StoreHandle> from) -> Async<std::uint64_t> {
        self.trap_exits();
        const auto result = co_await load_sessions(self, in, std::move(from));
        co_return result.value_or(0);
      },
      HouseRef{&house}, std::move(shards));
  ASSERT_TRUE(loaded.has_value()) << to_erlang(loaded.error().term());
  EXPECT_EQ(*loaded, 60'000u);
  EXPECT_EQ(house.sessions.size(), 60'000u);
  for (int i = 0; i < 30'000; ++i) {
    EXPECT_TRUE(house.find(storage_key(0, "s:" + std::to_string(i)))) << i;
    EXPECT_TRUE(house.find(storage_key(5, "t:" + std::to_string(i)))) << i;
  }
  // The runtime has ended, and so have the sessions: what was counted once was taken back once.
  EXPECT_EQ(house.counters.keys[0].load(), 0);
  EXPECT_EQ(house.counters.keys[5].load(), 0);
  EXPECT_EQ(house.counters.keys_with_expiry[5].load(), 0);
  EXPECT_EQ(house.counters.expiry_sums[5].load(), 0);
  EXPECT_EQ(house.counters.dataset_bytes.load(), 0);
  EXPECT_EQ(house.processes.load(), 0);
  EXPECT_EQ(house.users.users(), 0u);
}

TEST(Loader, ends_with_a_sentence_when_there_are_more_sessions_than_processes) {
  SessionHouse house;
  auto first = store_of(20'000);
  auto second = store_of(0);
  Runtime runtime{{.max_processes = 1'000}};
  std::vector<StoreHandle> shards{StoreHandle{first.get()}, StoreHandle{second.get()}};
  const auto loaded = runtime.try_run(load, HouseRef{&house}, std::move(shards));
  ASSERT_TRUE(loaded.has_value()) << to_erlang(loaded.error().term());
  EXPECT_NE(loaded->error.find("system_limit"), std::string::npos) << loaded->error;
  // Those of the batch that was not entered to its end are not counted either.
  EXPECT_EQ(house.counters.keys[0].load(), 0);
  EXPECT_EQ(house.counters.dataset_bytes.load(), 0);
  EXPECT_EQ(house.processes.load(), 0);
}

}  // namespace
}  // namespace greenroom
