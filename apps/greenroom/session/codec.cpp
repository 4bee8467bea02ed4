// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/codec.hpp"

#include "persistence/little_endian.hpp"
#include "session/packed_pairs.hpp"

namespace greenroom {
namespace {

constexpr std::size_t header_bytes = 40;
constexpr char layout_version = 1;
constexpr char extended_version = 2;
constexpr std::uint64_t bound_flag = 0x8000;

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

std::string encode_key(const KeyState& key) {
  const Session& session = key.session;
  const std::string_view user = session.exists() ? key.user() : std::string_view{};
  const bool is_bound = !user.empty() && key.extra->user_was_bound;
  const std::int64_t ends_at_ms = session.exists() ? session.expires_at_ms() : key.dead_until_ms();
  std::string out;
  out.reserve(header_bytes + session.memory_bytes() + user.size());
  out.push_back(user.empty() && session.exists() ? layout_version : extended_version);
  out.push_back(static_cast<char>(session.type()));
  append_number(out, user.size() | (is_bound ? bound_flag : 0), 2);
  append_number(out, 0, 4);  // until the value is there
  append_number(out, static_cast<std::uint64_t>(ends_at_ms), 8);
  append_number(out, static_cast<std::uint64_t>(session.created_at_ms()), 8);
  append_number(out, static_cast<std::uint64_t>(session.last_access_at_ms()), 8);
  append_number(out, session.revision(), 8);
  put_value(out, session);
  write_number(out.data() + 4, out.size() - header_bytes, 4);
  out.append(user);
  return out;
}

std::expected<RecordFacts, DecodeError> facts_of_plain_record(std::string_view record) {
  if (record.empty()) return std::unexpected(DecodeError::too_short);
  const bool is_extended = record[0] == extended_version;
  if (!is_extended && record[0] != layout_version)
    return std::unexpected(DecodeError::unknown_version);
  if (record.size() < header_bytes) return std::unexpected(DecodeError::too_short);
  const std::uint64_t user = read_number(record, 2, 2);
  const auto user_bytes = static_cast<std::size_t>(user & ~bound_flag);
  const auto value_bytes = static_cast<std::size_t>(read_number(record, 4, 4));
  const std::size_t has_bytes = record.size() - header_bytes;
  if (!is_extended && user != 0) return std::unexpected(DecodeError::damaged);
  if (value_bytes + user_bytes > has_bytes) return std::unexpected(DecodeError::too_short);
  if (value_bytes + user_bytes < has_bytes) return std::unexpected(DecodeError::damaged);

  RecordFacts facts;
  facts.type = static_cast<ValueType>(record[1]);
  facts.user_was_bound = (user & bound_flag) != 0;
  facts.ends_at_ms = static_cast<std::int64_t>(read_number(record, 8, 8));
  facts.created_at_ms = static_cast<std::int64_t>(read_number(record, 16, 8));
  facts.last_access_at_ms = static_cast<std::int64_t>(read_number(record, last_access_offset, 8));
  facts.revision = read_number(record, 32, 8);
  facts.value = record.substr(header_bytes, value_bytes);
  facts.user = record.substr(header_bytes + value_bytes);
  facts.plain_bytes = value_bytes;
  if (facts.ends_at_ms < 0) return std::unexpected(DecodeError::damaged);
  switch (facts.type) {
    case ValueType::none: {
      if (!is_extended) return std::unexpected(DecodeError::unknown_type);
      const bool has_more =
          has_bytes != 0 || user != 0 || facts.created_at_ms != 0 || facts.last_access_at_ms != 0;
      if (has_more || facts.ends_at_ms == 0) return std::unexpected(DecodeError::damaged);
      return facts;
    }
    case ValueType::string:
    case ValueType::hash:
    case ValueType::set:
      if (is_extended && user_bytes == 0) return std::unexpected(DecodeError::damaged);
      return facts;
  }
  return std::unexpected(DecodeError::unknown_type);
}

std::expected<KeyState, DecodeError> key_of(const RecordFacts& facts, std::string_view value) {
  KeyState key;
  Session& session = key.session;
  bool is_sound = true;
  if (facts.type == ValueType::string) session.set_string(value);
  if (facts.type == ValueType::hash) is_sound = decode_pairs(value, session.change_hash());
  if (facts.type == ValueType::set) is_sound = decode_members(value, session.change_set());
  if (!is_sound) return std::unexpected(DecodeError::damaged);
  session.fit();
  session.set_created(facts.created_at_ms);
  session.note_access(facts.last_access_at_ms);
  session.set_revision(facts.revision);
  if (facts.exists()) {
    session.set_expiry(facts.ends_at_ms);
  } else {
    key.more().dead_until_ms = facts.ends_at_ms;
  }
  if (!facts.user.empty()) {
    key.more().user = facts.user;
    key.extra->user_was_bound = facts.user_was_bound;
  }
  return key;
}

std::expected<KeyState, DecodeError> decode_key(std::string_view record) {
  const auto facts = facts_of_plain_record(record);
  if (!facts) return std::unexpected(facts.error());
  return key_of(*facts, facts->value);
}

}  // namespace greenroom
