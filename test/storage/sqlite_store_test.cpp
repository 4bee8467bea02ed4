// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <sqlite3.h>
#include <string>
#include <sys/stat.h>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

class Sqlite : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(bool check = true) {
    return open_sqlite(path_, {.check_on_open = check, .busy_timeout_ms = 1});
  }

  void fill(int count = 200) {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    for (int n = 0; n < count; ++n) {
      ASSERT_TRUE(succeeded((*store)->put("key" + std::to_string(n), value_of(n))));
    }
    ASSERT_TRUE(succeeded((*store)->close()));
  }

  static std::string value_of(int n) {
    return std::string(100 + n, static_cast<char>('a' + n % 26));
  }

  // What another program would do to the file.
  void run_sql(const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "store.db";
};

TEST_F(Sqlite, the_file_belongs_to_its_owner_alone) {
  fill(1);
  struct stat status;
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(Sqlite, closing_leaves_one_file) {
  fill();
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{directory_.path()}) {
    EXPECT_EQ(entry.path().string(), path_);
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(Sqlite, a_file_that_is_no_database_is_refused_and_left_alone) {
  const std::string text(5000, '?');
  write_bytes(path_, text);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, path_));
  EXPECT_EQ(read_bytes(path_), text);
}

TEST_F(Sqlite, another_programs_database_is_refused_and_left_alone) {
  run_sql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  const std::string before = read_bytes(path_);
  EXPECT_TRUE(refused(open(), ErrorKind::foreign, path_));
  EXPECT_EQ(read_bytes(path_), before);
}

TEST_F(Sqlite, a_newer_format_is_refused_and_left_alone) {
  fill();
  run_sql("PRAGMA user_version=2");
  const std::string before = read_bytes(path_);
  EXPECT_TRUE(refused(open(), ErrorKind::newer_version, "format 2"));
  EXPECT_EQ(read_bytes(path_), before);
}

TEST_F(Sqlite, a_file_whose_table_is_gone_is_refused) {
  fill();
  run_sql("DROP TABLE entry");
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, path_));
}

TEST_F(Sqlite, a_path_that_cannot_be_opened_is_named) {
  EXPECT_TRUE(
      refused(open_sqlite(directory_ / "absent/store.db"), ErrorKind::io, "absent/store.db"));
  EXPECT_TRUE(refused(open_sqlite(directory_.path()), ErrorKind::io, directory_.path()));
}

TEST_F(Sqlite, a_cut_file_is_refused_at_opening) {
  fill();
  const std::string whole = read_bytes(path_);
  for (std::size_t size = 1; size < whole.size(); size += size < 4200 ? 97 : 4096) {
    write_bytes(path_, whole.substr(0, size));
    EXPECT_TRUE(refused(open(), ErrorKind::corrupt, path_)) << size;
  }
}

// SQLite's own checks see most damage to its trees and none to the bytes of a value. With the
// checksums a flipped bit is either found, or was in a place that holds nothing.
TEST_F(Sqlite, a_flipped_bit_never_changes_what_is_read) {
  fill();
  const std::string whole = read_bytes(path_);
  int found = 0;
  for (std::size_t at = 0; at < whole.size(); at += 61) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    write_bytes(path_, damaged);
    auto store = open();
    std::map<std::string, std::string> entries;
    Result<void> done;
    if (store) {
      done = (*store)->for_each(
          "", [&](std::string_view key, std::string_view value) { entries.emplace(key, value); });
    }
    if (!store || !done) {
      ++found;
      continue;
    }
    ASSERT_EQ(entries.size(), 200U) << "offset " << at;
    for (int n = 0; n < 200; ++n) {
      ASSERT_EQ(entries["key" + std::to_string(n)], value_of(n)) << "offset " << at;
    }
  }
  EXPECT_GT(found, 100);
}

TEST_F(Sqlite, a_value_changed_behind_our_back_is_reported_as_damage) {
  fill();
  run_sql("UPDATE entry SET value = x'00' WHERE key = CAST('key7' AS BLOB)");
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(refused((*store)->get("key7"), ErrorKind::corrupt, path_));
  EXPECT_EQ((*store)->get("key8"), value_of(8));
  ASSERT_TRUE(succeeded((*store)->put("key7", "anew")));
  EXPECT_EQ((*store)->get("key7"), "anew");
}

TEST_F(Sqlite, the_log_is_folded_in_when_it_is_due) {
  auto store = open_sqlite(path_, {.checkpoint_pages = 50});
  ASSERT_TRUE(succeeded(store));
  for (int n = 0; n < 500; ++n) {
    ASSERT_TRUE(succeeded((*store)->put("key" + std::to_string(n), std::string(1000, 'v'))));
  }
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 100 * 4200U);
  EXPECT_GT(std::filesystem::file_size(path_), 400'000U);
}

TEST_F(Sqlite, a_new_file_cut_off_from_its_schema_is_still_new) {
  run_sql("PRAGMA journal_mode=WAL");
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(succeeded((*store)->put("k", "v")));
}

TEST_F(Sqlite, in_memory_durability_makes_no_file) {
  auto store = open_sqlite(path_, {.durability = Durability::memory});
  ASSERT_TRUE(succeeded(store));
  ASSERT_TRUE(succeeded((*store)->put("k", "v")));
  EXPECT_EQ((*store)->get("k"), "v");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace troupe::storage::test
