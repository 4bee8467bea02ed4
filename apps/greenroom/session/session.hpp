// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "session/bytes.hpp"
#include "session/hash_value.hpp"

namespace greenroom {

// The numbers are stored; a new type gets the next one.
enum class ValueType : std::uint8_t { none = 0, string = 1, hash = 2, set = 3 };

// The word that TYPE answers.
std::string_view type_name(ValueType type);

// The members of a set, kept as the fields of a hash without values: small ones lie packed in one
// allocation, large ones sorted, in blocks.
struct SetValue {
  HashValue members;
};

// The state of one key: its value, or none; when it expires; and what it has lived through. It is
// the state of the key's process, changed by nobody else. It does not know its key, nor what time
// it is. Beside the value's one allocation it takes at most 72 bytes.
//
// A key without a value is what a process starts with, and what DEL, expiry and the last HDEL
// leave: such a session equals a new one, save for its revision.
//
// Not copied by accident: clone() says that a copy is meant.
class Session {
 public:
  Session() noexcept = default;
  Session(Session&&) noexcept = default;
  Session& operator=(Session&&) noexcept = default;

  ValueType type() const { return static_cast<ValueType>(value_.index()); }
  bool exists() const { return type() != ValueType::none; }

  // Unix milliseconds from which on the key is gone; 0: it stays.
  std::int64_t expires_at_ms() const { return expires_at_ms_; }
  bool is_due(std::int64_t now_ms) const { return expires_at_ms_ != 0 && now_ms >= expires_at_ms_; }

  // Grows with each change, over the deletions too, so that it tells two states apart. Clients know
  // it as the version.
  std::uint64_t revision() const { return revision_; }
  std::uint32_t reads() const { return reads_; }
  std::int64_t created_at_ms() const { return created_at_ms_; }
  std::int64_t last_access_at_ms() const { return last_access_at_ms_; }

  // The value; each requires that the type is the one named.
  std::string_view string() const { return std::get<Bytes>(value_).view(); }
  const HashValue& hash() const { return std::get<HashValue>(value_); }
  const HashValue& set() const { return std::get<SetValue>(value_).members; }

  // Makes the value this string, whatever it was. The expiry stays.
  void set_string(std::string_view bytes);

  // For changes in place: the value, made empty if it was of another type. Counts as a change.
  Bytes& change_string();
  HashValue& change_hash();
  HashValue& change_set();

  // Deletes the value and its expiry.
  void clear();

  void set_expiry(std::int64_t at_ms) { expires_at_ms_ = at_ms; }
  void set_created(std::int64_t at_ms) { created_at_ms_ = last_access_at_ms_ = at_ms; }
  void note_access(std::int64_t now_ms) { last_access_at_ms_ = now_ms; }
  // The connection that read the value last, or that took the lock; the low half of its number.
  std::uint32_t last_client() const { return last_client_; }
  void set_last_client(std::uint64_t client) { last_client_ = static_cast<std::uint32_t>(client); }
  void note_read() { reads_ += reads_ != UINT32_MAX; }
  void set_reads(std::uint32_t reads) { reads_ = reads; }
  void set_revision(std::uint64_t revision) { revision_ = revision; }
  // After a change of what had the revision `before`. `least` is the moment, in microseconds since
  // 1970: a process that does not know of the key's last life, or of changes that a crash has lost,
  // would otherwise count through the same numbers again, and who had seen them could overwrite by
  // SESS.SET IF what it never saw. Below 2^53 until 2255, so that JSON can tell them apart.
  void advance_revision(std::uint64_t before, std::uint64_t least) {
    revision_ = std::max({revision_, before + 1, least});
  }

  // Gives back what was allocated ahead of growth, before a long rest.
  void fit();

  // An estimate of the memory it takes, itself included.
  std::size_t memory_bytes() const;

  Session clone() const;

 private:
  // In the order of ValueType.
  std::variant<std::monostate, Bytes, HashValue, SetValue> value_;
  std::int64_t expires_at_ms_ = 0;
  std::int64_t created_at_ms_ = 0;
  std::int64_t last_access_at_ms_ = 0;
  std::uint64_t revision_ = 0;
  std::uint32_t reads_ = 0;
  std::uint32_t last_client_ = 0;
};

static_assert(sizeof(Session) <= 72);

}  // namespace greenroom
