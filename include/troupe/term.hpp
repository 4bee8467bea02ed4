// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <troupe/atom.hpp>
#include <troupe/pid.hpp>

namespace troupe {

class Term;
struct MapEntry;

// What a term is, in Erlang's order of kinds: any number is smaller than any atom, and so on.
// (The empty list is a list here, though Erlang orders it between maps and the other lists.)
enum class TermKind : std::uint8_t {
  integer,
  floating,
  atom,
  reference,
  fun,
  port,
  pid,
  tuple,
  map,
  list,
  binary,  // a bitstring too
};

namespace detail {

// What stands before every boxed value. Boxes are counted one by one, or, where a decoder made many
// at once, through the block they lie in: `owner` is the distance back to the counted header in
// units of 16 bytes, 0 for a box that counts for itself.
struct TermBox {
  std::uint32_t references;  // atomic: see add_reference
  std::uint32_t owner;
  std::uint32_t size;  // elements, pairs, bytes or limbs, by kind
  std::uint8_t kind;   // a TermKind, or block_kind
  std::uint8_t form;   // which of the forms of its kind (see src/term/box.hpp)
  std::uint8_t bits;   // bitstrings: bits used of the last byte, 0 for whole bytes
  std::uint8_t spare;

  TermBox* counted() noexcept { return this - owner; }
};
static_assert(sizeof(TermBox) == 16);

// What std::atomic would do, by the builtins of GCC and clang that it is made of: a copy of a term
// is too hot for a call, and <atomic> is 0.03 s of the 0.4 s that a program takes to compile which
// includes <troupe/troupe.hpp>.
//
// Relaxed, and without a partner: who copies a term has one, so its box cannot be freed meanwhile.
inline void add_reference(TermBox& box) noexcept {
  __atomic_fetch_add(&box.references, 1, __ATOMIC_RELAXED);
}
// True: that was the last one. The release of all others pairs with the acquire of the last, so
// that whatever they read of the box comes before its end.
inline bool drop_reference(TermBox& box) noexcept {
  // A count of one means that nobody else can reach the box, so no exchange is needed.
  return __atomic_load_n(&box.references, __ATOMIC_ACQUIRE) == 1 ||
         __atomic_fetch_sub(&box.references, 1, __ATOMIC_ACQ_REL) == 1;
}

// Frees a counted box whose last reference went, and all that only it held.
void free_term_box(TermBox* box) noexcept;

// What src/term builds terms with.
struct TermAccess;

template <class T>
concept TermInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                      !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                      !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

}  // namespace detail

// A port of some node: opaque to Troupe, kept so that terms from Erlang pass through unharmed.
struct PortName {
  Atom node;
  std::uint32_t creation = 0;
  std::uint64_t id = 0;
};

// A process of a node that has no number here (see set_node_name); only the external format and
// the distribution make these. A pid of a known node is a troupe::Pid.
struct ForeignPid {
  Atom node;
  std::uint32_t creation = 0;
  std::uint32_t id = 0;
  std::uint32_t serial = 0;
};

// A reference of such a node: one to five words, the least significant first.
struct ForeignRef {
  Atom node;
  std::uint32_t creation = 0;
  std::uint32_t word_count = 0;
  std::uint32_t words[5] = {};
};

// An integer that does not fit in 64 bits with sign. Limbs are 64 bits, least significant first.
struct BigInteger {
  bool negative = false;
  std::span<const std::uint64_t> limbs;
};

struct Bits {
  const std::uint8_t* data = nullptr;
  std::size_t bit_count = 0;  // the bits count from the most significant of the first byte
};

enum class TermError : std::uint8_t {
  not_finite,  // NaN and infinities are not Erlang floats
  too_large,   // more elements, bytes or digits than the limits below allow
};

// Any Erlang value: immutable, one word, cheap to copy (a reference count at most), safe to share
// between threads. Small integers, atoms and the empty list live in the word itself.
//
// The default Term is the atom `nil`, and so is one that was moved from. Term::nil() is what Erlang
// calls nil: the empty list.
//
// == is Erlang's =:= (1 and 1.0 differ, 0.0 and -0.0 do not, as up to OTP 26); <=> is the order of
// Erlang's <, in which 1 and 1.0 are equivalent. Every operation works on terms of any depth
// without recursion.
class Term {
 public:
  static constexpr std::size_t max_size = 0x7fff'ffff;  // elements, pairs, bytes
  static constexpr std::size_t max_big_limbs = 2'048;   // 131,072 bits

  constexpr Term() noexcept : word_{atom_word(atoms::nil)} {}
  constexpr Term(Atom atom) noexcept : word_{atom_word(atom)} {}
  template <std::same_as<bool> B>
  constexpr Term(B value) noexcept : word_{atom_word(value ? atoms::true_ : atoms::false_)} {}
  template <detail::TermInteger I>
  constexpr Term(I value) : word_{integer_word(value)} {}
  // Throws std::domain_error for NaN and infinities; from_double tells instead.
  template <std::floating_point F>
  Term(F value) : word_{box_double(static_cast<double>(value))} {}
  Term(Pid pid);
  Term(Ref reference);
  Term(const PortName& port);
  Term(const ForeignPid& pid);
  Term(const ForeignRef& reference);

  constexpr Term(const Term& other) noexcept : word_{other.word_} { retain(); }
  constexpr Term(Term&& other) noexcept : word_{other.word_} {
    other.word_ = atom_word(atoms::nil);
  }
  constexpr Term& operator=(const Term& other) noexcept {
    Term copy{other};
    swap(copy);
    return *this;
  }
  constexpr Term& operator=(Term&& other) noexcept {
    Term taken{static_cast<Term&&>(other)};
    swap(taken);
    return *this;
  }
  constexpr ~Term() { release(); }
  constexpr void swap(Term& other) noexcept {
    std::uintptr_t word = word_;
    word_ = other.word_;
    other.word_ = word;
  }

  // The empty list.
  static constexpr Term nil() noexcept { return Term{nil_word, 0}; }
  static Term binary(std::string_view bytes);
  static Term binary(std::span<const std::byte> bytes);
  // The first bit_count bits of data.
  static Term bitstring(const std::uint8_t* data, std::size_t bit_count);
  // A list of the bytes, which is what Erlang's "text" means.
  static Term char_list(std::string_view bytes);
  // An integer of any size; throws std::length_error above max_big_limbs.
  static Term big(bool negative, std::span<const std::uint64_t> limbs);
  // elements followed by tail; a tail that is no list makes an improper list (which needs at least
  // one element, else the result is the tail itself).
  static Term list_with_tail(std::span<const Term> elements, Term tail);
  // fun Module:Function/Arity.
  static Term external_fun(Atom module, Atom function, std::uint8_t arity);
  static std::expected<Term, TermError> from_double(double value);

  TermKind kind() const noexcept {
    switch (word_ & tag_mask) {
      case integer_tag:
        return TermKind::integer;
      case atom_tag:
        return TermKind::atom;
      case nil_tag:
        return TermKind::list;
      default:
        return static_cast<TermKind>(box()->kind);
    }
  }

  constexpr bool is_atom() const noexcept { return (word_ & tag_mask) == atom_tag; }
  constexpr bool is_atom(Atom atom) const noexcept { return word_ == atom_word(atom); }
  bool is_atom(std::string_view text) const noexcept;
  constexpr bool is_nil() const noexcept { return word_ == nil_word; }  // the empty list
  bool is_integer() const noexcept { return kind() == TermKind::integer; }
  bool is_float() const noexcept { return kind() == TermKind::floating; }
  bool is_number() const noexcept { return kind() <= TermKind::floating; }
  bool is_tuple() const noexcept { return kind() == TermKind::tuple; }
  bool is_tuple(std::size_t arity) const noexcept { return is_tuple() && size() == arity; }
  // A tuple whose first element is that atom, as records and tagged results are.
  bool is_tagged(Atom tag) const noexcept;
  bool is_list() const noexcept { return kind() == TermKind::list; }  // an improper one too
  bool is_proper_list() const noexcept;
  bool is_map() const noexcept { return kind() == TermKind::map; }
  bool is_binary() const noexcept;  // whole bytes; see is_bitstring
  bool is_bitstring() const noexcept { return kind() == TermKind::binary; }
  bool is_pid() const noexcept { return kind() == TermKind::pid; }
  bool is_reference() const noexcept { return kind() == TermKind::reference; }
  bool is_port() const noexcept { return kind() == TermKind::port; }
  bool is_fun() const noexcept { return kind() == TermKind::fun; }

  // Each gives nothing where the term is of another kind or does not fit.
  constexpr std::optional<Atom> as_atom() const noexcept {
    return is_atom() ? std::optional{Atom::from_index(static_cast<std::uint32_t>(word_ >> 2))}
                     : std::nullopt;
  }
  std::optional<bool> as_bool() const noexcept;
  std::optional<std::int64_t> as_int() const noexcept;
  std::optional<std::uint64_t> as_uint() const noexcept;
  std::optional<BigInteger> as_big() const noexcept;  // only what as_int does not fit
  std::optional<double> as_double() const noexcept;   // floats only
  std::optional<double> as_number() const noexcept;   // floats, and integers as the nearest double
  std::optional<std::string_view> as_binary() const noexcept;  // whole bytes only
  std::optional<Bits> as_bits() const noexcept;                // any bitstring
  std::optional<Pid> as_pid() const noexcept;  // of this program and of nodes with a number
  std::optional<Ref> as_ref() const noexcept;
  std::optional<ForeignPid> as_foreign_pid() const noexcept;  // any pid, spelt out
  std::optional<ForeignRef> as_foreign_ref() const noexcept;  // any reference, spelt out
  std::optional<PortName> as_port() const noexcept;
  // A list of bytes (0 to 255) or a binary, as text; iolists are not flattened.
  std::optional<std::string> as_text() const;

  // Elements of a tuple, binary's bytes, a map's pairs, a list's elements before the tail; else 0.
  std::size_t size() const noexcept;
  // Of a tuple or a list (without its tail); empty for all else. Valid as long as the term lives.
  std::span<const Term> elements() const noexcept;
  // Of a tuple or list: the index must be below elements().size().
  const Term& operator[](std::size_t index) const noexcept { return elements()[index]; }
  // Of a list: what follows the elements, the empty list for all but improper ones.
  Term tail() const noexcept;
  // Of a map, in the order of the keys (see map_order); empty for all else.
  std::span<const MapEntry> entries() const noexcept;
  // The value of a key in a map, null if there is none or this is no map.
  const Term* find(const Term& key) const noexcept;

  // A map with the key set, or without it; anything but a map counts as the empty map. Costs a
  // copy of the entries: collect many changes in a container first.
  Term with(Term key, Term value) const;
  Term without(const Term& key) const;

  // A copy that shares no memory with what this term was taken from: a small part of a large
  // decoded term keeps all of that alive until it is compacted.
  Term compacted() const;

  // Words that tell two terms apart quickly; equal words mean equal terms, not the reverse.
  constexpr std::uintptr_t word() const noexcept { return word_; }

  friend bool operator==(const Term& left, const Term& right) noexcept {
    if (left.word_ == right.word_) return true;
    return left.is_box() && right.is_box() && equal(left, right);
  }
  friend std::weak_ordering operator<=>(const Term& left, const Term& right) noexcept {
    return compare(left, right);
  }

 private:
  friend struct detail::TermAccess;

  static constexpr std::uintptr_t tag_mask = 3;
  static constexpr std::uintptr_t box_tag = 0;
  static constexpr std::uintptr_t integer_tag = 1;
  static constexpr std::uintptr_t atom_tag = 2;
  static constexpr std::uintptr_t nil_tag = 3;
  static constexpr std::uintptr_t nil_word = 3;
  static constexpr std::int64_t small_max = (std::int64_t{1} << 61) - 1;
  static constexpr std::int64_t small_min = -small_max - 1;

  constexpr Term(std::uintptr_t word, int) noexcept : word_{word} {}

  static constexpr std::uintptr_t atom_word(Atom atom) noexcept {
    return std::uintptr_t{atom.index()} << 2 | atom_tag;
  }
  template <class I>
  static constexpr std::uintptr_t integer_word(I value) {
    if constexpr (std::is_unsigned_v<I>) {
      if (value <= static_cast<std::uint64_t>(small_max)) {
        return static_cast<std::uintptr_t>(value) << 2 | integer_tag;
      }
      return box_integer(false, value);
    } else {
      if (value >= small_min && value <= small_max) {
        return static_cast<std::uintptr_t>(static_cast<std::int64_t>(value)) << 2 | integer_tag;
      }
      return box_integer(value < 0, value < 0 ? 0 - static_cast<std::uint64_t>(value)
                                              : static_cast<std::uint64_t>(value));
    }
  }
  static std::uintptr_t box_integer(bool negative, std::uint64_t magnitude);
  static std::uintptr_t box_double(double value);
  static bool equal(const Term& left, const Term& right) noexcept;
  static std::weak_ordering compare(const Term& left, const Term& right) noexcept;

  constexpr bool is_box() const noexcept { return (word_ & tag_mask) == box_tag; }
  detail::TermBox* box() const noexcept { return reinterpret_cast<detail::TermBox*>(word_); }
  constexpr void retain() const noexcept {
    if (is_box()) detail::add_reference(*box()->counted());
  }
  constexpr void release() noexcept {
    if (!is_box()) return;
    detail::TermBox* counted = box()->counted();
    if (detail::drop_reference(*counted)) detail::free_term_box(counted);
  }

  std::uintptr_t word_;
};

static_assert(sizeof(Term) == 8);

struct MapEntry {
  Term key;
  Term value;
};

// The pleasant constructors: tuple({atom("ok"), 42}), list({1, 2, 3}), map({{atom("a"), 1}}).
Term tuple(std::initializer_list<Term> elements);
Term tuple(std::span<const Term> elements);
Term list(std::initializer_list<Term> elements);
Term list(std::span<const Term> elements);
// The last of several entries with one key wins, as in Erlang.
Term map(std::initializer_list<MapEntry> entries);
Term map(std::span<const MapEntry> entries);
inline Term atom(std::string_view text) { return Term{Atom{text}}; }

// Erlang's order of map keys: like <, but integers come before floats, so that it tells apart all
// that == does.
std::strong_ordering map_order(const Term& left, const Term& right) noexcept;

// erlang:phash2(Term), the same number on every node: 0 to 2^27 - 1; and phash2(Term, Range) for a
// range from 1 to 2^32. Pids, references and closures hash as on the node that made them.
std::uint32_t phash2(const Term& term);
std::uint32_t phash2(const Term& term, std::uint64_t range);

// As io:format("~w", [Term]) of Erlang/OTP and as inspect(term) of Elixir (with no limits) print.
std::string to_erlang(const Term& term);
std::string to_elixir(const Term& term);

// Reads what to_erlang writes, and the usual spellings besides: "strings", $c, 16#ff, 1_000,
// <<"text">>, comments, a full stop at the end. Pids, ports, references and closures have no
// literals. In a map that names a key twice the last value counts.
struct ParseError {
  enum class Code : std::uint8_t { syntax, too_deep, too_large, bad_atom, bad_number };
  Code code;
  std::size_t offset;         // in bytes from the start of the text
  std::string_view expected;  // what would have been right there, for people
};
struct ParseLimits {
  std::size_t bytes = 16 << 20;
  std::size_t depth = 1'000;
  std::size_t items = 1'000'000;
  bool existing_atoms_only = false;
};
std::expected<Term, ParseError> parse_term(std::string_view text, const ParseLimits& limits = {});

// What a node number is called outside: used when pids and references are printed, encoded and
// compared across nodes. A runtime without a name is nonode@nohost with its number as creation.
struct NodeName {
  Atom name = atoms::nonode_nohost;
  std::uint32_t creation = 0;
  friend bool operator==(const NodeName&, const NodeName&) noexcept = default;
};
inline constexpr std::uint32_t max_named_nodes = 4'096;
// False where the number is 0 or not below max_named_nodes.
bool set_node_name(std::uint32_t node, NodeName name) noexcept;
NodeName node_name(std::uint32_t node) noexcept;
std::optional<std::uint32_t> node_number(NodeName name) noexcept;

}  // namespace troupe

template <>
struct std::hash<troupe::Atom> {
  std::size_t operator()(troupe::Atom atom) const noexcept {
    return atom.index() * std::size_t{0x9e3779b97f4a7c15};
  }
};

template <>
struct std::hash<troupe::Term> {
  std::size_t operator()(const troupe::Term& term) const { return troupe::phash2(term); }
};
