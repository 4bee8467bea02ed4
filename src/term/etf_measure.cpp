// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/etf_measure.hpp"

#include <troupe/term.hpp>

#include "term/block.hpp"
#include "term/etf_reader.hpp"
#include "term/etf_tags.hpp"
#include "term/inline_stack.hpp"

namespace troupe::detail {
namespace {

using Code = DecodeError::Code;

// Walks over the bytes once. Every read is behind a need(), which leaves the first error and its
// place in error_.
class Measurer {
 public:
  Measurer(std::string_view bytes, const DecodeOptions& options) noexcept
      : start_{reinterpret_cast<const std::uint8_t*>(bytes.data())},
        at_{start_},
        end_{start_ + bytes.size()},
        options_{options} {}

  std::expected<Measured, DecodeError> run() {
    for (;;) {
      if (inside_.remaining > 0 && !leaves()) break;
      if (inside_.remaining > 0) {
        --inside_.remaining;
        if (!term()) break;
      } else if (inside_.list != no_list && !inside_.in_tail) {
        inside_.in_tail = true;
        if (!term()) break;
      } else {
        if (inside_.list != no_list) {
          const MeasuredList& list = measured_.lists[inside_.list];
          if (list.elements > 0) add_box((list.elements + list.improper) * sizeof(Term));
        }
        if (open_.empty()) {
          measured_.used = static_cast<std::size_t>(at_ - start_);
          return std::move(measured_);
        }
        inside_ = open_.top();
        open_.pop();
      }
    }
    return std::unexpected{error_};
  }

 private:
  static constexpr std::uint64_t no_list = ~std::uint64_t{0};

  struct Open {
    std::uint64_t remaining;  // terms to come, without the tail of a list
    std::uint64_t list;       // which of measured_.lists, or no_list
    bool in_tail;             // the tail of the list is what comes next, or came just now
  };

  // Steps over the commonest terms, with the place in registers, as far as they come one after the
  // other; term() knows them all. False where there are too many.
  bool leaves() {
    const std::uint8_t* at = at_;
    std::uint64_t remaining = inside_.remaining;
    std::uint64_t count = 0;
    for (; remaining > 0 && end_ - at >= 5; --remaining, ++count) {
      if (*at == etf::small_integer_ext) {
        at += 2;
      } else if (*at == etf::small_atom_utf8_ext && end_ - at >= 2 + at[1]) {
        at += 2 + at[1];
      } else if (*at == etf::integer_ext) {
        at += 5;
      } else if (*at == etf::nil_ext) {
        at += 1;
      } else if (*at == etf::small_tuple_ext && is_flat(at, count)) {
        continue;
      } else {
        break;
      }
    }
    at_ = at;
    inside_.remaining = remaining;
    return count_items(count);
  }

  // Steps over a small tuple of small terms only, which are most.
  bool is_flat(const std::uint8_t*& start, std::uint64_t& count) noexcept {
    const std::uint8_t* at = start + 2;
    std::size_t arity = start[1];
    for (std::size_t left = arity; left > 0; --left) {
      if (end_ - at < 5) return false;
      if (*at == etf::small_integer_ext) {
        at += 2;
      } else if (*at == etf::small_atom_utf8_ext && end_ - at >= 2 + at[1]) {
        at += 2 + at[1];
      } else if (*at == etf::integer_ext) {
        at += 5;
      } else {
        return false;
      }
    }
    start = at;
    count += arity;
    add_box(arity * sizeof(Term));
    return true;
  }

  bool fail(Code code, const std::uint8_t* where) noexcept {
    error_ = {code, static_cast<std::size_t>(where - start_)};
    return false;
  }
  bool need(std::size_t count) noexcept {
    return static_cast<std::size_t>(end_ - at_) >= count || fail(Code::truncated, end_);
  }
  bool skip(std::size_t count) noexcept {
    if (!need(count)) return false;
    at_ += count;
    return true;
  }
  // The number, which stands in the next bytes, that are skipped.
  template <class T>
  bool read(T& value) noexcept {
    if (!need(sizeof(T))) return false;
    value = etf::load<T>(at_);
    at_ += sizeof(T);
    return true;
  }

  void add_box(std::size_t payload_bytes) noexcept {
    measured_.box_bytes += box_bytes(payload_bytes);
  }

  bool count_items(std::uint64_t count) noexcept {
    items_ += count;
    return items_ <= options_.limits.items || fail(Code::too_large, at_);
  }

  // So many terms follow, each of at least a byte: a count beyond the bytes is refused here, before
  // anything is reserved for it.
  [[gnu::always_inline]] bool open(std::uint64_t terms, std::uint64_t list = no_list) {
    if (terms > static_cast<std::size_t>(end_ - at_)) return fail(Code::truncated, end_);
    if (terms > Term::max_size) return fail(Code::too_large, at_);
    if (terms == 0 && list == no_list) return true;
    // What has nothing left but its last term need not be returned to.
    if (inside_.remaining > 0 || inside_.list != no_list) {
      if (open_.size() >= options_.limits.depth) return fail(Code::too_deep, at_);
      open_.push(inside_);
    }
    inside_ = {terms, list, false};
    return true;
  }

  bool in_tail() const noexcept { return inside_.in_tail; }

  bool list() {
    std::uint32_t count = 0;
    if (!read(count)) return false;
    if (!in_tail()) {
      measured_.lists.push_back({count, false});
      return open(count, measured_.lists.size() - 1);
    }
    MeasuredList& list = measured_.lists[inside_.list];
    if (count > static_cast<std::size_t>(end_ - at_)) return fail(Code::truncated, end_);
    list.elements += count;
    if (list.elements > Term::max_size) return fail(Code::too_large, at_);
    inside_.remaining = count;
    inside_.in_tail = false;
    return true;
  }

  bool string() {
    std::uint16_t count = 0;
    if (!read(count) || !skip(count) || !count_items(count)) return false;
    if (in_tail()) {
      measured_.lists[inside_.list].elements += count;
    } else if (count > 0) {
      add_box(count * sizeof(Term));
    }
    return true;
  }

  bool big(std::size_t size) noexcept {
    const std::uint8_t* sign = at_;
    if (!skip(1) || !need(size)) return false;
    if (*sign > 1) return fail(Code::bad_value, sign);
    std::size_t limbs = etf::limb_count(at_, size);
    if (limbs > Term::max_big_limbs) return fail(Code::too_large, sign);
    if (limbs > 0) add_box(limbs * 8);  // too much for what fits in a word: seen when it is built
    return skip(size);
  }

  bool binary(bool bits) noexcept {
    std::uint32_t size = 0;
    std::uint8_t used = 8;
    if (!read(size)) return false;
    if (bits && !read(used)) return false;
    if (used > 8 || (bits && (used == 0) != (size == 0))) return fail(Code::bad_value, at_ - 1);
    if (!need(size)) return false;
    if (size > Term::max_size) return fail(Code::too_large, at_);
    add_box(size);
    return skip(size);
  }

  // The atom of a tag that is already read; its characters are looked at when it is made.
  bool atom(std::uint8_t tag) noexcept {
    const std::uint8_t* where = at_ - 1;
    std::uint8_t length = 0;
    std::uint16_t long_length = 0;
    switch (tag) {
      case etf::small_atom_ext:
      case etf::small_atom_utf8_ext:
        return read(length) && skip(length);
      case etf::atom_ext:
      case etf::atom_utf8_ext:
        if (!read(long_length) || !skip(long_length)) return false;
        return long_length <= Atom::max_characters * 4 || fail(Code::bad_atom, where);
      case etf::atom_cache_ref:
        if (!read(length)) return false;
        return length < options_.atom_cache.size() || fail(Code::bad_atom, where);
      default:
        return fail(Code::bad_tag, where);
    }
  }

  // A node's name, which is an atom, and the bytes of the rest.
  bool of_node(std::size_t rest, std::size_t payload_bytes) noexcept {
    std::uint8_t tag = 0;
    add_box(payload_bytes);
    return read(tag) && atom(tag) && skip(rest);
  }

  bool reference(std::size_t creation_bytes) noexcept {
    std::uint16_t words = 0;
    if (!read(words)) return false;
    if (words == 0 || words > etf::max_reference_words) return fail(Code::bad_value, at_ - 2);
    return of_node(creation_bytes + words * 4u, sizeof(ForeignRef));
  }

  // The size at the start is not needed: the parts tell where a closure ends.
  bool new_fun() {
    std::uint32_t free = 0;
    if (!skip(4 + 1 + 16 + 4) || !read(free)) return false;
    add_box(16);  // uniq
    return fun_of(7, 4, free);
  }

  // A fun of so many parts besides its free variables, of which so many are terms.
  bool fun_of(std::uint64_t parts, std::uint64_t terms, std::uint64_t free) {
    if (free > Term::max_size - parts) return fail(Code::too_large, at_);
    add_box((parts + free) * sizeof(Term));
    return open(terms + free);
  }

  bool term() {
    std::uint8_t tag = 0;
    if (!read(tag) || !count_items(1)) return false;
    if (in_tail() && tag != etf::nil_ext && tag != etf::list_ext && tag != etf::string_ext) {
      measured_.lists[inside_.list].improper = true;
    }
    switch (tag) {
      case etf::nil_ext:
        return true;
      case etf::small_integer_ext:
        return skip(1);
      case etf::integer_ext:
        return skip(4);
      case etf::small_big_ext: {
        std::uint8_t size = 0;
        return read(size) && big(size);
      }
      case etf::large_big_ext: {
        std::uint32_t size = 0;
        return read(size) && big(size);
      }
      case etf::new_float_ext:
        add_box(sizeof(double));
        return skip(8);
      case etf::float_ext:
        add_box(sizeof(double));
        return skip(etf::float_text_size);
      case etf::small_tuple_ext: {
        std::uint8_t arity = 0;
        if (!read(arity)) return false;
        add_box(arity * sizeof(Term));
        return open(arity);
      }
      case etf::large_tuple_ext: {
        std::uint32_t arity = 0;
        if (!read(arity)) return false;
        if (!open(arity)) return false;
        add_box(arity * sizeof(Term));
        return true;
      }
      case etf::map_ext: {
        std::uint32_t pairs = 0;
        if (!read(pairs)) return false;
        if (!open(std::uint64_t{pairs} * 2)) return false;
        add_box(pairs * sizeof(MapEntry));
        return true;
      }
      case etf::list_ext:
        return list();
      case etf::string_ext:
        return string();
      case etf::binary_ext:
        return binary(false);
      case etf::bit_binary_ext:
        return binary(true);
      case etf::pid_ext:
        return of_node(4 + 4 + 1, sizeof(ForeignPid));
      case etf::new_pid_ext:
        return of_node(4 + 4 + 4, sizeof(ForeignPid));
      case etf::port_ext:
        return of_node(4 + 1, sizeof(PortName));
      case etf::new_port_ext:
        return of_node(4 + 4, sizeof(PortName));
      case etf::v4_port_ext:
        return of_node(8 + 4, sizeof(PortName));
      case etf::reference_ext:
        return of_node(4 + 1, sizeof(ForeignRef));
      case etf::new_reference_ext:
        return reference(1);
      case etf::newer_reference_ext:
        return reference(4);
      case etf::new_fun_ext:
        return new_fun();
      case etf::export_ext:
        return fun_of(3, 3, 0);
      case etf::fun_ext: {
        std::uint32_t free = 0;
        return read(free) && fun_of(4, 4, free);
      }
      default:
        return atom(tag);
    }
  }

  const std::uint8_t* start_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const DecodeOptions& options_;
  Measured measured_;
  Open inside_{1, no_list, false};
  InlineStack<Open, 16> open_;  // around that, and not complete
  std::uint64_t items_ = 0;
  DecodeError error_{Code::truncated, 0};
};

}  // namespace

std::expected<Measured, DecodeError> measure_term(std::string_view bytes,
                                                  const DecodeOptions& options) {
  return Measurer{bytes, options}.run();
}

}  // namespace troupe::detail
