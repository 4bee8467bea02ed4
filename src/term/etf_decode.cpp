// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/etf_decode.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <troupe/etf.hpp>

#include "term/box.hpp"
#include "term/etf_measure.hpp"
#include "term/etf_reader.hpp"
#include "term/etf_tags.hpp"
#include "term/etf_values.hpp"
#include "term/inline_stack.hpp"

// Decoding takes two looks at the bytes. The first (etf_measure.cpp) checks their structure against
// the limits and adds up the memory; the second, here, writes all boxes into one block of exactly
// that size and so needs neither bounds checks nor further memory. What only the second look can
// refuse are values: atoms, floats, funs, and maps that name a key twice.
namespace troupe {
namespace {

namespace etf = detail::etf;
using detail::MeasuredList;
using detail::payload;
using detail::TermAccess;
using detail::TermBox;

class Decoder : detail::ValueDecoder {
 public:
  Decoder(std::string_view bytes, const DecodeOptions& options, const detail::Measured& measured)
      : ValueDecoder{bytes, options, measured.box_bytes}, lists_{measured.lists.data()} {}

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
  enum class What : std::uint8_t { tuple, list, list_tail, map, fun };

  struct Open {
    Slot* next;
    Slot* tail;  // of a list: where a tail that is no list goes
    TermBox* box;
    std::uint64_t remaining;
    const std::uint8_t* where;
    What what;
  };

  // The commonest terms, as far as they come one after the other: those without an inside, and
  // small tuples of them. term() knows them all.
  void leaves() {
    const std::uint8_t* at = at_;
    Slot* next = inside_.next;
    Slot* end = next + inside_.remaining;
    for (;;) {
      fill(next, end, at);
      if (next == end || *at != etf::small_tuple_ext) break;
      const std::size_t arity = at[1];
      at += 2;
      TermBox* box = block_.make(TermKind::tuple, arity, arity * sizeof(Term));
      (next++)->word = reinterpret_cast<std::uintptr_t>(box);
      Slot* element = slots(box);
      Slot* last = element + arity;
      fill(element, last, at);
      if (element == last) continue;
      go_on(at, next, end);
      enter({element, nullptr, box, static_cast<std::uint64_t>(last - element), at, What::tuple});
      return;
    }
    go_on(at, next, end);
  }
  void go_on(const std::uint8_t* at, Slot* next, Slot* end) noexcept {
    at_ = at;
    inside_.remaining = static_cast<std::uint64_t>(end - next);
    inside_.next = next;
  }
  // Puts small terms where they belong, until there is one of another kind.
  [[gnu::always_inline]] static void fill(Slot*& next, Slot* end,
                                          const std::uint8_t*& at) noexcept {
    for (; next != end; ++next) {
      if (*at == etf::small_integer_ext) {
        next->word = TermAccess::small_word(at[1]);
        at += 2;
      } else if (*at == etf::integer_ext) {
        next->word =
            TermAccess::small_word(static_cast<std::int32_t>(etf::load<std::uint32_t>(at + 1)));
        at += 5;
      } else if (*at == etf::small_atom_utf8_ext) {
        auto known = Atom::existing({reinterpret_cast<const char*>(at + 2), at[1]});
        if (!known) return;
        next->word = TermAccess::atom_word(*known);
        at += 2 + at[1];
      } else if (*at == etf::nil_ext) {
        next->word = TermAccess::nil_word();
        at += 1;
      } else {
        return;
      }
    }
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

  const MeasuredList* lists_;
  Slot no_tail_;
  Open inside_{nullptr, nullptr, nullptr, 1, nullptr, What::tuple};
  detail::InlineStack<Open, 16> open_;  // around that, and not complete
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
