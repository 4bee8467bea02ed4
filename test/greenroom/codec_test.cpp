// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Sessions to bytes and back, and bytes that are no session.
#include "session/codec.hpp"

#include <gtest/gtest.h>
#include <random>

#include "greenroom/local_server.hpp"

namespace greenroom::test {
namespace {

Session string_session(std::string_view value) {
  Session session;
  session.set_string(value);
  session.set_created(1000);
  session.note_access(2000);
  session.set_expiry(3000);
  return session;
}

std::string encode_session(const Session& session) {
  return encode_key(KeyState{session.clone(), nullptr});
}

std::expected<Session, DecodeError> decode_session(std::string_view record) {
  auto key = decode_key(record);
  if (!key) return std::unexpected(key.error());
  return std::move(key->session);
}

void expect_same(const Session& a, const Session& b) {
  EXPECT_EQ(encode_session(a), encode_session(b));
  EXPECT_EQ(a.type(), b.type());
  EXPECT_EQ(a.expires_at_ms(), b.expires_at_ms());
  EXPECT_EQ(a.created_at_ms(), b.created_at_ms());
  EXPECT_EQ(a.last_access_at_ms(), b.last_access_at_ms());
  EXPECT_EQ(a.revision(), b.revision());
}

TEST(Codec, strings_come_back_as_they_were) {
  for (const std::string& value :
       {std::string{}, std::string("\0\xff", 2), std::string(100'000, 'x')}) {
    Session session = string_session(value);
    auto decoded = decode_session(encode_session(session));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->string(), value);
    expect_same(*decoded, session);
    EXPECT_EQ(decoded->memory_bytes(), sizeof(Session) + value.size());
  }
}

TEST(Codec, hashes_of_both_forms_come_back_as_they_were) {
  for (int fields : {1, 10, 512, 2000}) {
    Session session;
    for (int i = 0; i < fields; ++i)
      session.change_hash().set("field" + std::to_string(i), std::string(i % 300, 'v'));
    auto decoded = decode_session(encode_session(session));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->hash().size(), static_cast<std::size_t>(fields));
    EXPECT_EQ(decoded->hash().is_packed(), session.hash().is_packed());
    expect_same(*decoded, session);
  }
}

TEST(Codec, the_layout_is_what_the_header_says) {
  std::string bytes = encode_session(string_session("hello"));
  std::string expected("\x01\x01\x00\x00\x05\x00\x00\x00", 8);
  expected.append("\xb8\x0b\0\0\0\0\0\0", 8);  // 3000
  expected.append("\xe8\x03\0\0\0\0\0\0", 8);  // 1000
  expected.append("\xd0\x07\0\0\0\0\0\0", 8);  // 2000
  expected.append("\x01\0\0\0\0\0\0\0", 8);    // Revision 1.
  expected.append("hello");
  EXPECT_EQ(bytes, expected);
}

DecodeError error_of(const std::string& bytes) {
  auto decoded = decode_session(bytes);
  EXPECT_FALSE(decoded.has_value());
  return decoded.has_value() ? DecodeError{} : decoded.error();
}

TEST(Codec, every_prefix_of_a_record_is_refused) {
  Session session;
  session.change_hash().set("field", "value");
  std::string bytes = encode_session(session);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_EQ(error_of(bytes.substr(0, length)), DecodeError::too_short) << length;
  EXPECT_EQ(error_of(bytes + "x"), DecodeError::damaged);
}

TEST(Codec, records_of_the_future_are_told_from_damaged_ones) {
  std::string bytes = encode_session(string_session("v"));
  auto with = [&](std::size_t at, char byte) {
    std::string changed = bytes;
    changed[at] = byte;
    return changed;
  };
  EXPECT_EQ(error_of(with(0, 4)), DecodeError::unknown_version);
  EXPECT_EQ(error_of(with(0, 2)), DecodeError::damaged) << "neither a user nor a tombstone";
  EXPECT_EQ(error_of(with(1, 0)), DecodeError::unknown_type);
  EXPECT_EQ(error_of(with(1, 3)), DecodeError::damaged) << "a string is no set";
  EXPECT_EQ(error_of(with(1, 4)), DecodeError::unknown_type);
  EXPECT_EQ(error_of(with(2, 1)), DecodeError::damaged);
  EXPECT_EQ(error_of(with(15, '\x80')), DecodeError::damaged) << "a negative expiry";
  for (auto error : {DecodeError::too_short, DecodeError::unknown_version,
                     DecodeError::unknown_type, DecodeError::damaged})
    EXPECT_FALSE(to_string(error).empty());
}

// A record of a hash with these bytes for its pairs.
std::string hash_record(std::string_view pairs) {
  std::string bytes = encode_session(string_session(pairs));
  bytes[1] = 2;
  return bytes;
}

TEST(Codec, pairs_that_make_no_hash_are_refused) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(decode_session(hash_record("\1a\1b"sv)).has_value());
  for (std::string_view pairs : {
           ""sv,                          // No pair.
           "\1a"sv,                       // A field without a value.
           "\1a\2b"sv,                    // A value cut off.
           "\1a\1b\1a\1c"sv,              // A field twice.
           "\x81\0a\1b"sv,                // A length not in its shortest form.
           "\xff\xff\xff\xff\x0f"sv,      // A length of 4 GiB.
           "\xff\xff\xff\xff\xff\xff"sv,  // A length without an end.
           "\1a\1b\x80"sv,                // Something behind the last pair.
       })
    EXPECT_EQ(error_of(hash_record(pairs)), DecodeError::damaged);
}

TEST(Codec, random_damage_is_refused_or_read_as_some_session) {
  std::mt19937 random{7};
  Session session;
  for (int i = 0; i < 20; ++i) session.change_hash().set("f" + std::to_string(i), "value");
  std::string bytes = encode_session(session);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    for (int flips = static_cast<int>(random() % 3) + 1; flips > 0; --flips) {
      char& byte = damaged[random() % damaged.size()];
      byte = static_cast<char>(byte ^ (1 << random() % 8));
    }
    if (auto decoded = decode_session(damaged)) {
      ASSERT_TRUE(decoded->exists());
      ASSERT_EQ(encode_session(*decoded), damaged);
    }
  }
}

TEST(Codec, what_is_stored_after_each_change_is_what_is_in_memory) {
  LocalServer server;
  LocalConnection connection{server};
  std::mt19937 random{11};
  static constexpr std::string_view requests[] = {
      "SET k v",  "SET k v EX 100", "APPEND k x",   "DEL k",     "HSET h a 1 b 2",
      "HDEL h a", "HDEL h a b",     "EXPIRE h 100", "PERSIST h", "INCR n",
      "GETDEL k", "GETEX n EX 5",   "SET n x"};
  for (int i = 0; i < 2000; ++i) {
    connection.send(std::string(requests[random() % std::size(requests)]) + "\r\n");
    server.now_ms += static_cast<std::int64_t>(random() % 3000);
  }
  for (const auto& [key, state] : server.sessions) {
    ASSERT_TRUE(server.stored.contains(key)) << key.second;
    auto decoded = decode_session(server.stored[key]);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->expires_at_ms(), state.session.expires_at_ms());
    EXPECT_EQ(decoded->revision(), state.session.revision());
  }
  EXPECT_EQ(server.stored.size(), server.sessions.size());
}

}  // namespace
}  // namespace greenroom::test
