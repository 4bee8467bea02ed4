// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace troupe::detail::etf {

// Big-endian values at a place that is known to have them.
template <class T>
T load(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

// How many limbs the bytes of a bignum (least significant first) have without leading zeros.
inline std::size_t limb_count(const std::uint8_t* bytes, std::size_t size) noexcept {
  while (size > 0 && bytes[size - 1] == 0) --size;
  return (size + 7) / 8;
}

}  // namespace troupe::detail::etf
