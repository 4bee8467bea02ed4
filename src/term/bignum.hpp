// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::detail {

// The magnitude in base 10. Quadratic in the limbs, of which a term has at most 2,048: the longest
// integer (39,457 digits) takes a few milliseconds.
void append_decimal(std::string& out, std::span<const std::uint64_t> limbs);

// The magnitude that digits (of a base from 2 to 36, nothing but digits) stand for; quadratic too.
// Empty where it would have more than max_limbs limbs, so only 0 has an empty result besides: the
// second value tells.
struct Magnitude {
  std::vector<std::uint64_t> limbs;  // without leading zeros
  bool fits = true;
};
Magnitude parse_magnitude(std::string_view digits, unsigned base, std::size_t max_limbs);

}  // namespace troupe::detail
