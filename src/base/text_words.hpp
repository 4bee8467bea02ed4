// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.hpp"

namespace troupe::detail {

// The first eight bytes of a text and its last eight, which may overlap. Of one that is shorter
// than eight: its first four and last four, or its first byte and its middle and last. With its
// size they are all of a text of up to 16 bytes, and comparing them takes two instructions.
struct TextWords {
  static constexpr std::size_t whole_size = 16;

  constexpr TextWords() = default;
  explicit TextWords(std::string_view text) noexcept {
    const std::size_t size = text.size();
    if (size >= 8) {
      first = load_u64(text.data(), 8);
      last = load_u64(text.data() + size - 8, 8);
    } else if (size >= 4) {
      first = load_u64(text.data(), 4);
      last = load_u64(text.data() + size - 4, 4);
    } else if (size > 0) {
      const auto byte = [&](std::size_t at) { return load_u64(text.data() + at, 1); };
      first = byte(0);
      last = byte(size / 2) << 8 | byte(size - 1);
    }
  }
  friend constexpr bool operator==(const TextWords&, const TextWords&) noexcept = default;

  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

}  // namespace troupe::detail
