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

namespace detail {

// Atoms with an index known at compile time; the table starts with exactly these.
inline constexpr std::string_view predefined_atoms[] = {
    "nil",
    "false",
    "true",
    "undefined",
    "ok",
    "error",
    "normal",
    "shutdown",
    "kill",
    "killed",
    "noproc",
    "noconnection",
    "timeout",
    "infinity",
    "EXIT",
    "DOWN",
    "process",
    "port",
    "time_offset",
    "CHANGE",
    "badarg",
    "badarith",
    "badmatch",
    "badfun",
    "badarity",
    "badkey",
    "badmap",
    "badrecord",
    "case_clause",
    "if_clause",
    "function_clause",
    "try_clause",
    "undef",
    "nocatch",
    "noname",
    "system_limit",
    "exit",
    "throw",
    "stop",
    "ignore",
    "reply",
    "noreply",
    "continue",
    "hibernate",
    "$gen_call",
    "$gen_cast",
    "call",
    "cast",
    "info",
    "system",
    "nonode@nohost",
    "already_started",
    "already_present",
    "not_found",
    "bad_return_value",
    "reached_max_restart_intensity",
    "low",
    "high",
    "max",
    "link",
    "unlink",
    "monitor",
    "alias",
    "spawn",
    "flush",
    "local",
    "global",
    "via",
    "permanent",
    "transient",
    "temporary",
    "worker",
    "supervisor",
    "one_for_one",
    "one_for_all",
    "rest_for_one",
    "simple_one_for_one",
    "__struct__",
    "__exception__",
    "message",
    "start",
    "init",
    "terminate",
    "closed",
    "eof",
    "enoent",
    "none",
    "yes",
    "no",
    "brutal_kill",
    "state_timeout",
    "exception",
    "",
};

consteval Atom predefined(std::string_view text) {
  std::uint32_t index = 0;
  for (std::string_view known : predefined_atoms) {
    if (known == text) return Atom::from_index(index);
    ++index;
  }
  throw "this atom is not in predefined_atoms";
}

}  // namespace detail

// Constants to compare with and to build terms from; where C++ owns the word, it ends in `_`.
namespace atoms {

inline constexpr Atom nil = detail::predefined("nil");
inline constexpr Atom false_ = detail::predefined("false");
inline constexpr Atom true_ = detail::predefined("true");
inline constexpr Atom undefined = detail::predefined("undefined");
inline constexpr Atom ok = detail::predefined("ok");
inline constexpr Atom error = detail::predefined("error");
inline constexpr Atom normal = detail::predefined("normal");
inline constexpr Atom shutdown = detail::predefined("shutdown");
inline constexpr Atom kill = detail::predefined("kill");
inline constexpr Atom killed = detail::predefined("killed");
inline constexpr Atom noproc = detail::predefined("noproc");
inline constexpr Atom noconnection = detail::predefined("noconnection");
inline constexpr Atom timeout = detail::predefined("timeout");
inline constexpr Atom infinity = detail::predefined("infinity");
inline constexpr Atom EXIT = detail::predefined("EXIT");
inline constexpr Atom DOWN = detail::predefined("DOWN");
inline constexpr Atom process = detail::predefined("process");
inline constexpr Atom port = detail::predefined("port");
inline constexpr Atom badarg = detail::predefined("badarg");
inline constexpr Atom badarith = detail::predefined("badarith");
inline constexpr Atom badmatch = detail::predefined("badmatch");
inline constexpr Atom badkey = detail::predefined("badkey");
inline constexpr Atom case_clause = detail::predefined("case_clause");
inline constexpr Atom function_clause = detail::predefined("function_clause");
inline constexpr Atom undef = detail::predefined("undef");
inline constexpr Atom nocatch = detail::predefined("nocatch");
inline constexpr Atom system_limit = detail::predefined("system_limit");
inline constexpr Atom exit = detail::predefined("exit");
inline constexpr Atom throw_ = detail::predefined("throw");
inline constexpr Atom stop = detail::predefined("stop");
inline constexpr Atom ignore = detail::predefined("ignore");
inline constexpr Atom reply = detail::predefined("reply");
inline constexpr Atom noreply = detail::predefined("noreply");
inline constexpr Atom continue_ = detail::predefined("continue");
inline constexpr Atom hibernate = detail::predefined("hibernate");
inline constexpr Atom call = detail::predefined("call");
inline constexpr Atom cast = detail::predefined("cast");
inline constexpr Atom info = detail::predefined("info");
inline constexpr Atom gen_call = detail::predefined("$gen_call");
inline constexpr Atom gen_cast = detail::predefined("$gen_cast");
inline constexpr Atom nonode_nohost = detail::predefined("nonode@nohost");
inline constexpr Atom already_started = detail::predefined("already_started");
inline constexpr Atom already_present = detail::predefined("already_present");
inline constexpr Atom not_found = detail::predefined("not_found");
inline constexpr Atom bad_return_value = detail::predefined("bad_return_value");
inline constexpr Atom none = detail::predefined("none");
inline constexpr Atom low = detail::predefined("low");
inline constexpr Atom high = detail::predefined("high");
inline constexpr Atom max = detail::predefined("max");
inline constexpr Atom local = detail::predefined("local");
inline constexpr Atom global = detail::predefined("global");
inline constexpr Atom flush = detail::predefined("flush");
inline constexpr Atom struct_ = detail::predefined("__struct__");
inline constexpr Atom exception_ = detail::predefined("__exception__");

}  // namespace atoms

}  // namespace troupe
