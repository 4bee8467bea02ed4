// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "session/bytes.hpp"
#include "session/packed_pairs.hpp"
#include "session/sorted_pairs.hpp"

namespace greenroom {

// Fields and their values. While small, packed flat in one allocation and searched in order, as
// sessions of a few fields are; beyond the limits below, sorted, which no choice of field names can
// make slow. It does not go back.
//
// Packed fields keep the order in which they came, sorted ones are in byte order. Views into it
// last until the next change.
class HashValue {
 public:
  static constexpr std::size_t max_packed_fields = 512;      // Redis: hash-max-listpack-entries.
  static constexpr std::size_t max_packed_bytes = 64 << 10;  // What a change may have to move.

  std::size_t size() const;  // Counts, unless unpacked.
  bool is_empty() const { return sorted_ == nullptr ? packed_.size() == 0 : sorted_->size() == 0; }
  bool is_packed() const { return sorted_ == nullptr; }

  std::optional<std::string_view> find(std::string_view field) const;

  // True if the field is new. Neither argument may point into this hash.
  bool set(std::string_view field, std::string_view value);

  // True if the field was there.
  bool erase(std::string_view field);

  // Calls visit(field, value) for every field.
  template <class Visit>
  void for_each(Visit visit) const {
    if (sorted_ != nullptr) return sorted_->for_each(visit);
    PackedPairs pairs{packed_.view()};
    while (pairs.next()) visit(pairs.pair().field, pairs.pair().value);
  }

  // Gives back what was allocated ahead.
  void fit() { packed_.fit(); }

  HashValue clone() const;

  // An estimate of the memory behind it.
  std::size_t memory_bytes() const;

 private:
  std::optional<PackedPair> find_packed(std::string_view field) const;
  void set_packed(const std::optional<PackedPair>& found, std::string_view field,
                  std::string_view value);
  bool has_room_for_a_field() const;
  void unpack();

  Bytes packed_;
  std::unique_ptr<SortedPairs> sorted_;
};

}  // namespace greenroom
