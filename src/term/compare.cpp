// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include <troupe/term.hpp>

#include "term/atom_text.hpp"
#include "term/box.hpp"

// Erlang's order and equality (erts_cmp and eq of the BEAM), without recursion: what is still to be
// compared waits on a stack of pairs of term ranges.
namespace troupe {
namespace {

using detail::payload;
using detail::payload_as;
using detail::TermAccess;
using detail::TermBox;

enum class Numbers : std::uint8_t { by_value, integers_first };

// The next `count` terms of left and right, `stride` apart.
struct Range {
  const Term* left;
  const Term* right;
  std::uint32_t count;
  std::uint8_t stride;
  Numbers numbers;
};

template <class T>
int three_way(const T& a, const T& b) noexcept {
  return a < b ? -1 : b < a ? 1 : 0;
}

int compare_magnitudes(std::span<const std::uint64_t> a,
                       std::span<const std::uint64_t> b) noexcept {
  if (a.size() != b.size()) return three_way(a.size(), b.size());
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return three_way(a[i], b[i]);
  }
  return 0;
}

int compare_integers(const Term& a, const Term& b) noexcept {
  auto x = a.as_int();
  auto y = b.as_int();
  if (x && y) return three_way(*x, *y);
  if (x) return b.as_big()->negative ? 1 : -1;
  if (y) return a.as_big()->negative ? -1 : 1;
  BigInteger p = *a.as_big();
  BigInteger q = *b.as_big();
  if (p.negative != q.negative) return p.negative ? -1 : 1;
  int order = compare_magnitudes(p.limbs, q.limbs);
  return p.negative ? -order : order;
}

// Exact: no integer is rounded to a float on the way.
int compare_with_double(const Term& integer, double value) noexcept {
  if (auto small = integer.as_int()) {
    if (value >= 0x1p63) return -1;
    if (value < -0x1p63) return 1;
    auto whole = static_cast<std::int64_t>(value);
    if (*small != whole) return three_way(*small, whole);
    return -three_way(value - static_cast<double>(whole), 0.0);
  }
  BigInteger big = *integer.as_big();
  if (big.negative != (value < 0)) return big.negative ? -1 : 1;
  int sign = big.negative ? -1 : 1;
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent);  // 0.5 <= fraction < 1
  std::size_t last = big.limbs.size() - 1;
  int shift = std::countl_zero(big.limbs[last]);
  auto bits = static_cast<int>(last) * 64 + 64 - shift;
  if (bits != exponent) return sign * three_way(bits, exponent);
  std::uint64_t top = big.limbs[last] << shift;
  std::uint64_t rest = 0;
  if (last > 0) {
    if (shift > 0) top |= big.limbs[last - 1] >> (64 - shift);
    rest = big.limbs[last - 1] << shift;
    for (std::size_t i = 0; i + 1 < last; ++i) rest |= big.limbs[i];
  }
  auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 64));
  if (top != mantissa) return sign * three_way(top, mantissa);
  return rest != 0 ? sign : 0;
}

int compare_numbers(const Term& a, const Term& b, Numbers numbers) noexcept {
  bool floats[] = {a.is_float(), b.is_float()};
  if (floats[0] && floats[1]) return three_way(*a.as_double(), *b.as_double());
  if (!floats[0] && !floats[1]) return compare_integers(a, b);
  if (numbers == Numbers::integers_first) return floats[0] ? 1 : -1;
  return floats[0] ? -compare_with_double(b, *a.as_double())
                   : compare_with_double(a, *b.as_double());
}

int compare_atoms(Atom a, Atom b) noexcept {
  auto order = detail::atom_order(a, b);
  return order < 0 ? -1 : order > 0;
}

int compare_nodes(Atom a, std::uint32_t a_creation, Atom b, std::uint32_t b_creation) noexcept {
  if (int order = compare_atoms(a, b)) return order;
  return three_way(a_creation, b_creation);
}

int compare_pids(const Term& a, const Term& b) noexcept {
  ForeignPid x = *a.as_foreign_pid();
  ForeignPid y = *b.as_foreign_pid();
  if (x.serial != y.serial) return three_way(x.serial, y.serial);
  if (x.id != y.id) return three_way(x.id, y.id);
  return compare_nodes(x.node, x.creation, y.node, y.creation);
}

int compare_references(const Term& a, const Term& b) noexcept {
  ForeignRef x = *a.as_foreign_ref();
  ForeignRef y = *b.as_foreign_ref();
  if (int order = compare_nodes(x.node, x.creation, y.node, y.creation)) return order;
  for (std::size_t i = 5; i-- > 0;) {
    if (x.words[i] != y.words[i]) return three_way(x.words[i], y.words[i]);
  }
  return three_way(x.word_count, y.word_count);
}

int compare_ports(const Term& a, const Term& b) noexcept {
  PortName x = *a.as_port();
  PortName y = *b.as_port();
  if (int order = compare_nodes(x.node, x.creation, y.node, y.creation)) return order;
  return three_way(x.id, y.id);
}

int compare_bits(const Term& a, const Term& b) noexcept {
  Bits x = *a.as_bits();
  Bits y = *b.as_bits();
  std::size_t common = std::min(x.bit_count, y.bit_count);
  if (common >= 8) {
    if (int order = std::memcmp(x.data, y.data, common / 8)) return order;
  }
  if (std::size_t rest = common % 8) {
    unsigned unused = 8 - static_cast<unsigned>(rest);
    int p = x.data[common / 8] >> unused;
    int q = y.data[common / 8] >> unused;
    if (p != q) return three_way(p, q);
  }
  return three_way(x.bit_count, y.bit_count);
}

// Compares what the terms are by themselves; 0 where they agree so far, and `next` then holds what
// is inside of them (with a count of 0 where nothing is).
int compare_heads(const Term& a, const Term& b, Numbers numbers, std::vector<Range>& stack,
                  Range& next) noexcept {
  next.count = 0;
  if (a.word() == b.word()) return 0;
  int rank = detail::order_rank(a);
  if (int other = detail::order_rank(b); rank != other) return rank - other;
  switch (a.kind()) {
    case TermKind::integer:
    case TermKind::floating:
      return compare_numbers(a, b, numbers);
    case TermKind::atom:
      return compare_atoms(*a.as_atom(), *b.as_atom());
    case TermKind::reference:
      return compare_references(a, b);
    case TermKind::port:
      return compare_ports(a, b);
    case TermKind::pid:
      return compare_pids(a, b);
    case TermKind::binary:
      return compare_bits(a, b);
    case TermKind::fun: {
      const TermBox* x = TermAccess::box(a);
      const TermBox* y = TermAccess::box(b);
      if (x->form != y->form) return three_way(y->form, x->form);  // closures before exports
      next = {detail::slots(x), detail::slots(y), std::min(x->size, y->size), 1, numbers};
      if (x->size != y->size) return three_way(x->size, y->size);
      return 0;
    }
    case TermKind::tuple: {
      if (a.size() != b.size()) return three_way(a.size(), b.size());
      next = {a.elements().data(), b.elements().data(), static_cast<std::uint32_t>(a.size()), 1,
              numbers};
      return 0;
    }
    case TermKind::map: {
      if (a.size() != b.size()) return three_way(a.size(), b.size());
      if (a.size() == 0) return 0;
      auto count = static_cast<std::uint32_t>(a.size());
      const MapEntry* x = a.entries().data();
      const MapEntry* y = b.entries().data();
      stack.push_back({&x->value, &y->value, count, 2, numbers});
      next = {&x->key, &y->key, count, 2, Numbers::integers_first};
      return 0;
    }
    case TermKind::list: {
      const TermBox* x = TermAccess::box(a);
      const TermBox* y = TermAccess::box(b);
      // Improper tails are among the compared terms. Where one list ends before the other, what
      // decides is how its tail stands to a list: nothing is equal to a non-empty one but a list.
      if (x->size == y->size) {
        if (x->form != y->form) {
          // [] against a tail that is no list.
          static const Term empty = Term::nil();
          const Term& p = x->form ? detail::slots(x)[x->size] : empty;
          const Term& q = y->form ? detail::slots(y)[y->size] : empty;
          stack.push_back({&p, &q, 1, 1, numbers});
          next = {detail::slots(x), detail::slots(y), x->size, 1, numbers};
        } else {
          next = {detail::slots(x), detail::slots(y), x->size + x->form, 1, numbers};
        }
        return 0;
      }
      const TermBox* shorter = x->size < y->size ? x : y;
      static const Term empty = Term::nil();
      static const Term some_list = list({0});
      const Term& tail = shorter->form ? detail::slots(shorter)[shorter->size] : empty;
      stack.push_back(x == shorter ? Range{&tail, &some_list, 1, 1, numbers}
                                   : Range{&some_list, &tail, 1, 1, numbers});
      next = {detail::slots(x), detail::slots(y), shorter->size, 1, numbers};
      return 0;
    }
  }
  return 0;
}

int compare_terms(const Term& left, const Term& right, Numbers numbers) noexcept {
  std::vector<Range> stack;  // takes memory only for terms inside of terms
  Range current{&left, &right, 1, 1, numbers};
  for (;;) {
    while (current.count == 0) {
      if (stack.empty()) return 0;
      current = stack.back();
      stack.pop_back();
    }
    const Term& a = *current.left;
    const Term& b = *current.right;
    Numbers how = current.numbers;
    if (--current.count != 0) {
      current.left += current.stride;
      current.right += current.stride;
    }
    if (a.word() == b.word()) continue;
    Range inside{};
    std::size_t below = stack.size();
    // What comes after the inside of a and b must lie under what their heads push.
    if (TermAccess::is_box(a) && TermAccess::is_box(b) && current.count != 0) {
      stack.push_back(current);
      if (int order = compare_heads(a, b, how, stack, inside)) return order;
      if (inside.count != 0 || stack.size() != below + 1) {
        current = inside;
      } else {
        stack.pop_back();
      }
    } else {
      if (int order = compare_heads(a, b, how, stack, inside)) return order;
      if (inside.count != 0) current = inside;
    }
  }
}

}  // namespace

std::weak_ordering Term::compare(const Term& left, const Term& right) noexcept {
  return compare_terms(left, right, Numbers::by_value) <=> 0;
}

std::strong_ordering map_order(const Term& left, const Term& right) noexcept {
  if (left.is_atom() && right.is_atom())
    return detail::atom_order(*left.as_atom(), *right.as_atom());
  return compare_terms(left, right, Numbers::integers_first) <=> 0;
}

bool Term::equal(const Term& left, const Term& right) noexcept {
  const TermBox* a = left.box();
  const TermBox* b = right.box();
  if (a->kind != b->kind) return false;
  switch (left.kind()) {
    case TermKind::binary:
      return a->size == b->size && a->bits == b->bits &&
             std::memcmp(payload(a), payload(b), a->size) == 0;
    case TermKind::floating:
      return payload_as<double>(a) == payload_as<double>(b);
    case TermKind::tuple:
    case TermKind::map:
    case TermKind::list:
      if (a->size != b->size || a->form != b->form) return false;
      break;
    default:
      break;
  }
  return compare_terms(left, right, Numbers::integers_first) == 0;
}

}  // namespace troupe
