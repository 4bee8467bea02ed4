// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace troupe {

// Why a text cannot become an atom.
enum class AtomError : std::uint8_t {
  too_long,        // more than Atom::max_characters characters
  invalid_utf8,    // atoms are text: bytes that are not UTF-8 belong in a binary
  table_full,      // Atom::max_atoms exist; atoms are never collected, as on the BEAM
  does_not_exist,  // Atom::existing was asked for a text that is no atom yet
};

// A sentence for people.
std::string_view to_string(AtomError error) noexcept;

// A name that compares as fast as an integer: an index into one table of the whole program. The
// texts stay for the program's life, so atoms made without bound from outside data fill the table;
// whatever reads strangers' bytes should use `existing` (OTP's safe mode).
//
// Equal means the same atom; < is Erlang's order, by text. Reading takes no lock.
class Atom {
 public:
  static constexpr std::size_t max_atoms = 1'048'576;  // the BEAM's default limit
  static constexpr std::size_t max_characters = 255;   // characters of UTF-8, not bytes

  // The atom `nil`: what a default Term is, and Elixir's word for nothing.
  constexpr Atom() noexcept = default;

  // Throws std::length_error (too_long, table_full) or std::invalid_argument (invalid_utf8).
  explicit Atom(std::string_view text);

  static std::expected<Atom, AtomError> try_make(std::string_view text);
  // The same, but adds nothing to the table.
  static std::expected<Atom, AtomError> existing(std::string_view text) noexcept;

  std::string_view text() const noexcept;
  constexpr std::uint32_t index() const noexcept { return index_; }

  // For the tagged words of Term and for dense tables keyed by atom. The index must be one that
  // index() returned.
  static constexpr Atom from_index(std::uint32_t index) noexcept { return Atom{index, 0}; }

  // How many atoms exist.
  static std::size_t count() noexcept;

  friend constexpr bool operator==(Atom, Atom) noexcept = default;
  friend std::strong_ordering operator<=>(Atom left, Atom right) noexcept;

 private:
  constexpr Atom(std::uint32_t index, int) noexcept : index_{index} {}

  std::uint32_t index_ = 0;
};

// Constants to compare with and to build terms from; where C++ owns the word, it ends in `_`. The
// table of atoms starts with them: src/term/predefined_atoms.hpp has the texts and compares. (That
// the compiler should find the numbers by the texts, here, cost each user 0.02 s.)
namespace atoms {

inline constexpr Atom nil = Atom::from_index(0);
inline constexpr Atom false_ = Atom::from_index(1);
inline constexpr Atom true_ = Atom::from_index(2);
inline constexpr Atom undefined = Atom::from_index(3);
inline constexpr Atom ok = Atom::from_index(4);
inline constexpr Atom error = Atom::from_index(5);
inline constexpr Atom normal = Atom::from_index(6);
inline constexpr Atom shutdown = Atom::from_index(7);
inline constexpr Atom kill = Atom::from_index(8);
inline constexpr Atom killed = Atom::from_index(9);
inline constexpr Atom noproc = Atom::from_index(10);
inline constexpr Atom noconnection = Atom::from_index(11);
inline constexpr Atom timeout = Atom::from_index(12);
inline constexpr Atom infinity = Atom::from_index(13);
inline constexpr Atom EXIT = Atom::from_index(14);
inline constexpr Atom DOWN = Atom::from_index(15);
inline constexpr Atom process = Atom::from_index(16);
inline constexpr Atom port = Atom::from_index(17);
inline constexpr Atom badarg = Atom::from_index(20);
inline constexpr Atom badarith = Atom::from_index(21);
inline constexpr Atom badmatch = Atom::from_index(22);
inline constexpr Atom badkey = Atom::from_index(25);
inline constexpr Atom case_clause = Atom::from_index(28);
inline constexpr Atom function_clause = Atom::from_index(30);
inline constexpr Atom undef = Atom::from_index(32);
inline constexpr Atom nocatch = Atom::from_index(33);
inline constexpr Atom system_limit = Atom::from_index(35);
inline constexpr Atom exit = Atom::from_index(36);
inline constexpr Atom throw_ = Atom::from_index(37);
inline constexpr Atom stop = Atom::from_index(38);
inline constexpr Atom ignore = Atom::from_index(39);
inline constexpr Atom reply = Atom::from_index(40);
inline constexpr Atom noreply = Atom::from_index(41);
inline constexpr Atom continue_ = Atom::from_index(42);
inline constexpr Atom hibernate = Atom::from_index(43);
inline constexpr Atom call = Atom::from_index(46);
inline constexpr Atom cast = Atom::from_index(47);
inline constexpr Atom info = Atom::from_index(48);
inline constexpr Atom gen_call = Atom::from_index(44);
inline constexpr Atom gen_cast = Atom::from_index(45);
inline constexpr Atom nonode_nohost = Atom::from_index(50);
inline constexpr Atom already_started = Atom::from_index(51);
inline constexpr Atom already_present = Atom::from_index(52);
inline constexpr Atom not_found = Atom::from_index(53);
inline constexpr Atom bad_return_value = Atom::from_index(54);
inline constexpr Atom none = Atom::from_index(86);
inline constexpr Atom low = Atom::from_index(56);
inline constexpr Atom high = Atom::from_index(57);
inline constexpr Atom max = Atom::from_index(58);
inline constexpr Atom local = Atom::from_index(65);
inline constexpr Atom global = Atom::from_index(66);
inline constexpr Atom flush = Atom::from_index(64);
inline constexpr Atom struct_ = Atom::from_index(77);
inline constexpr Atom exception_ = Atom::from_index(78);

}  // namespace atoms

}  // namespace troupe
