// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::detail {

// Replaces an encoded term (after its version byte, if it has one) by its compressed form where
// that is shorter.
void compress_term(std::string& bytes, bool has_version, int level);

struct Inflated {
  std::string bytes;
  std::size_t used = 0;  // of the compressed bytes
};

// Exactly `size` bytes, or nothing: where zlib refuses the data, where they become more or less
// than that, and (before any memory is taken) where so few bytes cannot become so many.
std::optional<Inflated> inflate_term(std::string_view compressed, std::size_t size);

}  // namespace troupe::detail
