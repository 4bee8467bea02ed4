// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/etf.hpp>

#include "term/block.hpp"
#include "term/box.hpp"
#include "term/etf_reader.hpp"
#include "term/etf_tags.hpp"
#include "term/utf8.hpp"

namespace troupe::detail {

// The half of the decoder for terms that have no terms inside: numbers, atoms, binaries, and the
// names of processes, ports and references. The bytes were measured, so they are all there; what is
// refused here is values. Each function reads what follows a tag at at_, and leaves the term's word
// at place_; false: error_ says why not.
class ValueDecoder {
 protected:
  using Code = DecodeError::Code;

  ValueDecoder(std::string_view bytes, const DecodeOptions& options, std::size_t box_bytes)
      : start_{reinterpret_cast<const std::uint8_t*>(bytes.data())},
        at_{start_},
        options_{options},
        block_{box_bytes} {}

  // Where a term goes: the word of one, without the counting a Term would do.
  struct Slot {
    std::uintptr_t word = TermAccess::nil_word();
  };
  static_assert(sizeof(Slot) == sizeof(Term));

  bool fail(Code code, const std::uint8_t* where) noexcept {
    error_ = {code, static_cast<std::size_t>(where - start_)};
    return false;
  }

  void put(std::uintptr_t word) noexcept { place_->word = word; }
  void put(TermBox* box) noexcept { put(reinterpret_cast<std::uintptr_t>(box)); }
  static Slot* slots(TermBox* box) noexcept { return reinterpret_cast<Slot*>(payload(box)); }

  template <class T>
  T read() noexcept {
    T value = etf::load<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  bool big(std::size_t size) noexcept {
    bool negative = *at_++ != 0;
    const std::uint8_t* bytes = at_;
    at_ += size;
    std::size_t limbs = etf::limb_count(bytes, size);
    if (limbs <= 1) {
      std::uint64_t value = 0;
      for (std::size_t i = std::min<std::size_t>(size, 8); i-- > 0;) value = value << 8 | bytes[i];
      constexpr std::uint64_t top = std::uint64_t{1} << 63;
      if (value < top || (negative && value == top)) {
        auto number = static_cast<std::int64_t>(negative ? 0 - value : value);
        if (TermAccess::fits_small(number)) {
          put(TermAccess::small_word(number));
          return true;
        }
      }
    }
    TermBox* box = block_.make(TermKind::integer, limbs, limbs * 8, negative);
    auto* out = reinterpret_cast<std::uint64_t*>(payload(box));
    for (std::size_t i = 0; i < limbs; ++i) {
      std::uint64_t limb = 0;
      for (std::size_t j = std::min<std::size_t>(size - i * 8, 8); j-- > 0;) {
        limb = limb << 8 | bytes[i * 8 + j];
      }
      out[i] = limb;
    }
    put(box);
    return true;
  }

  bool floating(double value, const std::uint8_t* where) noexcept {
    if (!std::isfinite(value)) return fail(Code::bad_value, where);
    TermBox* box = block_.make(TermKind::floating, 0, sizeof value);
    std::memcpy(payload(box), &value, sizeof value);
    put(box);
    return true;
  }

  // "%.20e", filled up with zero bytes.
  bool float_text() noexcept {
    const auto* text = reinterpret_cast<const char*>(at_);
    const char* end = std::find(text, text + etf::float_text_size, '\0');
    const std::uint8_t* where = at_;
    at_ += etf::float_text_size;
    double value = 0;
    auto [stop, error] = std::from_chars(text, end, value);
    if (error != std::errc{} || stop != end) return fail(Code::bad_value, where);
    return floating(value, where);
  }

  bool binary(bool has_bits) noexcept {
    std::size_t size = read<std::uint32_t>();
    std::uint8_t bits = has_bits ? read<std::uint8_t>() % 8 : 0;
    TermBox* box = block_.make(TermKind::binary, size, size);
    if (size != 0) std::memcpy(payload(box), at_, size);
    at_ += size;
    if (bits != 0) {
      box->bits = bits;
      payload(box)[size - 1] &= static_cast<std::byte>(0xff00 >> bits);
    }
    put(box);
    return true;
  }

  bool refuse_atom(AtomError error, const std::uint8_t* where) noexcept {
    switch (error) {
      case AtomError::does_not_exist:
        return fail(Code::unsafe, where);
      case AtomError::table_full:
        return fail(Code::too_many_atoms, where);
      default:
        return fail(Code::bad_atom, where);
    }
  }

  bool atom_text(std::string_view text, Atom& atom, const std::uint8_t* where) {
    auto known = Atom::existing(text);
    if (!known && known.error() == AtomError::does_not_exist && !options_.safe) {
      if (++new_atoms_ > options_.limits.new_atoms) return fail(Code::too_many_atoms, where);
      known = Atom::try_make(text);
    }
    if (!known) return refuse_atom(known.error(), where);
    atom = *known;
    return true;
  }

  bool atom(std::uint8_t tag, Atom& atom) {
    const std::uint8_t* where = at_ - 1;
    if (tag == etf::atom_cache_ref) {
      atom = options_.atom_cache[read<std::uint8_t>()];
      return true;
    }
    bool is_long = tag == etf::atom_ext || tag == etf::atom_utf8_ext;
    std::size_t size = is_long ? read<std::uint16_t>() : read<std::uint8_t>();
    std::string_view text{reinterpret_cast<const char*>(at_), size};
    at_ += size;
    bool latin1 = tag == etf::atom_ext || tag == etf::small_atom_ext;
    if (latin1 && std::any_of(text.begin(), text.end(), [](char c) { return c < 0; })) {
      std::string utf8;
      for (char c : text) append_utf8(utf8, static_cast<std::uint8_t>(c));
      return atom_text(utf8, atom, where);
    }
    return atom_text(text, atom, where);
  }

  bool node(Atom& name) { return atom(read<std::uint8_t>(), name); }

  // The forms are those of the constructors of Term: what belongs to a numbered node is a Pid or
  // Ref of that node.
  template <class Known, class Foreign>
  bool identity(TermKind kind, const std::optional<Known>& known, const Foreign& foreign) {
    TermBox* box = block_.make(kind, 0, sizeof(Foreign), known ? form_plain : form_other);
    static_assert(sizeof(Known) <= sizeof(Foreign));
    if (known) {
      ::new (static_cast<void*>(payload(box))) Known{*known};
    } else {
      ::new (static_cast<void*>(payload(box))) Foreign{foreign};
    }
    put(box);
    return true;
  }

  bool pid(bool wide_creation) {
    ForeignPid pid;
    if (!node(pid.node)) return false;
    pid.id = read<std::uint32_t>();
    pid.serial = read<std::uint32_t>();
    pid.creation = wide_creation ? read<std::uint32_t>() : read<std::uint8_t>();
    return identity(TermKind::pid, known_pid(pid), pid);
  }

  bool reference(std::size_t words, bool wide_creation, bool creation_first) {
    ForeignRef reference;
    if (!node(reference.node)) return false;
    reference.word_count = static_cast<std::uint32_t>(words);
    auto creation = [&] {
      reference.creation = wide_creation ? read<std::uint32_t>() : read<std::uint8_t>();
    };
    if (creation_first) creation();
    for (std::size_t i = 0; i < words; ++i) reference.words[i] = read<std::uint32_t>();
    if (!creation_first) creation();
    return identity(TermKind::reference, known_ref(reference), reference);
  }

  bool port(bool wide_id, bool wide_creation) {
    PortName port;
    if (!node(port.node)) return false;
    port.id = wide_id ? read<std::uint64_t>() : read<std::uint32_t>();
    port.creation = wide_creation ? read<std::uint32_t>() : read<std::uint8_t>();
    TermBox* box = block_.make(TermKind::port, 0, sizeof port);
    ::new (static_cast<void*>(payload(box))) PortName{port};
    put(box);
    return true;
  }

  const std::uint8_t* start_;
  const std::uint8_t* at_;
  const DecodeOptions& options_;
  Block block_;
  Slot* place_ = nullptr;
  std::size_t new_atoms_ = 0;
  DecodeError error_{Code::truncated, 0};
};

}  // namespace troupe::detail
