// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <string_view>

#include <troupe/etf.hpp>

namespace troupe::detail {

// The term the bytes start with: no version byte, not compressed.
std::expected<DecodedPrefix, DecodeError> decode_plain(std::string_view bytes,
                                                       const DecodeOptions& options);

}  // namespace troupe::detail
