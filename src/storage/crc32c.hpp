// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// CRC-32C (Castagnoli), by the processor's instruction or by tables, eight bytes a step. Own code
// rather than zlib's crc32: the engines then need no second library, and Castagnoli detects more of
// the short errors disks make.

#include <cstdint>
#include <string_view>

namespace troupe::storage {

// Chains: crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// The same on a processor without an instruction for it.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before = 0);

}  // namespace troupe::storage
