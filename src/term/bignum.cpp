// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/bignum.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::detail {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t chunk = 10'000'000'000'000'000'000u;  // the largest power of ten in a limb
constexpr std::size_t chunk_digits = 19;

unsigned digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
  return static_cast<unsigned>(c - 'A') + 10;
}

}  // namespace

void append_decimal(std::string& out, std::span<const std::uint64_t> limbs) {
  std::vector<std::uint64_t> rest{limbs.begin(), limbs.end()};
  std::vector<std::uint64_t> chunks;
  while (!rest.empty()) {
    std::uint64_t remainder = 0;
    for (std::size_t i = rest.size(); i-- > 0;) {
      Wide value = Wide{remainder} << 64 | rest[i];
      rest[i] = static_cast<std::uint64_t>(value / chunk);
      remainder = static_cast<std::uint64_t>(value % chunk);
    }
    chunks.push_back(remainder);
    while (!rest.empty() && rest.back() == 0) rest.pop_back();
  }
  if (chunks.empty()) chunks.push_back(0);
  for (std::size_t i = chunks.size(); i-- > 0;) {
    char digits[20];
    char* end = std::to_chars(digits, digits + sizeof digits, chunks[i]).ptr;
    auto length = static_cast<std::size_t>(end - digits);
    if (i + 1 != chunks.size()) out.append(chunk_digits - length, '0');
    out.append(digits, length);
  }
}

Magnitude parse_magnitude(std::string_view digits, unsigned base, std::size_t max_limbs) {
  Magnitude result;
  std::size_t at = 0;
  while (at < digits.size()) {
    std::uint64_t scale = 1;
    std::uint64_t value = 0;
    while (at < digits.size() && scale <= ~std::uint64_t{0} / base) {
      value = value * base + digit_value(digits[at++]);
      scale *= base;
    }
    std::uint64_t carry = value;
    for (std::uint64_t& limb : result.limbs) {
      Wide product = Wide{limb} * scale + carry;
      limb = static_cast<std::uint64_t>(product);
      carry = static_cast<std::uint64_t>(product >> 64);
    }
    if (carry != 0) result.limbs.push_back(carry);
    if (result.limbs.size() > max_limbs) return {{}, false};
  }
  return result;
}

}  // namespace troupe::detail
