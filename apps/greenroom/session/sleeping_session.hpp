// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <troupe/dormant.hpp>

#include "session/session_house.hpp"

namespace greenroom {

// A session whose process sleeps, in one piece of memory: the record as it is stored (see
// packed_record.hpp), and in front of it
//
//   offset  bytes
//        0  8  the kind, through which the house is found
//        8  8  the key's bytes, those of the key table's entry or its own
//       16  4  size of the record; highest bit: the key is its own; the next: it waits for its
//              value to be compressed (packing_queue.hpp)
//       20  4  the connection that read the value last
//       24  6  the moment for which it is entered in the expiry clock, Unix ms, 0: none
//       30  2  length of the key less one
//       32  1  reads, 255 at most
//       33     the record
//
// A million of them are what a store holds, so each byte counts. With the slot in the process
// table, the entries of the key table and of the expiry clock, that is all that an idle session
// takes.
//
// A key that has no value yet begins as a sleeper too: with its own key and no record.
class SleepingSession : public troupe::Dormant {
 public:
  struct Traits {
    std::uint32_t last_client = 0;
    std::uint32_t reads = 0;
    std::int64_t armed_ms = 0;
  };

  // `key` must stay as long as the sleeper, see KeyTable::kept_key; it may be set later.
  static troupe::DormantPtr of_record(const HouseRef& house, std::string_view key,
                                      std::string_view record, const Traits& traits);
  static troupe::DormantPtr of_new_key(const HouseRef& house, std::string_view key);
  static void free(SleepingSession* session) noexcept;

  SessionHouse& house() const;
  bool has_key() const { return key_ != nullptr; }
  std::string_view key() const { return {key_, std::size_t{key_less_one_} + 1}; }
  void set_key(std::string_view key) {
    key_ = key.data();
    key_less_one_ = static_cast<std::uint16_t>(key.size() - 1);
  }
  bool is_new() const { return (size_ & own_key_bit) != 0; }
  std::string_view record() const { return {bytes(), size_ & ~(own_key_bit | waits_bit)}; }
  bool waits_for_packing() const { return (size_ & waits_bit) != 0; }
  void wait_for_packing() { size_ |= waits_bit; }
  char* record_bytes() { return reinterpret_cast<char*>(this) + header_bytes; }
  Traits traits() const {
    return Traits{last_client_, reads_, std::int64_t{armed_high_} << 32 | armed_low_};
  }
  void set_traits(const Traits& traits);

 private:
  static constexpr std::uint32_t own_key_bit = 0x8000'0000;
  static constexpr std::uint32_t waits_bit = 0x4000'0000;
  static constexpr std::size_t header_bytes = 33;

  SleepingSession() = default;
  // By malloc, which gives the room of what was packed to others. Tried instead: the pool of
  // frames, without malloc's 8 bytes a block, whose size classes keep it (382 bytes a session grew
  // to 399).
  static SleepingSession* allocate(const HouseRef& house, std::size_t record_bytes);
  const char* bytes() const { return reinterpret_cast<const char*>(this) + header_bytes; }

  const char* key_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t last_client_ = 0;
  std::uint32_t armed_low_ = 0;
  std::uint16_t armed_high_ = 0;
  std::uint16_t key_less_one_ = 0;
  std::uint8_t reads_ = 0;
};

// What a house's sleepers wake with: made once for each house.
struct SessionKind : troupe::DormantKind {
  explicit SessionKind(SessionHouse& of);
  SessionHouse& house;
};

}  // namespace greenroom
