// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include <troupe/term.hpp>

// The external term format: what term_to_binary writes and binary_to_term reads, so that terms pass
// between Troupe and Erlang or Elixir through files, sockets and the distribution protocol.
namespace troupe {

struct EncodeOptions {
  // zlib level, 1 to 9; 0 leaves the term as it is. As in OTP, what does not get smaller is not
  // compressed. The distribution protocol does not allow compressed terms.
  int compressed = 0;
  // 2 (OTP 26's default): atoms in UTF-8. 1 (OTP 25's): atoms in Latin-1 where that is possible.
  // 0: besides, floats as text, for Erlang before R11.
  int minor_version = 2;
  // OTP promises the same bytes for equal terms only where this is asked for. Troupe orders every
  // map by its keys and always keeps the promise; the field is here for those who look for it.
  bool deterministic = true;
  // The byte 131 at the start; left out inside of distribution messages.
  bool version = true;
};

// The bytes of any term. Cannot fail but by std::bad_alloc: a Term holds nothing that OTP rejects.
std::string term_to_binary(const Term& term, const EncodeOptions& options = {});
// The same, at the end of `out`. Options other than minor_version and version are ignored.
void append_term(std::string& out, const Term& term, const EncodeOptions& options = {});

// What a decoder spends on one term at most. The defaults suit messages and stored values; none of
// them is needed for safety of the stack, for nothing here or in Term recurses.
struct DecodeLimits {
  std::size_t bytes = 64 << 20;    // of input, and again of what compressed input becomes
  std::size_t depth = 10'000;      // open lists, tuples, maps and funs at one time
  std::size_t items = 10'000'000;  // terms in all; each takes 8 bytes or more of memory
  std::size_t new_atoms = 10'000;  // atoms made: they stay for the program's life
};

struct DecodeOptions {
  DecodeLimits limits = {};
  // OTP's safe mode, for bytes of strangers: atoms that do not exist yet are refused, and so are
  // all funs.
  bool safe = false;
  bool allow_compressed = true;
  // The byte 131 at the start is expected.
  bool version = true;
  // What ATOM_CACHE_REF refers to; only in distribution messages.
  std::span<const Atom> atom_cache = {};
};

struct DecodeError {
  enum class Code : std::uint8_t {
    truncated,        // the bytes end within the term
    trailing_bytes,   // the term ends before the bytes (not from decode_prefix)
    bad_version,      // the first byte is not 131
    bad_tag,          // a byte that begins no term, or none that may stand here
    bad_value,        // a float, bit count, sign or part of a pid, reference or fun that cannot be
    bad_atom,         // not UTF-8, too long, or not in the cache
    unsafe,           // safe mode refuses the atom or fun
    duplicate_key,    // a map names a key twice
    bad_compression,  // zlib refuses the bytes, or they become more or less than they said
    too_large,        // limits.bytes or limits.items, or an integer beyond Term::max_big_limbs
    too_deep,         // limits.depth
    too_many_atoms,   // limits.new_atoms, or the atom table is full
  };
  Code code;
  std::size_t offset;  // of the byte that was wrong (in the uncompressed bytes, if compressed)
};

// A sentence for people.
std::string_view to_string(DecodeError::Code code) noexcept;

// The term that all of the bytes make up. The bytes may be anything: what is wrong with them is an
// error, never more. Time and memory are proportional to the bytes (times their logarithm where
// maps come unsorted). The term shares one block of memory with all of its parts (see
// Term::compacted).
std::expected<Term, DecodeError> binary_to_term(std::string_view bytes,
                                                const DecodeOptions& options = {});
std::expected<Term, DecodeError> binary_to_term(std::span<const std::byte> bytes,
                                                const DecodeOptions& options = {});

// The term the bytes start with, and how many of them it took.
struct DecodedPrefix {
  Term term;
  std::size_t used = 0;
};
std::expected<DecodedPrefix, DecodeError> decode_prefix(std::string_view bytes,
                                                        const DecodeOptions& options = {});

}  // namespace troupe
