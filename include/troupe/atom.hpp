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
  too_long,       // more than Atom::max_characters characters
  invalid_utf8,   // atoms are text: bytes that are not UTF-8 belong in a binary
  table_full,     // Atom::max_atoms exist; atoms are never collected, as on the BEAM
  does_not_exist  // Atom::existing was asked for a text that is no atom yet
};

std::string_view to_string(AtomError error) noexcept;

// A name that compares as fast as an integer: an index into one table of the whole program. The
// texts stay for the program's life, so atoms made without bound from outside data fill the table;
// decoders that read strangers' bytes use `existing` (OTP's safe mode).
//
// Equal means the same atom; < is Erlang's order, by text. Reading needs no lock.
class Atom {
 public:
  static constexpr std::size_t max_atoms = 1'048'576;   // the BEAM's default limit
  static constexpr std::size_t max_characters = 255;    // the external format's limit, in characters

  // The atom `nil`: what a default Term is, and what Elixir means by nothing.
  constexpr Atom() noexcept = default;

  // Throws std::length_error or std::invalid_argument (see AtomError) where no atom can be made.
  explicit Atom(std::string_view text);

  static std::expected<Atom, AtomError> try_make(std::string_view text) noexcept;
  // Never adds to the table.
  static std::expected<Atom, AtomError> existing(std::string_view text) noexcept;

  std::string_view text() const noexcept;
  constexpr std::uint32_t index() const noexcept { return index_; }

  // From index(), for the tagged words of Term and for dense tables keyed by atom.
  static constexpr Atom from_index(std::uint32_t index) noexcept { return Atom{index, 0}; }

  // How many atoms exist.
  static std::size_t count() noexcept;

  friend constexpr bool operator==(Atom, Atom) noexcept = default;
  friend std::strong_ordering operator<=>(Atom left, Atom right) noexcept;

 private:
  constexpr Atom(std::uint32_t index, int) noexcept : index_{index} {}

  std::uint32_t index_ = 0;
};

// Atoms that exist from the start, as constants: comparing with them costs one instruction.
namespace atoms {

// The order here is the order of `predefined_texts`: constant and text stand at the same place.
enum class Predefined : std::uint32_t {
  nil, false_, true_, undefined, ok, error, normal, shutdown, kill, killed, noproc, noconnection,
  timeout, infinity, EXIT, DOWN, process, port, time_offset, noname, badarg, badarith, badmatch,
  badkey, badmap, badrecord, case_clause, if_clause, function_clause, try_clause, undef, nocatch,
  system_limit, exit, throw_, stop, ignore, reply, noreply, continue_, hibernate, call, cast, gen_call,
  gen_cast, system, nonode, connection_closed, already_started, already_present, not_found,
  normal_priority_low, high, max, link, unlink, monitor, alias, reply_demonitor, explicit_unalias, spawn,
  struct_, exception_, key, value, name, id, empty, bad_return_value, shutdown_error,
  reached_max_restart_intensity, start, get, set, put, delete_, info, flush, trap_exit, local, global,
  via, permanent, transient, temporary, worker, supervisor, one_for_one, one_for_all, rest_for_one,
  simple_one_for_one, enoent, eacces, eof, closed, econnrefused, busy, suspended, waiting, running,
  exiting, state_timeout, start_link, init, terminate, handle_call, handle_cast, handle_info, none,
  count
};

#define TROUPE_NOT_A_MACRO
#undef TROUPE_NOT_A_MACRO

}  // namespace atoms

}  // namespace troupe
