// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace greenroom {

// Pairs of byte strings laid flat: for each pair
//
//   length of the field   1-5 bytes, 7 bits each, low bits first, high bit: more follow
//   the field
//   length of the value   the same
//   the value
//
// with nothing around them. This is how a small hash lies in memory and how every hash is stored.
struct PackedPair {
  std::string_view field;
  std::string_view value;
  std::size_t begin = 0;        // Where the pair begins,
  std::size_t value_begin = 0;  // its value's length begins,
  std::size_t end = 0;          // and the pair behind it begins.
};

// Walks over packed pairs, which may be anything: it stops at the end, or where the bytes make no
// pair.
//
//   PackedPairs pairs{bytes};
//   while (pairs.next()) use(pairs.pair());
//   if (!pairs.is_at_end()) ...  // the bytes are damaged
class PackedPairs {
 public:
  explicit PackedPairs(std::string_view bytes) : bytes_{bytes} {}

  bool next();
  const PackedPair& pair() const { return pair_; }
  bool is_at_end() const { return pair_.end == bytes_.size(); }

 private:
  std::string_view bytes_;
  PackedPair pair_;
};

// A length as it stands in front of a field or a value.
class PackedLength {
 public:
  explicit PackedLength(std::size_t length);
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 5> bytes_;
  std::size_t size_ = 0;
};

}  // namespace greenroom
