// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/crc32c.hpp"
#include "storage/file_names.hpp"
#include "storage/files_records.hpp"
#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

TEST(FileNames, plain_keys_are_their_own_names) {
  EXPECT_EQ(file_name_of("alice"), "alice");
  EXPECT_EQ(file_name_of("Alice_2-b.term"), "Alice_2-b.term");
}

TEST(FileNames, nothing_leads_out_of_the_directory_or_into_ours) {
  EXPECT_EQ(file_name_of("../x"), "%2E.%2Fx");
  EXPECT_EQ(file_name_of(".."), "%2E.");
  EXPECT_EQ(file_name_of("."), "%2E");
  EXPECT_EQ(file_name_of(".troupe"), "%2Etroupe");
  EXPECT_EQ(file_name_of("/etc/passwd"), "%2Fetc%2Fpasswd");
  EXPECT_EQ(file_name_of("a\0b"s), "a%00b");
  EXPECT_EQ(file_name_of("sess:1"), "sess%3A1");
  EXPECT_EQ(file_name_of("%"), "%25");
  EXPECT_EQ(file_name_of(""), "%");
}

TEST(FileNames, every_key_comes_back_from_its_name_or_the_name_says_that_it_does_not) {
  std::set<std::string> names;
  for (int one = -1; one < 256; ++one) {
    for (int two = -1; two < 256; ++two) {
      std::string key;
      if (one >= 0) key.push_back(static_cast<char>(one));
      if (two >= 0) key.push_back(static_cast<char>(two));
      if (one < 0 && two >= 0) continue;
      const std::string name = file_name_of(key);
      ASSERT_TRUE(names.insert(name).second) << name;
      ASSERT_EQ(unescape_key(name), key);
      ASSERT_FALSE(name.contains('/') || name.starts_with('.') || name.contains('\0'));
    }
  }
  for (std::size_t size = 190; size < 70'000; size += size < 400 ? 1 : 9999) {
    const std::string name = file_name_of(std::string(size, 'k'));
    ASSERT_LE(name.size(), 255U);
    ASSERT_EQ(is_hashed_name(name), size > max_plain_name);
    ASSERT_TRUE(names.insert(name).second);
  }
}

TEST(FileNames, what_is_not_a_name_of_ours_has_no_key) {
  for (const char* name : {"", "%4", "%4g", "%41", "%2f", "a b", ".x", "a/b", "%%", "\xc3\xa4"}) {
    EXPECT_EQ(unescape_key(name), std::nullopt) << name;
  }
}

TEST(FilesRecords, survive_no_damage) {
  const std::string sum = files::text_of(files::Sum{0x1234, 77, "a key/with \xff"});
  const std::string journal =
      files::text_of(std::vector<files::Step>{{false, 12, "name"}, {true, 0, "other"}});
  const auto parsed = files::parse_sum(sum);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->crc, 0x1234U);
  EXPECT_EQ(parsed->size, 77U);
  EXPECT_EQ(parsed->key, "a key/with \xff");
  const auto steps = files::parse_journal(journal);
  ASSERT_TRUE(steps);
  ASSERT_EQ(steps->size(), 2U);
  EXPECT_EQ((*steps)[0].number, 12U);
  EXPECT_EQ((*steps)[0].name, "name");
  EXPECT_TRUE((*steps)[1].drop);
  for (std::size_t bit = 0; bit < sum.size() * 8; ++bit) {
    std::string damaged = sum;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(files::parse_sum(damaged)) << damaged;
  }
  for (std::size_t size = 0; size < journal.size(); ++size) {
    ASSERT_FALSE(files::parse_journal(journal.substr(0, size)));
  }
}

TEST(FilesRecords, a_journal_never_names_a_path) {
  for (const char* name : {"../x", ".x", "a/b", ""}) {
    EXPECT_FALSE(files::parse_journal(files::text_of(std::vector<files::Step>{{true, 0, name}})));
  }
}

class Files : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open() { return open_files(path_); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "files";
};

TEST_F(Files, a_file_holds_the_bytes_of_the_value_and_nothing_else) {
  const std::string term =
      "\x83h\x02w\x02okm\0\0\0\x03"
      "abc"s;
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  ASSERT_TRUE(succeeded((*store)->put("todo list", term)));
  EXPECT_EQ(read_bytes(path_ + "/todo%20list"), term);
  ASSERT_TRUE(succeeded((*store)->put("todo list", "x")));
  EXPECT_EQ(read_bytes(path_ + "/todo%20list"), "x");
  ASSERT_TRUE(succeeded((*store)->remove("todo list")));
  EXPECT_FALSE(fs::exists(path_ + "/todo%20list"));
  EXPECT_TRUE(fs::is_empty(path_ + "/.troupe/sums"));
  EXPECT_TRUE(fs::is_empty(path_ + "/.troupe/temporary"));
}

TEST_F(Files, another_programs_file_is_a_value) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  write_bytes(path_ + "/bob", "from elsewhere");
  fs::create_directory(path_ + "/folder");
  EXPECT_EQ((*store)->get("bob"), "from elsewhere");
  EXPECT_EQ((*store)->get("folder"), std::nullopt);
  std::map<std::string, std::string> found;
  ASSERT_TRUE(succeeded((*store)->for_each(
      "", [&](std::string_view key, std::string_view value) { found.emplace(key, value); })));
  EXPECT_EQ(found, (std::map<std::string, std::string>{{"bob", "from elsewhere"}}));
}

TEST_F(Files, a_changed_file_is_reported_with_its_name_and_can_be_written_anew) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  ASSERT_TRUE(succeeded((*store)->put("k", "value")));
  for (const char* damage : {"valuf", "valu", "", "valuee"}) {
    write_bytes(path_ + "/k", damage);
    EXPECT_TRUE(refused((*store)->get("k"), ErrorKind::corrupt, path_ + "/k")) << damage;
    EXPECT_TRUE(refused((*store)->page("", std::nullopt, 9), ErrorKind::corrupt, path_ + "/k"));
  }
  fs::remove(path_ + "/k");
  EXPECT_TRUE(refused((*store)->get("k"), ErrorKind::corrupt, "missing"));
  ASSERT_TRUE(succeeded((*store)->put("k", "anew")));
  EXPECT_EQ((*store)->get("k"), "anew");
}

TEST_F(Files, a_damaged_checksum_file_is_reported) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  ASSERT_TRUE(succeeded((*store)->put("k", "value")));
  const std::string sum = path_ + "/.troupe/sums/k";
  const std::string whole = read_bytes(sum);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 4;
    write_bytes(sum, damaged);
    EXPECT_TRUE(refused((*store)->get("k"), ErrorKind::corrupt, sum)) << at;
  }
  fs::remove(sum);
  EXPECT_EQ((*store)->get("k"), "value") << "as the text of the error advises";
}

// The lines with a seal of their own, as a later version would write them.
std::string sealed(const std::string& lines) {
  char seal[16];
  std::snprintf(seal, sizeof seal, "sum %08x\n", crc32c(lines));
  return lines + seal;
}

TEST_F(Files, a_newer_format_is_refused_and_left_alone) {
  {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    ASSERT_TRUE(succeeded((*store)->put("k", "value")));
    const std::string sum = path_ + "/.troupe/sums/k";
    write_bytes(sum, sealed("troupe-sum 2\nhash sha256\n"));
    EXPECT_TRUE(refused((*store)->get("k"), ErrorKind::newer_version, sum));
    EXPECT_TRUE(refused((*store)->page("", std::nullopt, 9), ErrorKind::newer_version, sum));
  }
  const std::string journal = path_ + "/.troupe/journal";
  const std::string newer = sealed("troupe-files 2\nmove 1 k\n");
  write_bytes(journal, newer);
  EXPECT_TRUE(refused(open(), ErrorKind::newer_version, journal));
  EXPECT_EQ(read_bytes(journal), newer);
}

TEST_F(Files, an_open_store_says_which_format_it_has) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(read_bytes(path_ + "/.troupe/journal").starts_with("troupe-files 1\n"));
}

TEST_F(Files, long_keys_are_told_apart_and_listed) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  const std::string one = std::string(400, 'x') + "1";
  const std::string two = std::string(400, 'x') + "2";
  const Change changes[] = {Change::put(one, "1"), Change::put(two, "2")};
  ASSERT_TRUE(succeeded((*store)->write_batch(changes)));
  EXPECT_EQ((*store)->get(one), "1");
  EXPECT_EQ((*store)->get(two), "2");
  EXPECT_EQ((*store)->list("xxx"), (std::vector<std::string>{one, two}));
}

TEST_F(Files, a_checksum_file_that_belongs_to_another_key_is_refused) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  const std::string one = std::string(400, 'x') + "1";
  const std::string two = std::string(400, 'x') + "2";
  ASSERT_TRUE(succeeded((*store)->put(one, "1")));
  fs::rename(path_ + "/.troupe/sums/" + file_name_of(one),
             path_ + "/.troupe/sums/" + file_name_of(two));
  EXPECT_TRUE(refused((*store)->put(two, "2"), ErrorKind::corrupt, file_name_of(two)));
}

}  // namespace
}  // namespace troupe::storage::test
