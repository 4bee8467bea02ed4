// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include <troupe/etf.hpp>

namespace troupe::detail {

// A list as it will be: a LIST_EXT whose tail is a list again goes on in it, so that the length is
// known only at its end.
struct MeasuredList {
  std::uint64_t elements = 0;
  bool improper = false;
};

// What the first look at encoded bytes finds out: that they are one term within all limits, how
// many bytes it takes, and how much memory its boxes need. The second look need not check again.
struct Measured {
  std::size_t used = 0;
  std::size_t box_bytes = 0;        // of all boxes in the block (see box_bytes)
  std::vector<MeasuredList> lists;  // in the order their LIST_EXT begin
};

std::expected<Measured, DecodeError> measure_term(std::string_view bytes,
                                                  const DecodeOptions& options);

}  // namespace troupe::detail
