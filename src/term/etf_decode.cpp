// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/etf_decode.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include <troupe/etf.hpp>

#include "term/block.hpp"
#include "term/box.hpp"
#include "term/etf_measure.hpp"
#include "term/etf_reader.hpp"
#include "term/etf_tags.hpp"
#include "term/inline_stack.hpp"
#include "term/utf8.hpp"

// Decoding takes two looks at the bytes. The first (etf_measure.cpp) checks their structure against
// the limits and adds up the memory; the second, here, writes all boxes into one block of exactly
// that size and so needs neither bounds checks nor further memory. What only the second look can
// refuse are values: atoms, floats, funs, and maps that name a key twice.
namespace troupe {
namespace {

namespace etf = detail::etf;
using detail::Block;
using detail::MeasuredList;
using detail::payload;
using detail::TermAccess;
using detail::TermBox;
using Code = DecodeError::Code;

class Decoder {
 public:
  Decoder(std::string_view bytes, const DecodeOptions& options, const detail::Measured& measured)
      : start_{reinterpret_cast<const std::uint8_t*>(bytes.data())},
        at_{start_},
        options_{options},
        lists_{measured.lists.data()},
        block_{measured.box_bytes} {}

  std::expected<Term, DecodeError> run() {
    Slot root;
    inside_.next = &root;
    for (;;) {
      if (inside_.remaining > 0) leaves();
      if (inside_.remaining > 0) {
        --inside_.remaining;
        place_ = inside_.next++;
        if (!term()) break;
      } else if (inside_.what == What::list) {
        inside_.what = What::list_tail;
        place_ = inside_.tail;
        if (!term()) break;
      } else {
        if (inside_.what == What::map && !finish_map(inside_)) break;
        if (inside_.what == What::fun && !finish_fun(inside_)) break;
        if (open_.empty()) {
          Term result = TermAccess::adopt_word(root.word);
          if (TermAccess::is_box(result)) block_.give_away();
          return result;
        }
        inside_ = open_.top();
        open_.pop();
      }
    }
    return std::unexpected{error_};
  }

 private:
  // Where a term goes: the word of one, without the counting a Term would do.
  struct Slot {
    std::uintptr_t word = TermAccess::nil_word();
  };
  static_assert(sizeof(Slot) == sizeof(Term));

  enum class What : std::uint8_t { tuple, list, list_tail, map, fun };

  struct Open {
    Slot* next;
    Slot* tail;  // of a list: where a tail that is no list goes
    TermBox* box;
    std::uint64_t remaining;
    const std::uint8_t* where;
    What what;
  };

  bool fail(Code code, const std::uint8_t* where) noexcept {
    error_ = {code, static_cast<std::size_t>(where - start_)};
    return false;
  }

  // The commonest terms that have no inside, as far as they come one after the other; term() knows
  // them all.
  void leaves() noexcept {
    const std::uint8_t* at = at_;
    Slot* next = inside_.next;
    Slot* end = next + inside_.remaining;
    for (; next != end; ++next) {
      if (*at == etf::small_integer_ext) {
        next->word = TermAccess::small_word(at[1]);
        at += 2;
      } else if (*at == etf::integer_ext) {
        next->word =
            TermAccess::small_word(static_cast<std::int32_t>(etf::load<std::uint32_t>(at + 1)));
        at += 5;
      } else if (*at == etf::nil_ext) {
        next->word = TermAccess::nil_word();
        at += 1;
      } else if (*at == etf::small_atom_utf8_ext) {
        auto known = Atom::existing({reinterpret_cast<const char*>(at + 2), at[1]});
        if (!known) break;
        next->word = TermAccess::atom_word(*known);
        at += 2 + at[1];
      } else {
        break;
      }
    }
    at_ = at;
    inside_.remaining = static_cast<std::uint64_t>(end - next);
    inside_.next = next;
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

  void open(TermBox* box, Slot* first, std::uint64_t count, What what) {
    put(box);
    if (count != 0) enter({first, nullptr, box, count, at_, what});
  }
  void enter(const Open& next) {
    if (inside_.remaining > 0 || inside_.what != What::tuple) open_.push(inside_);
    inside_ = next;
  }

  bool tuple(std::size_t arity) {
    TermBox* box = block_.make(TermKind::tuple, arity, arity * sizeof(Term));
    open(box, slots(box), arity, What::tuple);
    return true;
  }

  bool map() {
    std::size_t pairs = read<std::uint32_t>();
    TermBox* box = block_.make(TermKind::map, pairs, pairs * sizeof(MapEntry));
    open(box, slots(box), std::uint64_t{pairs} * 2, What::map);
    return true;
  }

  bool list() {
    std::uint64_t count = read<std::uint32_t>();
    if (inside_.what == What::list_tail) {
      inside_.what = What::list;
      inside_.remaining = count;
      return true;
    }
    MeasuredList list = *lists_++;
    // Without elements the list is what its tail is, and takes the place of the list itself.
    if (list.elements == 0) {
      enter({place_, place_, nullptr, count, at_, What::list});
      return true;
    }
    TermBox* box = block_.make(TermKind::list, list.elements,
                               (list.elements + list.improper) * sizeof(Term), list.improper);
    Slot* first = slots(box);
    put(box);
    enter({first, list.improper ? first + list.elements : &no_tail_, box, count, at_, What::list});
    return true;
  }

  bool string() noexcept {
    std::size_t count = read<std::uint16_t>();
    Slot* out = nullptr;
    if (inside_.what == What::list_tail) {
      if (inside_.box == nullptr) {  // an empty list that ends in an empty string
        put(TermAccess::nil_word());
        return true;
      }
      out = inside_.next;
    } else if (count == 0) {
      put(TermAccess::nil_word());
      return true;
    } else {
      TermBox* box = block_.make(TermKind::list, count, count * sizeof(Term));
      out = slots(box);
      put(box);
    }
    for (std::size_t i = 0; i < count; ++i) out[i].word = TermAccess::small_word(at_[i]);
    at_ += count;
    return true;
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
      for (char c : text) detail::append_utf8(utf8, static_cast<std::uint8_t>(c));
      return atom_text(utf8, atom, where);
    }
    return atom_text(text, atom, where);
  }

  bool node(Atom& name) { return atom(read<std::uint8_t>(), name); }

  // The forms are those of the constructors of Term: what belongs to a numbered node is a Pid or
  // Ref of that node.
  template <class Known, class Foreign>
  bool identity(TermKind kind, const std::optional<Known>& known, const Foreign& foreign) {
    TermBox* box =
        block_.make(kind, 0, sizeof(Foreign), known ? detail::form_plain : detail::form_other);
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
    return identity(TermKind::pid, detail::known_pid(pid), pid);
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
    return identity(TermKind::reference, detail::known_ref(reference), reference);
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

  bool external_fun() {
    if (options_.safe) return fail(Code::unsafe, at_ - 1);
    TermBox* box = block_.make(TermKind::fun, 3, 3 * sizeof(Term), detail::fun_external);
    open(box, slots(box), 3, What::fun);
    return true;
  }

  bool closure() {
    const std::uint8_t* where = at_ - 1;
    at_ += 4;
    std::uint8_t arity = read<std::uint8_t>();
    const std::uint8_t* uniq = at_;
    at_ += 16;
    std::uint32_t index = read<std::uint32_t>();
    std::uint32_t free = read<std::uint32_t>();
    if (options_.safe) return fail(Code::unsafe, where);
    std::size_t parts = std::size_t{7} + free;
    TermBox* bytes = block_.make(TermKind::binary, 16, 16);
    std::memcpy(payload(bytes), uniq, 16);
    TermBox* box = block_.make(TermKind::fun, parts, parts * sizeof(Term), detail::fun_closure);
    Slot* slot = slots(box);
    slot[0].word = TermAccess::small_word(arity);
    slot[1].word = reinterpret_cast<std::uintptr_t>(bytes);
    slot[2].word = TermAccess::small_word(index);
    open(box, slot + 3, parts - 3, What::fun);
    return true;
  }

  bool ancient_fun() {
    std::uint32_t free = read<std::uint32_t>();
    if (options_.safe) return fail(Code::unsafe, at_ - 5);
    std::size_t parts = std::size_t{4} + free;
    TermBox* box = block_.make(TermKind::fun, parts, parts * sizeof(Term), detail::fun_ancient);
    open(box, slots(box), parts, What::fun);
    return true;
  }

  bool finish_fun(const Open& open) noexcept {
    const Term* parts = detail::slots(open.box);
    auto is_number = [](const Term& term) {
      auto value = term.as_int();
      return value && *value >= -0x8000'0000ll && *value <= 0xffff'ffffll;
    };
    bool valid = false;
    switch (open.box->form) {
      case detail::fun_external: {
        auto arity = parts[2].as_int();
        valid = parts[0].is_atom() && parts[1].is_atom() && arity && *arity >= 0 && *arity <= 255;
        break;
      }
      case detail::fun_closure:
        valid =
            parts[3].is_atom() && is_number(parts[4]) && is_number(parts[5]) && parts[6].is_pid();
        break;
      default:
        valid =
            parts[0].is_pid() && parts[1].is_atom() && is_number(parts[2]) && is_number(parts[3]);
    }
    return valid || fail(Code::bad_value, open.where);
  }

  // Erlang sends maps of up to 32 keys in order, so most need no sorting.
  bool finish_map(const Open& open) {
    auto* entries = reinterpret_cast<MapEntry*>(payload(open.box));
    std::span<MapEntry> all{entries, open.box->size};
    auto unordered = [](const MapEntry& a, const MapEntry& b) {
      return map_order(a.key, b.key) >= 0;
    };
    if (std::adjacent_find(all.begin(), all.end(), unordered) == all.end()) return true;
    std::sort(all.begin(), all.end(),
              [](const MapEntry& a, const MapEntry& b) { return map_order(a.key, b.key) < 0; });
    return std::adjacent_find(all.begin(), all.end(), unordered) == all.end() ||
           fail(Code::duplicate_key, open.where);
  }

  bool term() {
    std::uint8_t tag = read<std::uint8_t>();
    switch (tag) {
      case etf::nil_ext:
        put(TermAccess::nil_word());
        return true;
      case etf::small_integer_ext:
        put(TermAccess::small_word(read<std::uint8_t>()));
        return true;
      case etf::integer_ext:
        put(TermAccess::small_word(static_cast<std::int32_t>(read<std::uint32_t>())));
        return true;
      case etf::small_big_ext:
        return big(read<std::uint8_t>());
      case etf::large_big_ext:
        return big(read<std::uint32_t>());
      case etf::new_float_ext: {
        const std::uint8_t* where = at_;
        return floating(std::bit_cast<double>(read<std::uint64_t>()), where);
      }
      case etf::float_ext:
        return float_text();
      case etf::small_tuple_ext:
        return tuple(read<std::uint8_t>());
      case etf::large_tuple_ext:
        return tuple(read<std::uint32_t>());
      case etf::map_ext:
        return map();
      case etf::list_ext:
        return list();
      case etf::string_ext:
        return string();
      case etf::binary_ext:
        return binary(false);
      case etf::bit_binary_ext:
        return binary(true);
      case etf::pid_ext:
        return pid(false);
      case etf::new_pid_ext:
        return pid(true);
      case etf::port_ext:
        return port(false, false);
      case etf::new_port_ext:
        return port(false, true);
      case etf::v4_port_ext:
        return port(true, true);
      case etf::reference_ext:
        return reference(1, false, false);
      case etf::new_reference_ext:
        return reference(read<std::uint16_t>(), false, true);
      case etf::newer_reference_ext:
        return reference(read<std::uint16_t>(), true, true);
      case etf::new_fun_ext:
        return closure();
      case etf::export_ext:
        return external_fun();
      case etf::fun_ext:
        return ancient_fun();
      default: {
        Atom value;
        if (!atom(tag, value)) return false;
        put(TermAccess::atom_word(value));
        return true;
      }
    }
  }

  const std::uint8_t* start_;
  const std::uint8_t* at_;
  const DecodeOptions& options_;
  const MeasuredList* lists_;
  Block block_;
  Slot* place_ = nullptr;
  Slot no_tail_;
  Open inside_{nullptr, nullptr, nullptr, 1, nullptr, What::tuple};
  detail::InlineStack<Open, 16> open_;  // around that, and not complete
  std::size_t new_atoms_ = 0;
  DecodeError error_{Code::truncated, 0};
};

}  // namespace

namespace detail {

std::expected<DecodedPrefix, DecodeError> decode_plain(std::string_view bytes,
                                                       const DecodeOptions& options) {
  auto measured = measure_term(bytes, options);
  if (!measured) return std::unexpected{measured.error()};
  auto term = Decoder{bytes, options, *measured}.run();
  if (!term) return std::unexpected{term.error()};
  return DecodedPrefix{std::move(*term), measured->used};
}

}  // namespace detail
}  // namespace troupe
