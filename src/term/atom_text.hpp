// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string_view>

#include <troupe/atom.hpp>

namespace troupe::detail {

// What the table knows of an atom.
struct AtomEntry {
  const char* text = nullptr;
  std::uint64_t prefix = 0;       // the first 8 bytes, so that most comparisons end there
  std::uint32_t spread = 0;       // the table's own hash
  std::uint32_t erlang_hash = 0;  // the hash phash2 is defined by
  std::uint16_t size = 0;         // in bytes: 255 characters are at most 1,020

  std::string_view view() const noexcept { return {text, size}; }
};

const AtomEntry& atom_entry(Atom atom) noexcept;

}  // namespace troupe::detail
