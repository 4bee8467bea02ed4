// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Dictionaries, and records that are packed with them.
#include "session/packed_record.hpp"

#include <gtest/gtest.h>
#include <random>

namespace greenroom {
namespace {

std::string express_json(std::mt19937_64& random) {
  char text[256];
  const auto bits = static_cast<unsigned long long>(random());
  std::snprintf(text, sizeof text,
                R"({"cookie":{"originalMaxAge":1800000,"expires":"2026-11-29T%02llu:%02llu:%02llu)"
                R"(.%03lluZ","httpOnly":true,"path":"/"},"passport":{"user":%llu},"views":%llu})",
                bits % 24, bits % 60, bits / 60 % 60, bits % 1000, bits % 10'000'000, bits % 100);
  return text;
}

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes.push_back(static_cast<char>(random()));
  return bytes;
}

Samples some_samples(std::mt19937_64& random) {
  Samples samples;
  for (int i = 0; i < 2'000; ++i) samples.add(express_json(random));
  return samples;
}

// Trained once: it takes a while.
const std::string& dictionary_bytes() {
  static const std::string bytes = [] {
    std::mt19937_64 random{1};
    return train(some_samples(random), nullptr).value_or("");
  }();
  return bytes;
}

void add_dictionary(Dictionaries& dictionaries, std::uint32_t number = 1,
                    std::string_view prefix = "sess:") {
  ASSERT_TRUE(dictionaries.add(Dictionaries::stored_key(number),
                               Dictionaries::stored_value(prefix, dictionary_bytes())));
}

KeyState session_with(std::string_view value) {
  KeyState state;
  state.session.set_string(value);
  state.session.set_created(1'764'000'000'000);
  state.session.set_expiry(1'764'000'086'400);
  state.session.set_revision(300);
  return state;
}

TEST(Dictionary, makes_json_of_160_bytes_three_times_smaller) {
  std::mt19937_64 random{2};
  const auto dictionary = Dictionary::load(1, dictionary_bytes());
  ASSERT_TRUE(dictionary);
  std::size_t plain = 0;
  std::size_t packed = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string value = express_json(random);
    std::string out;
    ASSERT_TRUE(dictionary->compress(value, out));
    std::string back = "before";
    ASSERT_TRUE(dictionary->expand(out, value.size(), back));
    EXPECT_EQ(back, "before" + value);
    plain += value.size();
    packed += out.size();
  }
  EXPECT_LT(packed * 3, plain);
}

TEST(Dictionary, leaves_what_is_small_large_or_random_alone) {
  std::mt19937_64 random{3};
  const auto dictionary = Dictionary::load(1, dictionary_bytes());
  std::string out;
  EXPECT_FALSE(dictionary->compress(std::string(Dictionary::min_value_bytes - 1, 'x'), out));
  EXPECT_FALSE(dictionary->compress(std::string(Dictionary::max_value_bytes + 1, 'x'), out));
  EXPECT_FALSE(dictionary->compress(random_bytes(random, 500), out));
  EXPECT_TRUE(out.empty());
}

TEST(Dictionary, expands_to_exactly_the_size_or_not_at_all) {
  std::mt19937_64 random{4};
  const auto dictionary = Dictionary::load(1, dictionary_bytes());
  const std::string value = express_json(random);
  std::string packed;
  ASSERT_TRUE(dictionary->compress(value, packed));
  for (const std::size_t size :
       {std::size_t{0}, value.size() - 1, value.size() + 1, Dictionary::max_value_bytes + 1}) {
    std::string out;
    EXPECT_FALSE(dictionary->expand(packed, size, out)) << size;
    EXPECT_TRUE(out.empty());
  }
}

TEST(Dictionary, is_not_made_of_what_does_not_repeat) {
  std::mt19937_64 random{5};
  Samples samples;
  for (int i = 0; i < 1'000; ++i) samples.add(random_bytes(random, 200));
  EXPECT_FALSE(train(samples, nullptr));
  EXPECT_FALSE(Dictionary::load(1, "no dictionary"));
}

TEST(Dictionary, replaces_another_only_if_it_does_better) {
  std::mt19937_64 random{6};
  const auto before = Dictionary::load(1, dictionary_bytes());
  EXPECT_FALSE(train(some_samples(random), before.get()));
}

TEST(PackedRecord, comes_back_as_it_was_with_user_and_expiry) {
  std::mt19937_64 random{7};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  for (const bool has_user : {false, true}) {
    KeyState state = session_with(express_json(random));
    if (has_user) {
      state.more().user = "alice";
      state.extra->user_was_bound = true;
    }
    const std::string record = pack_record(state, "sess:1", dictionaries);
    EXPECT_EQ(record[0], 3);
    EXPECT_LT(record.size() * 2, encode_key(state).size());
    const auto back = unpack_record(record, dictionaries);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(encode_key(*back), encode_key(state));
    const auto facts = facts_of_record(record);
    ASSERT_TRUE(facts.has_value());
    EXPECT_EQ(facts->dictionary, 1U);
    EXPECT_TRUE(facts->expires());
    EXPECT_EQ(facts->ends_at_ms, 1'764'000'086'400);
    EXPECT_EQ(facts->revision, 300U);
    EXPECT_EQ(facts->user, has_user ? "alice" : "");
  }
}

TEST(PackedRecord, of_hashes_and_sets_come_back_too) {
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  KeyState state = session_with("");
  state.session.change_hash().set("cookie", R"({"originalMaxAge":1800000,"httpOnly":true})");
  state.session.change_hash().set("passport", R"({"user":1234567},"views":12})");
  const auto back = unpack_record(pack_record(state, "sess:h", dictionaries), dictionaries);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode_key(*back), encode_key(state));
}

TEST(PackedRecord, older_layouts_are_read_and_what_does_not_pack_keeps_them) {
  std::mt19937_64 random{8};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  const KeyState small = session_with("small");
  EXPECT_EQ(pack_record(small, "sess:1", dictionaries), encode_key(small));
  const KeyState other = session_with(express_json(random));
  EXPECT_EQ(pack_record(other, "other:1", dictionaries), encode_key(other));
  const auto back = unpack_record(encode_key(other), dictionaries);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->session.string(), other.session.string());
}

TEST(PackedRecord, of_a_replaced_dictionary_is_still_read) {
  std::mt19937_64 random{9};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  const KeyState state = session_with(express_json(random));
  const std::string record = pack_record(state, "sess:1", dictionaries);
  add_dictionary(dictionaries, 2);
  const std::string newer = pack_record(state, "sess:1", dictionaries);
  EXPECT_EQ(facts_of_record(record)->dictionary, 1U);
  EXPECT_EQ(facts_of_record(newer)->dictionary, 2U);
  EXPECT_EQ(encode_key(*unpack_record(record, dictionaries)), encode_key(state));
}

TEST(PackedRecord, without_its_dictionary_or_damaged_is_an_error) {
  std::mt19937_64 random{10};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  const KeyState state = session_with(express_json(random));
  const std::string record = pack_record(state, "sess:1", dictionaries);
  EXPECT_FALSE(unpack_record(record, Dictionaries{}).has_value());
  for (std::size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(unpack_record(record.substr(0, size), dictionaries).has_value()) << size;
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = record;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    // Whatever it is read as is a session, or an error; the storage's checksum tells damage apart.
    (void)unpack_record(damaged, dictionaries);
    (void)facts_of_record(damaged);
  }
}

TEST(PackedRecord, takes_the_time_of_the_last_access_in_place) {
  std::mt19937_64 random{11};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  for (const char* key : {"sess:1", "other:1"}) {
    std::string record = pack_record(session_with(express_json(random)), key, dictionaries);
    set_last_access(record.data(), 1'764'000'999'999);
    EXPECT_EQ(unpack_record(record, dictionaries)->session.last_access_at_ms(), 1'764'000'999'999);
  }
}

TEST(Dictionaries, ask_for_training_once_when_enough_samples_have_come) {
  std::mt19937_64 random{12};
  Dictionaries dictionaries;
  std::string out;
  int asked = 0;
  for (int i = 0; i < 3'000; ++i) {
    EXPECT_EQ(dictionaries.compress("sess:1", express_json(random), out), nullptr);
    asked += dictionaries.has_new_training();
  }
  EXPECT_EQ(asked, 1);
  auto training = dictionaries.next_training(1'000);
  ASSERT_TRUE(training);
  EXPECT_EQ(training->prefix, "sess:");
  EXPECT_FALSE(dictionaries.next_training(1'000));
  const auto bytes = train(training->samples, nullptr);
  ASSERT_TRUE(bytes);
  const std::uint32_t number = dictionaries.free_number();
  ASSERT_TRUE(dictionaries.add(Dictionaries::stored_key(number),
                               Dictionaries::stored_value("sess:", *bytes)));
  EXPECT_NE(dictionaries.compress("sess:2", express_json(random), out), nullptr);
}

TEST(Dictionaries, give_values_up_that_are_not_worth_it) {
  std::mt19937_64 random{13};
  Dictionaries dictionaries;
  add_dictionary(dictionaries);
  std::string out;
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(dictionaries.compress("sess:1", random_bytes(random, 200), out), nullptr);
  }
  EXPECT_EQ(dictionaries.compress("sess:1", express_json(random), out), nullptr);
  const Dictionary* used = nullptr;
  for (int i = 0; i < 1'001 && !used; ++i) {
    used = dictionaries.compress("sess:1", express_json(random), out);
  }
  EXPECT_NE(used, nullptr);
}

TEST(Dictionaries, share_the_last_place_among_prefixes_without_end) {
  std::mt19937_64 random{14};
  Dictionaries dictionaries;
  std::string out;
  for (int i = 0; i < 10'000; ++i) {
    dictionaries.compress("user" + std::to_string(i) + ":x", express_json(random), out);
  }
  const auto training = dictionaries.next_training(1);
  ASSERT_TRUE(training);
  EXPECT_EQ(training->prefix, "*");
}

TEST(Dictionaries, refuse_a_damaged_one_and_a_second_under_the_same_number) {
  Dictionaries dictionaries;
  EXPECT_FALSE(dictionaries.add("sess:1", "x"));
  EXPECT_FALSE(dictionaries.add(Dictionaries::stored_key(1), ""));
  EXPECT_FALSE(dictionaries.add(Dictionaries::stored_key(1), "\1\xff"));
  EXPECT_FALSE(dictionaries.add(Dictionaries::stored_key(256),
                                Dictionaries::stored_value("a:", dictionary_bytes())));
  add_dictionary(dictionaries);
  add_dictionary(dictionaries);  // the same again, as a snapshot may have it twice
  std::mt19937_64 random{15};
  const auto other = train(some_samples(random), nullptr);
  ASSERT_TRUE(other);
  EXPECT_FALSE(
      dictionaries.add(Dictionaries::stored_key(1), Dictionaries::stored_value("sess:", *other)));
}

}  // namespace
}  // namespace greenroom
