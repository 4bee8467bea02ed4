// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>

#include <troupe/term.hpp>

// The memory behind terms. Every box is a TermBox header followed by its payload:
//
//   integer    limbs of 64 bits, form 1 if negative; only for what does not fit the word
//   floating   a double
//   reference  form 0: a Ref; form 1: a ForeignRef
//   pid        form 0: a Pid; form 1: a ForeignPid
//   port       a PortName
//   fun        terms: see FunForm
//   tuple      `size` terms
//   map        `size` pairs of terms, ascending by map_order
//   list       `size` terms (at least one), and the tail where form is 1 (improper)
//   binary     `size` bytes; where `bits` is not 0, only so many of the last byte count, and the
//              others are 0
//
// A block is what the decoder makes: one counted header with all boxes of a decoded term behind it.
// Boxes in a block refer to boxes of the same block without counting, and so a block is freed
// without a look at its contents.
namespace troupe::detail {

inline constexpr std::uint8_t block_kind = 0xff;

enum BoxForm : std::uint8_t { form_plain = 0, form_other = 1 };

// The terms of a fun's payload, by form.
enum FunForm : std::uint8_t {
  fun_external = 0,  // Module, Function, Arity
  fun_closure = 1,   // Arity, Uniq (16 bytes), Index, Module, OldIndex, OldUniq, Pid, Free...
  fun_ancient = 2,   // Pid, Module, Index, Uniq, Free... (FUN_EXT, before OTP R8)
};

struct TermAccess {
  static Term adopt(TermBox* box) noexcept {
    return Term{reinterpret_cast<std::uintptr_t>(box), 0};
  }
  static Term adopt_word(std::uintptr_t word) noexcept { return Term{word, 0}; }
  static std::uintptr_t forget(Term& term) noexcept {
    std::uintptr_t word = term.word_;
    term.word_ = Term::nil_word;
    return word;
  }
  static constexpr bool is_box(const Term& term) noexcept { return term.is_box(); }
  static constexpr bool is_small(const Term& term) noexcept {
    return (term.word_ & Term::tag_mask) == Term::integer_tag;
  }
  static constexpr std::int64_t small(const Term& term) noexcept {
    return static_cast<std::int64_t>(term.word_) >> 2;
  }
  static constexpr bool fits_small(std::int64_t value) noexcept {
    return value >= Term::small_min && value <= Term::small_max;
  }
  static constexpr std::uintptr_t small_word(std::int64_t value) noexcept {
    return static_cast<std::uintptr_t>(value) << 2 | Term::integer_tag;
  }
  static constexpr std::uintptr_t atom_word(Atom atom) noexcept { return Term::atom_word(atom); }
  static constexpr std::uintptr_t nil_word() noexcept { return Term::nil_word; }
  static TermBox* box(const Term& term) noexcept { return term.box(); }
};

inline std::byte* payload(TermBox* box) noexcept { return reinterpret_cast<std::byte*>(box + 1); }
inline const std::byte* payload(const TermBox* box) noexcept {
  return reinterpret_cast<const std::byte*>(box + 1);
}
template <class T>
T& payload_as(TermBox* box) noexcept {
  return *std::launder(reinterpret_cast<T*>(payload(box)));
}
template <class T>
const T& payload_as(const TermBox* box) noexcept {
  return *std::launder(reinterpret_cast<const T*>(payload(box)));
}

// How many terms the payload holds.
inline std::size_t slot_count(const TermBox* box) noexcept {
  switch (static_cast<TermKind>(box->kind)) {
    case TermKind::tuple:
    case TermKind::fun:
      return box->size;
    case TermKind::list:
      return std::size_t{box->size} + box->form;
    case TermKind::map:
      return std::size_t{box->size} * 2;
    default:
      return 0;
  }
}
inline Term* slots(TermBox* box) noexcept { return reinterpret_cast<Term*>(payload(box)); }
inline const Term* slots(const TermBox* box) noexcept {
  return reinterpret_cast<const Term*>(payload(box));
}

// A box that counts for itself, with one reference; throws std::bad_alloc.
inline TermBox* make_box(TermKind kind, std::size_t size, std::size_t payload_bytes,
                         std::uint8_t form = form_plain) {
  void* memory = ::operator new(sizeof(TermBox) + payload_bytes);
  return ::new (memory)
      TermBox{1, 0, static_cast<std::uint32_t>(size), static_cast<std::uint8_t>(kind), form, 0, 0};
}

// What is of a node that has a number becomes a Pid or Ref of that node, so that one process is one
// value. References of other shapes than Troupe makes stay foreign.
std::optional<Pid> known_pid(const ForeignPid& pid) noexcept;
std::optional<Ref> known_ref(const ForeignRef& reference) noexcept;

// The place of a term in Erlang's order of kinds, in which the empty list stands apart.
inline int order_rank(const Term& term) noexcept {
  TermKind kind = term.kind();
  switch (kind) {
    case TermKind::integer:
    case TermKind::floating:
      return 0;
    case TermKind::list:
      return term.is_nil() ? 8 : 9;
    case TermKind::binary:
      return 10;
    default:
      return static_cast<int>(kind) - 1;
  }
}
static_assert(static_cast<int>(TermKind::map) - 1 == 7);

}  // namespace troupe::detail
