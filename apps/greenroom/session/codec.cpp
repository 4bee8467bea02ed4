// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/codec.hpp"

#include <cstddef>

#include "session/packed_pairs.hpp"

namespace greenroom {
namespace {

constexpr std::size_t header_bytes = 40;
constexpr unsigned char layout_version = 1;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t take(std::string_view bytes, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < length; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

void put_value(std::string& out, const Session& session) {
  if (session.type() == ValueType::string) out.append(session.string());
  const bool is_set = session.type() == ValueType::set;
  if (!is_set && session.type() != ValueType::hash) return;
  const HashValue& pairs = is_set ? session.set() : session.hash();
  pairs.for_each([&](std::string_view field, std::string_view value) {
    out.append(PackedLength{field.size()}.view()).append(field);
    out.append(PackedLength{value.size()}.view()).append(value);
  });
}

// Each field is set one by one: this checks the pairs, finds fields that come twice, and lets the
// hash choose its form.
bool decode_pairs(std::string_view bytes, HashValue& hash) {
  PackedPairs pairs{bytes};
  while (pairs.next())
    if (!hash.set(pairs.pair().field, pairs.pair().value)) return false;
  return pairs.is_at_end() && !hash.is_empty();
}

// The members of a set are fields without values.
bool decode_members(std::string_view bytes, HashValue& members) {
  bool has_values = false;
  if (!decode_pairs(bytes, members)) return false;
  members.for_each([&](std::string_view, std::string_view value) { has_values |= !value.empty(); });
  return !has_values;
}

}  // namespace

std::string encode_session(const Session& session) {
  std::string out;
  std::size_t value_bytes = session.memory_bytes();
  out.reserve(header_bytes + value_bytes);
  out.push_back(static_cast<char>(layout_version));
  out.push_back(static_cast<char>(session.type()));
  put(out, 0, 2);
  put(out, 0, 4);
  put(out, static_cast<std::uint64_t>(session.expires_at_ms()), 8);
  put(out, static_cast<std::uint64_t>(session.created_at_ms()), 8);
  put(out, static_cast<std::uint64_t>(session.last_access_at_ms()), 8);
  put(out, session.revision(), 8);
  put_value(out, session);
  std::string length;
  put(length, out.size() - header_bytes, 4);
  out.replace(4, 4, length);
  return out;
}

std::string_view to_string(DecodeError error) {
  switch (error) {
    case DecodeError::too_short:
      return "the record is cut off";
    case DecodeError::unknown_version:
      return "the record has a layout this version does not know";
    case DecodeError::unknown_type:
      return "the record's value has a type this version does not know";
    case DecodeError::damaged:
      return "the record is damaged";
  }
  return "the record is damaged";
}

std::expected<Session, DecodeError> decode_session(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected(DecodeError::too_short);
  if (static_cast<unsigned char>(bytes[0]) != layout_version)
    return std::unexpected(DecodeError::unknown_version);
  if (bytes.size() < header_bytes) return std::unexpected(DecodeError::too_short);
  std::uint64_t length = take(bytes, 4, 4);
  if (length > bytes.size() - header_bytes) return std::unexpected(DecodeError::too_short);
  auto expires_at_ms = static_cast<std::int64_t>(take(bytes, 8, 8));
  if (length < bytes.size() - header_bytes || take(bytes, 2, 2) != 0 || expires_at_ms < 0)
    return std::unexpected(DecodeError::damaged);

  Session session;
  std::string_view value = bytes.substr(header_bytes);
  switch (static_cast<ValueType>(bytes[1])) {
    case ValueType::string:
      session.set_string(value);
      break;
    case ValueType::hash:
      if (!decode_pairs(value, session.change_hash())) return std::unexpected(DecodeError::damaged);
      break;
    case ValueType::set:
      if (!decode_members(value, session.change_set()))
        return std::unexpected(DecodeError::damaged);
      break;
    default:
      return std::unexpected(DecodeError::unknown_type);
  }
  session.fit();
  session.set_created(static_cast<std::int64_t>(take(bytes, 16, 8)));
  session.note_access(static_cast<std::int64_t>(take(bytes, 24, 8)));
  session.set_expiry(expires_at_ms);
  session.set_revision(take(bytes, 32, 8));
  return session;
}

namespace {

constexpr unsigned char extended_version = 2;
constexpr std::size_t bound_flag = 0x8000;

}  // namespace

std::string encode_key(const KeyState& key) {
  std::string bytes = encode_session(key.session);
  const std::string_view user = key.user();
  if (!key.extra || (user.empty() && key.dead_until_ms() == 0)) return bytes;
  bytes[0] = static_cast<char>(extended_version);
  const std::size_t length = user.size() | (key.extra->user_was_bound ? bound_flag : 0);
  bytes[2] = static_cast<char>(length);
  bytes[3] = static_cast<char>(length >> 8);
  if (!key.session.exists()) {
    std::string until;
    put(until, static_cast<std::uint64_t>(key.dead_until_ms()), 8);
    bytes.replace(8, 8, until);
  }
  bytes.append(user);
  return bytes;
}

std::expected<KeyState, DecodeError> decode_key(std::string_view bytes) {
  const bool is_extended =
      bytes.size() >= header_bytes && static_cast<unsigned char>(bytes[0]) == extended_version;
  if (!is_extended) {
    auto session = decode_session(bytes);
    if (!session) return std::unexpected(session.error());
    return KeyState{std::move(*session), nullptr};
  }
  const std::size_t length = take(bytes, 2, 2);
  const std::size_t user_bytes = length & ~bound_flag;
  if (user_bytes > bytes.size() - header_bytes) return std::unexpected(DecodeError::too_short);
  KeyState key;
  if (bytes[1] == 0) {
    const auto until = static_cast<std::int64_t>(take(bytes, 8, 8));
    const bool has_more =
        take(bytes, 4, 4) != 0 || take(bytes, 16, 8) != 0 || take(bytes, 24, 8) != 0;
    if (bytes.size() != header_bytes || length != 0 || until <= 0 || has_more)
      return std::unexpected(DecodeError::damaged);
    key.more().dead_until_ms = until;
    key.session.set_revision(take(bytes, 32, 8));
    return key;
  }
  std::string plain{bytes.substr(0, bytes.size() - user_bytes)};
  plain[0] = static_cast<char>(layout_version);
  plain[2] = plain[3] = 0;
  auto session = decode_session(plain);
  if (!session) return std::unexpected(session.error());
  if (user_bytes == 0) return std::unexpected(DecodeError::damaged);
  key.session = std::move(*session);
  key.more().user = bytes.substr(bytes.size() - user_bytes);
  key.extra->user_was_bound = (length & bound_flag) != 0;
  return key;
}

}  // namespace greenroom
