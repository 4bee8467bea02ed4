// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/temporary_directory.hpp"

// What every backend has to do, run against each of them.

namespace troupe::storage::test {
namespace {

using namespace std::string_literals;

class Conformance : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { open(); }

  void open() {
    auto opened = GetParam().open(directory_.path());
    ASSERT_TRUE(succeeded(opened));
    store_ = std::move(*opened);
  }

  void reopen() {
    ASSERT_TRUE(succeeded(store_->close()));
    store_.reset();
    open();
  }

  std::optional<std::string> get(std::string_view key) {
    auto value = store_->get(key);
    EXPECT_TRUE(succeeded(value));
    return value ? *value : std::nullopt;
  }

  std::vector<std::string> list(std::string_view prefix = {}) {
    auto keys = store_->list(prefix);
    EXPECT_TRUE(succeeded(keys));
    return keys ? *keys : std::vector<std::string>{};
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(Conformance, a_key_never_written_is_absent) {
  EXPECT_EQ(get("nobody"), std::nullopt);
  EXPECT_EQ(get(""), std::nullopt);
}

TEST_P(Conformance, the_last_value_put_is_the_one_got) {
  ASSERT_TRUE(succeeded(store_->put("k", "one")));
  ASSERT_TRUE(succeeded(store_->put("k", "a second, longer value")));
  EXPECT_EQ(get("k"), "a second, longer value");
  ASSERT_TRUE(succeeded(store_->put("k", "3")));
  EXPECT_EQ(get("k"), "3");
}

TEST_P(Conformance, a_removed_key_is_absent_and_removing_it_again_is_no_error) {
  ASSERT_TRUE(succeeded(store_->put("k", "v")));
  ASSERT_TRUE(succeeded(store_->remove("k")));
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_TRUE(succeeded(store_->remove("k")));
  EXPECT_TRUE(list().empty());
}

TEST_P(Conformance, an_empty_value_is_a_value) {
  ASSERT_TRUE(succeeded(store_->put("k", std::string_view{})));
  EXPECT_EQ(get("k"), "");
  reopen();
  EXPECT_EQ(get("k"), GetParam().durable ? std::optional<std::string>{""} : std::nullopt);
}

TEST_P(Conformance, keys_and_values_are_bytes_not_text) {
  const std::vector<std::string> hostile = {""s,
                                            "\0"s,
                                            "a\0b"s,
                                            "a\0"s,
                                            "../../etc/passwd"s,
                                            ".."s,
                                            "."s,
                                            "/"s,
                                            "a/b"s,
                                            "%2F"s,
                                            "%"s,
                                            "\xff\xfe\x00\xff"s,
                                            "'"s,
                                            "\""s,
                                            "\r\n"s,
                                            ".troupe"s,
                                            "lock"s,
                                            "journal"s,
                                            "x.tmp"s,
                                            "~"s,
                                            " "s,
                                            "A"s,
                                            "a"s,
                                            "\xc3\xa4"s,
                                            "\xed\xa0\x80"s,
                                            "-rf"s,
                                            "*"s,
                                            "a b"s,
                                            std::string(300, 'k'),
                                            std::string(300, '\xff'),
                                            std::string(255, 'n'),
                                            std::string(256, 'n'),
                                            std::string(5000, '/'),
                                            std::string(max_key_bytes, 'm')};
  std::map<std::string, std::string> expected;
  for (const std::string& key : hostile) {
    const std::string value = key + "\0 is \xff"s + std::to_string(key.size());
    ASSERT_TRUE(succeeded(store_->put(key, value)));
    expected[key] = value;
  }
  const auto check = [&] {
    std::map<std::string, std::string> found;
    ASSERT_TRUE(succeeded(store_->for_each(
        "", [&](std::string_view key, std::string_view value) { found.emplace(key, value); })));
    EXPECT_EQ(found, expected);
    for (const auto& [key, value] : expected) EXPECT_EQ(get(key), value);
  };
  check();
  if (!GetParam().durable) return;
  reopen();
  check();
}

TEST_P(Conformance, a_megabyte_goes_in_and_comes_out) {
  std::string value(1 << 20, '\0');
  std::minstd_rand random{7};
  for (char& byte : value) byte = static_cast<char>(random());
  ASSERT_TRUE(succeeded(store_->put("big", value)));
  EXPECT_EQ(get("big"), value);
}

TEST_P(Conformance, list_gives_the_keys_with_the_prefix_in_byte_order) {
  for (const auto& key : {"b"s, "ab"s, "a"s, "a\xff"s, "a\xff\xff"s, "a\xffz"s, "\xff"s,
                          "\xff\xff"s, "\xff\x01"s, ""s, "A"s, "a\0"s}) {
    ASSERT_TRUE(succeeded(store_->put(key, "v")));
  }
  using Keys = std::vector<std::string>;
  EXPECT_EQ(list(), (Keys{""s, "A"s, "a"s, "a\0"s, "ab"s, "a\xff"s, "a\xffz"s, "a\xff\xff"s, "b"s,
                          "\xff"s, "\xff\x01"s, "\xff\xff"s}));
  EXPECT_EQ(list("a"), (Keys{"a"s, "a\0"s, "ab"s, "a\xff"s, "a\xffz"s, "a\xff\xff"s}));
  EXPECT_EQ(list("a\xff"), (Keys{"a\xff"s, "a\xffz"s, "a\xff\xff"s}));
  EXPECT_EQ(list("\xff"), (Keys{"\xff"s, "\xff\x01"s, "\xff\xff"s}));
  EXPECT_EQ(list("\xff\xff"), (Keys{"\xff\xff"s}));
  EXPECT_EQ(list("nothing"), Keys{});
}

TEST_P(Conformance, pages_follow_each_other_without_gap_or_repetition) {
  std::vector<Change> changes;
  std::vector<std::string> keys;
  for (int n = 0; n < 100; ++n) keys.push_back("s:" + std::to_string(1000 + n));
  for (const auto& key : keys) changes.push_back(Change::put(key, key));
  changes.push_back(Change::put("r", "before"));
  changes.push_back(Change::put("t", "behind"));
  ASSERT_TRUE(succeeded(store_->write_batch(changes)));

  std::vector<std::string> seen;
  std::optional<std::string> after;
  for (;;) {
    auto page = store_->page("s:", after, 7);
    ASSERT_TRUE(succeeded(page));
    for (const auto& entry : *page) {
      EXPECT_EQ(entry.key, entry.value);
      seen.push_back(entry.key);
    }
    if (page->size() < 7) break;
    after = page->back().key;
  }
  EXPECT_EQ(seen, keys);
  auto from_before = store_->page("s:", "a", 1);
  ASSERT_TRUE(succeeded(from_before));
  EXPECT_EQ(from_before->front().key, "s:1000");
  auto from_behind = store_->page("s:", "t", 1);
  ASSERT_TRUE(succeeded(from_behind));
  EXPECT_TRUE(from_behind->empty());
  auto none = store_->page("s:", std::nullopt, 0);
  ASSERT_TRUE(succeeded(none));
  EXPECT_TRUE(none->empty());
}

// Everything, once, in portions of about seven.
std::map<std::string, std::string> in_portions(Store& store,
                                               const std::function<void()>& between = {}) {
  std::map<std::string, std::string> found;
  std::optional<std::string> from;
  do {
    auto portion = store.portion(from, 7);
    EXPECT_TRUE(succeeded(portion));
    if (!portion) break;
    for (auto& entry : portion->entries) {
      EXPECT_TRUE(found.emplace(entry.key, entry.value).second) << entry.key << " twice";
    }
    from = portion->next;
    if (between) between();
  } while (from);
  return found;
}

TEST_P(Conformance, portions_have_every_entry_once_whatever_is_written_in_between) {
  std::map<std::string, std::string> stays;
  std::vector<Change> changes;
  for (int n = 0; n < 100; ++n) stays["s:" + std::to_string(n)] = std::to_string(n * n);
  for (const auto& [key, value] : stays) changes.push_back(Change::put(key, value));
  EXPECT_TRUE(in_portions(*store_).empty());
  ASSERT_TRUE(succeeded(store_->write_batch(changes)));
  EXPECT_EQ(in_portions(*store_), stays);
  int number = 0;
  auto found = in_portions(*store_, [&] {
    const std::string old = "t:" + std::to_string(number);
    ASSERT_TRUE(succeeded(store_->remove(old)));
    const std::string key = "t:" + std::to_string(++number);
    ASSERT_TRUE(succeeded(store_->put(key, std::string(300, 't'))));
  });
  EXPECT_GE(number, 4);
  std::erase_if(found, [](const auto& entry) { return entry.first.starts_with("t:"); });
  EXPECT_EQ(found, stays);
}

TEST_P(Conformance, a_visitor_can_stop) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(succeeded(store_->put(key, "v")));
  int visits = 0;
  ASSERT_TRUE(succeeded(
      store_->for_each("", [&](std::string_view, std::string_view) { return ++visits < 2; })));
  EXPECT_EQ(visits, 2);
}

TEST_P(Conformance, a_visitor_that_throws_leaves_the_store_usable) {
  ASSERT_TRUE(succeeded(store_->put("a", "v")));
  EXPECT_THROW((void)store_->for_each(
                   "", [](std::string_view, std::string_view) { throw std::runtime_error("x"); }),
               std::runtime_error);
  EXPECT_TRUE(succeeded(store_->put("b", "v")));
  EXPECT_EQ(list().size(), 2U);
}

TEST_P(Conformance, in_a_batch_the_later_change_of_a_key_wins) {
  const Change changes[] = {
      Change::put("a", "1"), Change::put("b", "1"), Change::remove("a"),    Change::put("a", "2"),
      Change::remove("b"),   Change::put("c", "1"), Change::put("c", "22"),
  };
  ASSERT_TRUE(succeeded(store_->write_batch(changes)));
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), std::nullopt);
  EXPECT_EQ(get("c"), "22");
  EXPECT_TRUE(succeeded(store_->write_batch({})));
}

TEST_P(Conformance, what_is_over_a_limit_is_refused_and_the_whole_batch_with_it) {
  const std::string key(max_key_bytes + 1, 'k');
  EXPECT_TRUE(refused(store_->put(key, "v"), ErrorKind::too_large, "65537"));
  EXPECT_TRUE(refused(store_->get(key), ErrorKind::too_large));
  const std::string value(max_value_bytes + 1, 'v');
  const Change changes[] = {Change::put("fine", "v"), Change::put("k", value)};
  EXPECT_TRUE(refused(store_->write_batch(changes), ErrorKind::too_large));
  const auto largest = std::string_view{value}.substr(1);
  const std::vector<Change> huge(5, Change::put("k", largest));
  EXPECT_TRUE(refused(store_->write_batch(huge), ErrorKind::too_large));
  EXPECT_TRUE(list().empty());
}

TEST_P(Conformance, a_closed_store_says_so_and_closing_twice_is_fine) {
  ASSERT_TRUE(succeeded(store_->put("k", "v")));
  ASSERT_TRUE(succeeded(store_->close()));
  EXPECT_TRUE(refused(store_->get("k"), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->put("k", "v"), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->remove("k"), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->list(), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->page("", std::nullopt, 1), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->flush(), ErrorKind::closed));
  EXPECT_TRUE(refused(store_->compact(), ErrorKind::closed));
  EXPECT_TRUE(succeeded(store_->close()));
}

TEST_P(Conformance, flush_and_compact_change_nothing_that_can_be_seen) {
  EXPECT_TRUE(succeeded(store_->flush()));
  EXPECT_TRUE(succeeded(store_->compact()));
  ASSERT_TRUE(succeeded(store_->put("a", "1")));
  EXPECT_TRUE(succeeded(store_->flush()));
  EXPECT_TRUE(succeeded(store_->compact()));
  EXPECT_EQ(get("a"), "1");
  ASSERT_TRUE(succeeded(store_->put("b", "2")));
  EXPECT_EQ(list(), (std::vector<std::string>{"a", "b"}));
}

TEST_P(Conformance, a_random_history_agrees_with_a_map_across_reopening) {
  std::mt19937 random{20261121};
  std::map<std::string, std::string> model;
  for (int round = 0; round < 60; ++round) {
    std::vector<Entry> owned(1 + random() % 8);
    std::vector<Change> changes;
    for (Entry& entry : owned) {
      entry.key = "k" + std::to_string(random() % 40);
      entry.value = std::string(random() % 400, static_cast<char>(random()));
      if (random() % 3 == 0) {
        changes.push_back(Change::remove(entry.key));
        model.erase(entry.key);
      } else {
        changes.push_back(Change::put(entry.key, entry.value));
        model[entry.key] = entry.value;
      }
    }
    ASSERT_TRUE(succeeded(store_->write_batch(changes)));
    if (round % 17 == 5) {
      ASSERT_TRUE(succeeded(store_->compact()));
    }
    if (GetParam().durable && round % 13 == 12) reopen();
    std::map<std::string, std::string> found;
    ASSERT_TRUE(succeeded(store_->for_each(
        "", [&](std::string_view key, std::string_view value) { found.emplace(key, value); })));
    ASSERT_EQ(found, model) << "round " << round;
    found.clear();
    ASSERT_TRUE(succeeded(store_->sweep([&](std::string_view key, std::string_view value) {
      return found.emplace(key, value).second;
    })));
    ASSERT_EQ(found, model) << "swept, round " << round;
    ASSERT_EQ(in_portions(*store_), model) << "round " << round;
  }
}

TEST_P(Conformance, a_second_opening_is_refused_until_the_first_closes) {
  if (!GetParam().durable) GTEST_SKIP() << "nothing is shared";
  ASSERT_TRUE(succeeded(store_->put("k", "v")));
  EXPECT_TRUE(refused(GetParam().open(directory_.path()), ErrorKind::locked_by_other));
  // The refused attempt has not taken the lock away from the owner.
  EXPECT_TRUE(refused(GetParam().open(directory_.path()), ErrorKind::locked_by_other));
  EXPECT_EQ(get("k"), "v");
  reopen();
  EXPECT_EQ(get("k"), "v");
}

INSTANTIATE_TEST_SUITE_P(, Conformance, testing::ValuesIn(backends()),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace troupe::storage::test
