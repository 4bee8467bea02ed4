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

}  // namespace greenroom
