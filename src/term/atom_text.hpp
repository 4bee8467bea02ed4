// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <troupe/atom.hpp>

namespace troupe::detail {

// What the table knows of an atom.
struct AtomEntry {
  const char* text = nullptr;
  std::uint64_t prefix = 0;       // the first 8 bytes, so that most comparisons end there
  std::uint32_t table_hash = 0;   // the table's own
  std::uint32_t erlang_hash = 0;  // what phash2 is defined by
  std::uint16_t size = 0;         // in bytes: 255 characters are at most 1,020

  constexpr std::string_view view() const noexcept { return {text, size}; }
};

// Entries stand in chunks that never move; the first is there before any code runs.
inline constexpr std::size_t atom_chunk_size = 1'024;
inline constexpr std::size_t atom_chunk_count = Atom::max_atoms / atom_chunk_size;
extern std::atomic<AtomEntry*> atom_chunks[atom_chunk_count];

inline const AtomEntry& atom_entry(Atom atom) noexcept {
  std::uint32_t index = atom.index();
  return atom_chunks[index / atom_chunk_size].load(
      std::memory_order_acquire)[index % atom_chunk_size];
}

// Erlang's order, by text.
inline std::strong_ordering atom_order(Atom left, Atom right) noexcept {
  if (left == right) return std::strong_ordering::equal;
  const AtomEntry& a = atom_entry(left);
  const AtomEntry& b = atom_entry(right);
  if (a.prefix != b.prefix) return a.prefix <=> b.prefix;
  return a.view().compare(b.view()) <=> 0;
}

}  // namespace troupe::detail
