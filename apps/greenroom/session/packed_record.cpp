// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/packed_record.hpp"

#include <optional>

namespace greenroom {

namespace {

constexpr char packed_version = 3;
constexpr std::size_t fixed_bytes = 20;
// Of versions 1 and 2, see codec.hpp.
constexpr std::size_t plain_header_bytes = 40;
constexpr std::uint64_t bound_flag = 0x8000;

std::uint64_t read_fixed(std::string_view bytes, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < length; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

void write_fixed(char* to, std::uint64_t value, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

void append_fixed(std::string& out, std::uint64_t value, std::size_t length) {
  const std::size_t at = out.size();
  out.resize(at + length);
  write_fixed(out.data() + at, value, length);
}

void append_number(std::string& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

// Takes a number from the front; nothing if it is cut off, too large or longer than it need be.
std::optional<std::uint64_t> take_number(std::string_view& bytes) {
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

struct Packed {
  char type = 0;
  std::uint64_t expires_at_ms = 0;
  std::uint64_t created_at_ms = 0;
  std::uint64_t last_access_at_ms = 0;
  std::uint64_t revision = 0;
  std::uint32_t dictionary = 0;
  std::size_t plain_bytes = 0;
  bool user_was_bound = false;
  std::string_view user;
  std::string_view value;
};

std::expected<Packed, DecodeError> read_packed(std::string_view record) {
  if (record.size() < fixed_bytes) return std::unexpected(DecodeError::too_short);
  Packed packed;
  packed.type = record[1];
  const auto type = static_cast<ValueType>(record[1]);
  if (type != ValueType::string && type != ValueType::hash && type != ValueType::set)
    return std::unexpected(DecodeError::unknown_type);
  packed.expires_at_ms = read_fixed(record, 2, 6);
  packed.created_at_ms = read_fixed(record, 8, 6);
  packed.last_access_at_ms = read_fixed(record, 14, 6);
  std::string_view rest = record.substr(fixed_bytes);
  const auto revision = take_number(rest);
  const auto dictionary = take_number(rest);
  const auto plain = take_number(rest);
  const auto user = take_number(rest);
  if (!revision || !dictionary || !plain || !user) return std::unexpected(DecodeError::too_short);
  if (*dictionary == 0 || *dictionary > Dictionaries::max_number ||
      *plain > Dictionary::max_value_bytes || *user >= 2 * bound_flag || *user == 1)
    return std::unexpected(DecodeError::damaged);
  packed.revision = *revision;
  packed.dictionary = static_cast<std::uint32_t>(*dictionary);
  packed.plain_bytes = static_cast<std::size_t>(*plain);
  packed.user_was_bound = (*user & 1) != 0;
  const auto user_bytes = static_cast<std::size_t>(*user / 2);
  if (user_bytes > rest.size()) return std::unexpected(DecodeError::too_short);
  packed.user = rest.substr(0, user_bytes);
  packed.value = rest.substr(user_bytes);
  return packed;
}

// The record of version 1 or 2 that was packed.
std::expected<std::string, DecodeError> plain_record(const Packed& packed,
                                                     const Dictionaries& dictionaries) {
  const Dictionary* dictionary = dictionaries.numbered(packed.dictionary);
  if (!dictionary) return std::unexpected(DecodeError::damaged);
  std::string plain;
  plain.reserve(plain_header_bytes + packed.plain_bytes + packed.user.size());
  plain.push_back(packed.user.empty() ? 1 : 2);
  plain.push_back(packed.type);
  append_fixed(plain, packed.user.size() | (packed.user_was_bound ? bound_flag : 0), 2);
  append_fixed(plain, packed.plain_bytes, 4);
  append_fixed(plain, packed.expires_at_ms, 8);
  append_fixed(plain, packed.created_at_ms, 8);
  append_fixed(plain, packed.last_access_at_ms, 8);
  append_fixed(plain, packed.revision, 8);
  if (!dictionary->expand(packed.value, packed.plain_bytes, plain))
    return std::unexpected(DecodeError::damaged);
  plain.append(packed.user);
  return plain;
}

bool fits_six_bytes(std::uint64_t value) { return value >> 48 == 0; }

bool is_packed_record(std::string_view record) {
  return !record.empty() && record[0] == packed_version;
}

}  // namespace

std::string pack_record(const KeyState& state, std::string_view key, Dictionaries& dictionaries) {
  std::string plain = encode_key(state);
  if (!state.session.exists()) return plain;
  const std::string_view bytes = plain;
  const std::uint64_t user = plain[0] == 2 ? read_fixed(bytes, 2, 2) : 0;
  const auto user_bytes = static_cast<std::size_t>(user & ~bound_flag);
  const std::uint64_t times[] = {read_fixed(bytes, 8, 8), read_fixed(bytes, 16, 8),
                                 read_fixed(bytes, 24, 8)};
  for (const std::uint64_t time : times)
    if (!fits_six_bytes(time)) return plain;
  const std::string_view value =
      bytes.substr(plain_header_bytes, bytes.size() - plain_header_bytes - user_bytes);
  thread_local std::string compressed;
  compressed.clear();
  const Dictionary* dictionary = dictionaries.compress(key, value, compressed);
  if (!dictionary) return plain;
  std::string packed;
  packed.reserve(fixed_bytes + 16 + user_bytes + compressed.size());
  packed.push_back(packed_version);
  packed.push_back(plain[1]);
  for (const std::uint64_t time : times) append_fixed(packed, time, 6);
  append_number(packed, read_fixed(bytes, 32, 8));
  append_number(packed, dictionary->number());
  append_number(packed, value.size());
  append_number(packed, 2 * user_bytes | ((user & bound_flag) != 0 ? 1 : 0));
  packed.append(bytes.substr(bytes.size() - user_bytes));
  packed.append(compressed);
  return packed;
}

std::expected<KeyState, DecodeError> unpack_record(std::string_view record,
                                                   const Dictionaries& dictionaries) {
  if (!is_packed_record(record)) return decode_key(record);
  const auto packed = read_packed(record);
  if (!packed) return std::unexpected(packed.error());
  const auto plain = plain_record(*packed, dictionaries);
  if (!plain) return std::unexpected(plain.error());
  return decode_key(*plain);
}

std::expected<RecordFacts, DecodeError> facts_of_record(std::string_view record) {
  RecordFacts facts;
  if (is_packed_record(record)) {
    const auto packed = read_packed(record);
    if (!packed) return std::unexpected(packed.error());
    facts.is_packed = facts.exists = true;
    facts.expires_at_ms = static_cast<std::int64_t>(packed->expires_at_ms);
    facts.created_at_ms = static_cast<std::int64_t>(packed->created_at_ms);
    facts.revision = packed->revision;
    facts.user = packed->user;
    facts.dictionary = packed->dictionary;
    return facts;
  }
  if (record.empty()) return std::unexpected(DecodeError::too_short);
  if (record[0] != 1 && record[0] != 2) return std::unexpected(DecodeError::unknown_version);
  if (record.size() < plain_header_bytes) return std::unexpected(DecodeError::too_short);
  const std::uint64_t user = record[0] == 2 ? read_fixed(record, 2, 2) & ~bound_flag : 0;
  const std::uint64_t value = read_fixed(record, 4, 4);
  if (plain_header_bytes + value + user != record.size())
    return std::unexpected(DecodeError::damaged);
  facts.exists = record[1] != 0;
  const auto ends_ms = static_cast<std::int64_t>(read_fixed(record, 8, 8));
  (facts.exists ? facts.expires_at_ms : facts.dead_until_ms) = ends_ms;
  facts.created_at_ms = static_cast<std::int64_t>(read_fixed(record, 16, 8));
  facts.revision = read_fixed(record, 32, 8);
  facts.user = record.substr(record.size() - static_cast<std::size_t>(user));
  return facts;
}

void set_last_access(char* record, std::int64_t now_ms) {
  const auto time = static_cast<std::uint64_t>(now_ms);
  if (record[0] == packed_version) {
    if (fits_six_bytes(time)) write_fixed(record + 14, time, 6);
  } else {
    write_fixed(record + 24, time, 8);
  }
}

}  // namespace greenroom
