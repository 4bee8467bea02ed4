// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/packed_record.hpp"

#include <algorithm>
#include <optional>

#include "persistence/little_endian.hpp"

namespace greenroom {

namespace {

constexpr char packed_version = 3;
constexpr std::size_t fixed_bytes = 20;
constexpr std::size_t packed_access_offset = 14;
constexpr std::uint64_t longest_user = 0x7FFF;

// A number of as few bytes as it needs.
void append_varying(std::string& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

// Takes one from the front; nothing if it is cut off, too large or longer than it need be.
std::optional<std::uint64_t> take_varying(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const std::uint64_t digit = static_cast<unsigned char>(bytes[i]) & 127;
    if (i == 9 && digit > 1) return std::nullopt;
    value |= digit << (7 * i);
    if ((static_cast<unsigned char>(bytes[i]) & 128) != 0) continue;
    if (i > 0 && digit == 0) return std::nullopt;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

std::int64_t read_time(std::string_view record, std::size_t at) {
  return static_cast<std::int64_t>(read_number(record, at, 6));
}

bool fits_six_bytes(std::int64_t time_ms) { return static_cast<std::uint64_t>(time_ms) >> 48 == 0; }

bool is_packed_record(std::string_view record) {
  return !record.empty() && record[0] == packed_version;
}

std::expected<RecordFacts, DecodeError> facts_of_packed_record(std::string_view record) {
  if (record.size() < fixed_bytes) return std::unexpected(DecodeError::too_short);
  RecordFacts facts;
  facts.type = static_cast<ValueType>(record[1]);
  if (facts.type != ValueType::string && facts.type != ValueType::hash &&
      facts.type != ValueType::set)
    return std::unexpected(DecodeError::unknown_type);
  facts.ends_at_ms = read_time(record, 2);
  facts.created_at_ms = read_time(record, 8);
  facts.last_access_at_ms = read_time(record, packed_access_offset);
  std::string_view rest = record.substr(fixed_bytes);
  const auto revision = take_varying(rest);
  const auto dictionary = take_varying(rest);
  const auto plain = take_varying(rest);
  const auto user = take_varying(rest);
  if (!revision || !dictionary || !plain || !user) return std::unexpected(DecodeError::too_short);
  if (*dictionary == 0 || *dictionary > Dictionaries::max_number ||
      *plain > Dictionary::max_value_bytes || *user / 2 > longest_user || *user == 1)
    return std::unexpected(DecodeError::damaged);
  facts.revision = *revision;
  facts.dictionary = static_cast<std::uint32_t>(*dictionary);
  facts.plain_bytes = static_cast<std::size_t>(*plain);
  facts.user_was_bound = (*user & 1) != 0;
  const auto user_bytes = static_cast<std::size_t>(*user / 2);
  if (user_bytes > rest.size()) return std::unexpected(DecodeError::too_short);
  facts.user = rest.substr(0, user_bytes);
  facts.value = rest.substr(user_bytes);
  return facts;
}

}  // namespace

std::string pack_record(const KeyState& state, std::string_view key, Dictionaries& dictionaries) {
  std::string plain = encode_key(state);
  const auto facts = facts_of_plain_record(plain);
  if (!facts || !facts->exists()) return plain;
  const std::int64_t times[] = {facts->ends_at_ms, facts->created_at_ms, facts->last_access_at_ms};
  if (!std::ranges::all_of(times, fits_six_bytes)) return plain;
  thread_local std::string compressed;
  compressed.clear();
  const Dictionary* dictionary = dictionaries.compress(key, facts->value, compressed);
  if (!dictionary) return plain;
  std::string packed;
  packed.reserve(fixed_bytes + 16 + facts->user.size() + compressed.size());
  packed.push_back(packed_version);
  packed.push_back(static_cast<char>(facts->type));
  for (const std::int64_t time : times) append_number(packed, static_cast<std::uint64_t>(time), 6);
  append_varying(packed, facts->revision);
  append_varying(packed, dictionary->number());
  append_varying(packed, facts->plain_bytes);
  append_varying(packed, 2 * facts->user.size() | (facts->user_was_bound ? 1 : 0));
  packed.append(facts->user);
  packed.append(compressed);
  return packed;
}

std::expected<KeyState, DecodeError> unpack_record(std::string_view record,
                                                   const Dictionaries& dictionaries) {
  const auto facts = facts_of_record(record);
  if (!facts) return std::unexpected(facts.error());
  if (facts->dictionary == 0) return key_of(*facts, facts->value);
  const Dictionary* dictionary = dictionaries.numbered(facts->dictionary);
  std::string value;
  if (!dictionary || !dictionary->expand(facts->value, facts->plain_bytes, value))
    return std::unexpected(DecodeError::damaged);
  return key_of(*facts, value);
}

std::expected<RecordFacts, DecodeError> facts_of_record(std::string_view record) {
  return is_packed_record(record) ? facts_of_packed_record(record) : facts_of_plain_record(record);
}

void set_last_access(char* record, std::int64_t now_ms) {
  const auto time = static_cast<std::uint64_t>(now_ms);
  if (record[0] != packed_version) {
    write_number(record + last_access_offset, time, 8);
  } else if (fits_six_bytes(now_ms)) {
    write_number(record + packed_access_offset, time, 6);
  }
}

}  // namespace greenroom
