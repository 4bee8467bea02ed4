// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What guards Greenroom, without processes: encryption of values, login back-off, admin logins,
// hashed ids, and the files of snapshots.
#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

#include "persistence/snapshot_file.hpp"
#include "security/admin_logins.hpp"
#include "security/id_hash.hpp"
#include "security/login_backoff.hpp"
#include "security/value_cipher.hpp"
#include "text/units.hpp"
#include "tools/histogram.hpp"
#include "tools/resp_client.hpp"

namespace greenroom {
namespace {

using namespace std::chrono_literals;

ValueCipher cipher_of(const std::string& text) {
  auto cipher = ValueCipher::parse(text, "keys");
  EXPECT_TRUE(cipher.has_value()) << cipher.error();
  return *cipher;
}

const std::string key_one = "1 " + std::string(64, 'a') + "\n";
const std::string key_two = "2 " + std::string(64, 'b') + "\n";

TEST(ValueCipher, what_was_encrypted_comes_back_under_its_own_key_only) {
  const ValueCipher cipher = cipher_of("# comment\n\n" + key_one);
  for (const std::string& value : {std::string{}, std::string{"x"}, std::string(100'000, 'y')}) {
    const std::string encrypted = cipher.encrypt("sess:1", value);
    EXPECT_TRUE(ValueCipher::is_encrypted(encrypted));
    EXPECT_EQ(encrypted.size(), value.size() + 33);
    EXPECT_EQ(cipher.decrypt("sess:1", encrypted), value);
    EXPECT_FALSE(cipher.decrypt("sess:2", encrypted).has_value());
    EXPECT_NE(cipher.encrypt("sess:1", value), encrypted);
  }
}

TEST(ValueCipher, every_changed_byte_is_noticed) {
  const ValueCipher cipher = cipher_of(key_one);
  const std::string encrypted = cipher.encrypt("k", "value");
  for (std::size_t i = 1; i < encrypted.size(); ++i) {
    std::string changed = encrypted;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(cipher.decrypt("k", changed).has_value()) << i;
    EXPECT_FALSE(cipher.decrypt("k", encrypted.substr(0, i)).has_value()) << i;
  }
}

TEST(ValueCipher, the_first_key_writes_and_all_read_and_plain_values_stay_readable) {
  const std::string old = cipher_of(key_one).encrypt("k", "old");
  const ValueCipher rotated = cipher_of(key_two + key_one);
  EXPECT_EQ(rotated.decrypt("k", old), "old");
  const std::string written = rotated.encrypt("k", "new");
  EXPECT_EQ(cipher_of(key_two).decrypt("k", written), "new");
  const auto without = cipher_of(key_one).decrypt("k", written);
  ASSERT_FALSE(without.has_value());
  EXPECT_NE(without.error().find("key 2"), std::string::npos) << without.error();
  EXPECT_EQ(rotated.decrypt("k", "\x01plain"), "\x01plain");
}

TEST(LoginBackoff, waits_grow_are_bounded_and_end_with_the_right_password) {
  LoginBackoff backoff;
  troupe::Duration now = 1h;
  for (unsigned i = 0; i < LoginBackoff::free_attempts; ++i) {
    backoff.note_failure("1.2.3.4", now);
    EXPECT_EQ(backoff.wait_of("1.2.3.4", now), 0s);
  }
  backoff.note_failure("1.2.3.4", now);
  EXPECT_EQ(backoff.wait_of("1.2.3.4", now), LoginBackoff::first);
  EXPECT_EQ(backoff.wait_of("5.6.7.8", now), 0s);
  now += LoginBackoff::first;
  EXPECT_EQ(backoff.wait_of("1.2.3.4", now), 0s);
  backoff.note_failure("1.2.3.4", now);
  EXPECT_EQ(backoff.wait_of("1.2.3.4", now), 2 * LoginBackoff::first);
  for (int i = 0; i < 100; ++i) backoff.note_failure("1.2.3.4", now);
  EXPECT_EQ(backoff.wait_of("1.2.3.4", now), LoginBackoff::longest);
  backoff.note_success("1.2.3.4");
  EXPECT_EQ(backoff.wait_of("1.2.3.4", now), 0s);
}

TEST(LoginBackoff, a_flood_of_addresses_forgets_the_oldest_only) {
  LoginBackoff backoff;
  for (int i = 0; i < 10; ++i) backoff.note_failure("first", 1h);
  for (std::size_t i = 0; i + 1 < LoginBackoff::max_addresses; ++i) {
    backoff.note_failure(std::to_string(i), 1h);
  }
  EXPECT_GT(backoff.wait_of("first", 1h), 0s);
  backoff.note_failure("one more", 1h);
  EXPECT_EQ(backoff.wait_of("first", 1h), 0s);
}

TEST(AdminLogins, a_token_lasts_while_it_is_used_and_until_it_is_removed) {
  AdminLogins logins;
  const std::string token = logins.add(1h);
  EXPECT_EQ(token.size(), 64u);
  ASSERT_TRUE(logins.find(token, 1h + 29min).has_value());
  ASSERT_TRUE(logins.find(token, 1h + 58min).has_value());
  EXPECT_FALSE(logins.find(token, 1h + 58min + 31min).has_value());
  EXPECT_FALSE(logins.find("", 1h).has_value());
  const std::string other = logins.add(1h);
  EXPECT_NE(logins.find(other, 1h)->csrf, "");
  logins.remove(other);
  EXPECT_FALSE(logins.find(other, 1h).has_value());
}

TEST(IdHash, the_same_directory_gives_the_same_names_and_another_gives_others) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / ("id-hash-" + std::to_string(getpid()))).string();
  std::filesystem::create_directories(directory);
  const auto first = IdHash::of_directory(directory);
  const auto second = IdHash::of_directory(directory);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ((*first)("sess:1"), (*second)("sess:1"));
  EXPECT_NE((*first)("sess:1"), (*first)("sess:2"));
  EXPECT_NE((*first)("sess:1"), IdHash{}("sess:1"));
  EXPECT_EQ((*first)("sess:1").size(), 16u);
  std::filesystem::resize_file(directory + "/id-hash.key", 5);
  EXPECT_FALSE(IdHash::of_directory(directory).has_value());
  std::filesystem::remove_all(directory);
}

TEST(SnapshotFile, an_unfinished_one_leaves_nothing_behind) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / ("snapshots-" + std::to_string(getpid()))).string();
  std::filesystem::create_directories(directory);
  const std::string file = directory + "/" + snapshot_name(1'700'000'000'123);
  {
    auto writer = SnapshotWriter::create(file, 1);
    ASSERT_TRUE(writer.has_value());
    EXPECT_TRUE((*writer)->add("k", "v").has_value());
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  for (int i = 0; i < 5; ++i) {
    auto writer = SnapshotWriter::create(directory + "/" + snapshot_name(i * 1'000), i);
    ASSERT_TRUE((*writer)->add("key", std::string(1'000, 'v')).has_value());
    ASSERT_TRUE((*writer)->finish().has_value());
  }
  EXPECT_EQ(prune_snapshots(directory, 2), 3u);
  const auto left = snapshots_in(directory);
  ASSERT_EQ(left.size(), 2u);
  const auto facts = verify_snapshot(left[1]);
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->records, 1u);
  EXPECT_EQ(facts->created_at_ms, 4);
  std::filesystem::remove_all(directory);
}

TEST(Units, times_and_sizes_are_read_and_nonsense_is_none) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("15min"), 15min);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_bytes("64MiB"), 64u << 20);
  EXPECT_EQ(parse_bytes("2TiB"), std::uint64_t{2} << 40);
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5sec", "99999999999999999999s", "1e3s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  for (const char* text : {"", "MiB", "1MB", "-1", "1.5GiB", "99999999999999999999GiB"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
  EXPECT_EQ(duration_text(3 * 24h + 4h + 5min), "3 d 4 h");
  EXPECT_EQ(duration_text(850ms), "850 ms");
}

TEST(Histogram, quantiles_are_within_a_sixtyfourth) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 100'000; ++i) histogram.record(i);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.9999}) {
    const double exact = share * 100'000;
    EXPECT_NEAR(static_cast<double>(histogram.quantile(share)), exact, exact / 64 + 1);
  }
  EXPECT_EQ(histogram.quantile(1), 100'000u);
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.max(), ~std::uint64_t{0});
}

TEST(RespReader, replies_are_the_same_in_pieces_of_every_size_and_nonsense_fails) {
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:-5\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    RespReader reader;
    std::vector<RespReply> replies;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      reader.feed(std::string_view{bytes}.substr(at, size));
      while (auto reply = reader.next()) replies.push_back(std::move(*reply));
    }
    ASSERT_EQ(replies.size(), 6u) << size;
    EXPECT_TRUE(replies[1].is_error());
    EXPECT_EQ(replies[2].integer, -5);
    EXPECT_EQ(replies[3].text, "a\r\n");
    EXPECT_EQ(replies[5].elements[1].elements[0].kind, RespReply::Kind::bulk);
  }
  // The last piece of a large one may be a small one.
  const std::string large = "$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  const std::string many = "*20000\r\n" + [] {
    std::string elements;
    for (int i = 0; i < 20'000; ++i) elements += i % 2 == 0 ? ":1\r\n" : "+\r\n";
    return elements;
  }();
  for (const std::string& whole : {large, many}) {
    for (const std::size_t last : {1u, 2u, 3u, 50u, 9'999u, 40'000u}) {
      RespReader reader;
      reader.feed(std::string_view{whole}.substr(0, whole.size() - last));
      EXPECT_FALSE(reader.next().has_value());
      reader.feed(std::string_view{whole}.substr(whole.size() - last));
      EXPECT_TRUE(reader.next().has_value()) << last;
      EXPECT_FALSE(reader.has_failed());
    }
  }
  for (const char* nonsense :
       {"HTTP/1.1 200 OK\r\n", "\r\n", "$-2\r\n", "$x\r\n", "*99999999999\r\n", "$1\r\nabc\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    RespReader reader;
    reader.feed(nonsense);
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_TRUE(reader.has_failed()) << nonsense;
  }
}

}  // namespace
}  // namespace greenroom
