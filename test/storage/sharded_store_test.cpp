// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/manifest.hpp"
#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

namespace fs = std::filesystem;

// A changed hash would look for every key in the wrong file.
TEST(ShardOf, never_changes) {
  EXPECT_EQ(shard_of("", 1024), 959U);
  EXPECT_EQ(shard_of("a", 1024), 522U);
  EXPECT_EQ(shard_of("sess:AbC", 1024), 658U);
  EXPECT_EQ(shard_of("sess:AbC", 4), 2U);
  EXPECT_EQ(shard_of("anything", 1), 0U);
}

TEST(ShardOf, spreads_similar_keys_evenly) {
  std::vector<int> counts(7);
  for (int n = 0; n < 70'000; ++n) ++counts[shard_of("sess:" + std::to_string(n), 7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

class Sharded : public testing::Test {
 protected:
  Result<std::unique_ptr<ShardedStore>> open(unsigned shards = 0) {
    ShardedOptions options{.shards = shards};
    options.sqlite.busy_timeout_ms = 1;
    return ShardedStore::open(path_, options);
  }

  void fill(unsigned shards = 3) {
    auto store = open(shards);
    ASSERT_TRUE(succeeded(store));
    for (int n = 0; n < 50; ++n) {
      const std::string key = "key" + std::to_string(n);
      ASSERT_TRUE(succeeded((*store)->shard_for(key).put(key, key)));
    }
    ASSERT_TRUE(succeeded((*store)->close()));
  }

  void expect_full() {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    for (int n = 0; n < 50; ++n) {
      const std::string key = "key" + std::to_string(n);
      EXPECT_EQ((*store)->shard_for(key).get(key), key);
    }
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "data";
};

TEST_F(Sharded, a_new_directory_gets_the_files_asked_for) {
  fill(3);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator{path_}) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"lock", "manifest", "sessions-0.db", "sessions-1.db",
                                          "sessions-2.db"}));
  expect_full();
}

TEST_F(Sharded, every_shard_gets_its_part) {
  fill(3);
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  for (unsigned index = 0; index < 3; ++index) {
    const auto keys = (*store)->shard(index).list();
    ASSERT_TRUE(succeeded(keys));
    EXPECT_GT(keys->size(), 5U);
    for (const auto& key : *keys) EXPECT_EQ((*store)->shard_of(key), index);
  }
}

TEST_F(Sharded, another_number_of_shards_keeps_the_number_there_is) {
  fill(3);
  auto store = open(8);
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->shard_count(), 3U);
  EXPECT_EQ((*store)->shard_for("key7").get("key7"), "key7");
}

TEST_F(Sharded, a_second_opening_is_refused_with_the_holder) {
  auto store = open(2);
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(refused(open(2), ErrorKind::locked_by_other, std::to_string(::getpid())));
  EXPECT_TRUE(refused(open(2), ErrorKind::locked_by_other, path_));
  ASSERT_TRUE(succeeded((*store)->close()));
  EXPECT_TRUE(succeeded(open(2)));
}

TEST_F(Sharded, a_lost_shard_is_refused_and_not_made_anew) {
  fill();
  fs::remove(path_ + "/sessions-1.db");
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "sessions-1.db"));
  EXPECT_FALSE(fs::exists(path_ + "/sessions-1.db"));
  write_bytes(path_ + "/sessions-1.db", "");
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "sessions-1.db"));
}

TEST_F(Sharded, swapped_shards_are_refused) {
  fill();
  fs::rename(path_ + "/sessions-0.db", path_ + "/x");
  fs::rename(path_ + "/sessions-1.db", path_ + "/sessions-0.db");
  fs::rename(path_ + "/x", path_ + "/sessions-1.db");
  EXPECT_TRUE(refused(open(), ErrorKind::foreign, "sessions-0.db"));
}

TEST_F(Sharded, a_shard_of_another_store_is_refused) {
  fill();
  const std::string stolen = read_bytes(path_ + "/sessions-1.db");
  fs::remove_all(path_);
  fill();
  write_bytes(path_ + "/sessions-1.db", stolen);
  EXPECT_TRUE(refused(open(), ErrorKind::foreign, "sessions-1.db"));
}

TEST_F(Sharded, a_lost_manifest_is_refused_when_there_are_shards) {
  fill();
  fs::remove(path_ + "/manifest");
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "manifest"));
}

TEST_F(Sharded, an_unfinished_start_is_finished_with_the_shards_it_was_to_have) {
  fs::create_directory(path_);
  const Manifest unfinished{"sqlite", "sessions", 3, "0123456789abcdef", false};
  write_bytes(path_ + "/manifest", unfinished.text());
  write_bytes(path_ + "/sessions-0.db", "");
  fill(5);
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->shard_count(), 3U);
  ASSERT_TRUE(succeeded((*store)->close()));
  fs::remove(path_ + "/sessions-0.db");
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "sessions-0.db"));
}

TEST_F(Sharded, a_damaged_manifest_is_refused_whatever_byte_is_wrong) {
  fill();
  const std::string whole = read_bytes(path_ + "/manifest");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const auto parsed = parse_manifest(damaged, "m");
      ASSERT_FALSE(parsed) << damaged;
    }
    ASSERT_TRUE(refused(parse_manifest(whole.substr(0, at), "m"), ErrorKind::corrupt, "m"));
  }
  EXPECT_TRUE(refused(parse_manifest(whole + "x", "m"), ErrorKind::corrupt));
  write_bytes(path_ + "/manifest", whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, path_ + "/manifest"));
  write_bytes(path_ + "/manifest", std::string(1 << 20, 'x'));
  EXPECT_FALSE(open());
  write_bytes(path_ + "/manifest", "troupe-store 2\nwhatever comes\n");
  EXPECT_TRUE(refused(open(), ErrorKind::newer_version, "format 2"));
  write_bytes(path_ + "/manifest", whole);
  expect_full();
}

TEST_F(Sharded, another_name_in_the_same_directory_is_refused) {
  fill();
  EXPECT_TRUE(
      refused(ShardedStore::open(path_, {.name = "carts"}), ErrorKind::foreign, "'sessions'"));
  EXPECT_FALSE(ShardedStore::open(path_, {.name = "../x"}));
  EXPECT_FALSE(ShardedStore::open(path_, {.name = ""}));
}

TEST_F(Sharded, a_missing_parent_is_named) {
  EXPECT_TRUE(refused(ShardedStore::open(path_ + "/a/b"), ErrorKind::io, path_ + "/a/b"));
}

TEST_F(Sharded, a_trailing_slash_is_the_same_directory) {
  fill();
  auto store = ShardedStore::open(path_ + "//");
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->shard_for("key1").get("key1"), "key1");
}

TEST_F(Sharded, the_log_engine_shards_the_same_way) {
  ShardedOptions options{.shards = 3, .engine = Engine::log};
  const auto key = [](int n) { return "key" + std::to_string(n); };
  for (int round = 0; round < 3; ++round) {
    options.log.residence = round == 1 ? Residence::on_disk : Residence::in_memory;
    auto store = ShardedStore::open(path_, options);
    ASSERT_TRUE(succeeded(store));
    for (int n = 0; n < 30; ++n) {
      auto value = (*store)->shard_for(key(n)).get(key(n));
      ASSERT_TRUE(succeeded(value));
      EXPECT_EQ(*value, round == 0 ? std::nullopt : std::optional{key(n)});
      ASSERT_TRUE(succeeded((*store)->shard_for(key(n)).put(key(n), key(n))));
    }
    ASSERT_TRUE(succeeded((*store)->close()));
  }
  fs::rename(path_ + "/sessions-0.log", path_ + "/x");
  EXPECT_TRUE(refused(ShardedStore::open(path_, options), ErrorKind::corrupt, "sessions-0.log"));
  fs::create_directory(path_ + "/sessions-0.log");
  EXPECT_TRUE(refused(ShardedStore::open(path_, options), ErrorKind::corrupt, "sessions-0.log"));
  fs::remove_all(path_ + "/sessions-0.log");
  fs::rename(path_ + "/sessions-1.log", path_ + "/sessions-0.log");
  fs::rename(path_ + "/x", path_ + "/sessions-1.log");
  EXPECT_TRUE(refused(ShardedStore::open(path_, options), ErrorKind::foreign, "sessions-0.log"));
}

TEST_F(Sharded, a_directory_keeps_the_engine_it_was_made_with) {
  for (const Engine engine : {Engine::sqlite, Engine::log}) {
    fs::remove_all(path_);
    const Engine other = engine == Engine::sqlite ? Engine::log : Engine::sqlite;
    auto store = ShardedStore::open(path_, {.shards = 2, .engine = engine});
    ASSERT_TRUE(succeeded(store));
    EXPECT_EQ((*store)->engine(), engine);
    ASSERT_TRUE(succeeded((*store)->shard_for("k").put("k", "v")));
    ASSERT_TRUE(succeeded((*store)->close()));
    store = ShardedStore::open(path_, {.engine = other});
    ASSERT_TRUE(succeeded(store));
    EXPECT_EQ((*store)->engine(), engine);
    EXPECT_EQ((*store)->shard_for("k").get("k"), "v");
    ASSERT_TRUE(succeeded((*store)->close()));
    store->reset();
    fs::remove(path_ + "/manifest");
    EXPECT_TRUE(
        refused(ShardedStore::open(path_, {.engine = other}), ErrorKind::corrupt, "manifest"));
  }
}

TEST_F(Sharded, an_engine_of_a_later_version_is_named) {
  fs::create_directory(path_);
  write_bytes(path_ + "/manifest", Manifest{"papyrus", "sessions", 3, "0123", true}.text());
  EXPECT_TRUE(refused(open(), ErrorKind::newer_version, "papyrus"));
}

TEST_F(Sharded, in_memory_durability_makes_no_directory) {
  auto store = ShardedStore::open(path_, {.shards = 3, .durability = Durability::memory});
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->shard_count(), 3U);
  EXPECT_TRUE(succeeded((*store)->shard_for("k").put("k", "v")));
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace troupe::storage::test
