// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace greenroom {

// The numbers in stored records and snapshots: little-endian, of up to eight bytes.

inline std::uint64_t read_number(std::string_view bytes, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < length; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

inline void write_number(char* to, std::uint64_t value, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

inline void append_number(std::string& out, std::uint64_t value, std::size_t length) {
  const std::size_t at = out.size();
  out.resize(at + length);
  write_number(out.data() + at, value, length);
}

}  // namespace greenroom
