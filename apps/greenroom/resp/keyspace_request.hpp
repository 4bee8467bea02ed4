// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace greenroom {

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]. The views are into the request.
struct ScanRequest {
  std::uint64_t cursor = 0;
  std::string_view pattern = "*";
  std::int64_t count = 10;  // How many keys to look at; at least 1. The caller caps it.
  std::string_view type;    // Empty: any.
};

// The error is the whole text for the client.
std::expected<ScanRequest, std::string_view> parse_scan(std::span<const std::string_view> words);

// FLUSHALL and FLUSHDB [ASYNC|SYNC].
enum class FlushMode : std::uint8_t { sync, async };
std::expected<FlushMode, std::string_view> parse_flush(std::span<const std::string_view> words);

}  // namespace greenroom
