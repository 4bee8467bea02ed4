// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace greenroom {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);

// Secret random bytes, from OpenSSL's generator. Throws where the system has none to give.
std::string random_bytes(std::size_t count);
std::string random_hexadecimal(std::size_t digits);

std::string hexadecimal(std::string_view bytes);
// The other way; for digits that were checked.
std::string bytes_of_hexadecimal(std::string_view digits);
inline std::string_view view_of(const Digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace greenroom
