// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/term.hpp>

#include "base/assert.hpp"
#include "term/box.hpp"

namespace troupe {

using detail::make_box;
using detail::payload;
using detail::payload_as;
using detail::TermAccess;
using detail::TermBox;

namespace {

void check_size(std::size_t size) {
  if (size > Term::max_size) throw std::length_error{"system_limit: a term is too large"};
}

// Room for `count` terms that the caller fills at once, so that no box is ever half built.
TermBox* make_slots(TermKind kind, std::size_t size, std::size_t count,
                    std::uint8_t form = detail::form_plain) {
  check_size(size);
  return make_box(kind, size, count * sizeof(Term), form);
}

Term copy_into(TermKind kind, std::span<const Term> elements) {
  TermBox* box = make_slots(kind, elements.size(), elements.size());
  std::uninitialized_copy(elements.begin(), elements.end(), detail::slots(box));
  return TermAccess::adopt(box);
}

template <class Payload>
Term box_value(TermKind kind, std::uint8_t form, const Payload& value) {
  TermBox* box = make_box(kind, 0, sizeof(Payload), form);
  ::new (static_cast<void*>(payload(box))) Payload{value};
  return TermAccess::adopt(box);
}

Term map_from_sorted(std::span<const MapEntry* const> entries) {
  TermBox* box = make_slots(TermKind::map, entries.size(), entries.size() * 2);
  Term* out = detail::slots(box);
  for (const MapEntry* entry : entries) {
    ::new (static_cast<void*>(out++)) Term{entry->key};
    ::new (static_cast<void*>(out++)) Term{entry->value};
  }
  return TermAccess::adopt(box);
}

}  // namespace

namespace detail {

// Boxes whose count reached zero wait in a list threaded through their own headers (the count and
// the owner are of no use any more), so that a term of any depth is freed in constant stack.
void free_term_box(TermBox* box) noexcept {
  static_assert(offsetof(TermBox, owner) == 4 && sizeof(TermBox*) == 8);
  TermBox* waiting = nullptr;
  auto push = [&](TermBox* dead) {
    auto link = reinterpret_cast<std::uintptr_t>(waiting);
    dead->references = static_cast<std::uint32_t>(link);
    dead->owner = static_cast<std::uint32_t>(link >> 32);
    waiting = dead;
  };
  push(box);
  while (waiting) {
    TermBox* dead = waiting;
    waiting = reinterpret_cast<TermBox*>(std::uintptr_t{dead->owner} << 32 | dead->references);
    if (dead->kind != block_kind) {
      Term* slot = slots(dead);
      for (Term* end = slot + slot_count(dead); slot != end; ++slot) {
        if (!TermAccess::is_box(*slot)) continue;
        TermBox* child = TermAccess::box(*slot)->counted();
        if (drop_reference(*child)) push(child);
      }
    }
    ::operator delete(dead);
  }
}

std::optional<Pid> known_pid(const ForeignPid& pid) noexcept {
  auto node = node_number({pid.node, pid.creation});
  if (!node) return std::nullopt;
  return Pid{*node, pid.id, pid.serial};
}

std::optional<Ref> known_ref(const ForeignRef& reference) noexcept {
  auto node = node_number({reference.node, reference.creation});
  bool fits =
      reference.word_count == 3 && reference.words[0] < 1u << 18 && reference.words[2] < 1u << 14;
  if (!node || !fits) return std::nullopt;
  return Ref{*node, reference.words[0] | std::uint64_t{reference.words[1]} << 18 |
                        std::uint64_t{reference.words[2]} << 50};
}

}  // namespace detail

std::uintptr_t Term::box_integer(bool negative, std::uint64_t magnitude) {
  TermBox* box = make_box(TermKind::integer, 1, sizeof(magnitude), negative ? 1 : 0);
  std::memcpy(payload(box), &magnitude, sizeof magnitude);
  return reinterpret_cast<std::uintptr_t>(box);
}

std::uintptr_t Term::box_double(double value) {
  if (!std::isfinite(value)) throw std::domain_error{"NaN and infinities are no Erlang floats"};
  TermBox* box = make_box(TermKind::floating, 0, sizeof value);
  std::memcpy(payload(box), &value, sizeof value);
  return reinterpret_cast<std::uintptr_t>(box);
}

std::expected<Term, TermError> Term::from_double(double value) {
  if (!std::isfinite(value)) return std::unexpected{TermError::not_finite};
  return Term{value};
}

Term::Term(Pid pid) : Term{box_value(TermKind::pid, detail::form_plain, pid)} {}

Term::Term(Ref reference) : Term{box_value(TermKind::reference, detail::form_plain, reference)} {}

Term::Term(const PortName& port) : Term{box_value(TermKind::port, detail::form_plain, port)} {}

Term::Term(const ForeignPid& pid) : Term{} {
  if (auto known = detail::known_pid(pid)) {
    *this = Term{*known};
  } else {
    *this = box_value(TermKind::pid, detail::form_other, pid);
  }
}

Term::Term(const ForeignRef& reference) : Term{} {
  ForeignRef kept = reference;
  kept.word_count = std::clamp(kept.word_count, 1u, 5u);
  for (std::uint32_t i = kept.word_count; i < 5; ++i) kept.words[i] = 0;
  if (auto known = detail::known_ref(kept)) {
    *this = Term{*known};
  } else {
    *this = box_value(TermKind::reference, detail::form_other, kept);
  }
}

Term Term::binary(std::string_view bytes) {
  return bitstring(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size() * 8);
}

Term Term::binary(std::span<const std::byte> bytes) {
  return bitstring(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size() * 8);
}

Term Term::bitstring(const std::uint8_t* data, std::size_t bit_count) {
  std::size_t size = (bit_count + 7) / 8;
  check_size(size);
  TermBox* box = make_box(TermKind::binary, size, size);
  if (size != 0) std::memcpy(payload(box), data, size);
  box->bits = bit_count % 8;
  if (box->bits != 0) {
    payload(box)[size - 1] &= static_cast<std::byte>(0xff00 >> box->bits);
  }
  return TermAccess::adopt(box);
}

Term Term::char_list(std::string_view bytes) {
  if (bytes.empty()) return nil();
  TermBox* box = make_slots(TermKind::list, bytes.size(), bytes.size());
  Term* out = detail::slots(box);
  for (char c : bytes) ::new (static_cast<void*>(out++)) Term{static_cast<std::uint8_t>(c)};
  return TermAccess::adopt(box);
}

Term Term::big(bool negative, std::span<const std::uint64_t> limbs) {
  while (!limbs.empty() && limbs.back() == 0) limbs = limbs.first(limbs.size() - 1);
  if (limbs.empty()) return Term{0};
  constexpr std::uint64_t top = std::uint64_t{1} << 63;
  if (limbs.size() == 1 && (limbs[0] < top || (negative && limbs[0] == top))) {
    return Term{static_cast<std::int64_t>(negative ? 0 - limbs[0] : limbs[0])};
  }
  if (limbs.size() > max_big_limbs) {
    throw std::length_error{"system_limit: integers have at most 131,072 bits"};
  }
  TermBox* box = make_box(TermKind::integer, limbs.size(), limbs.size_bytes(), negative ? 1 : 0);
  std::memcpy(payload(box), limbs.data(), limbs.size_bytes());
  return TermAccess::adopt(box);
}

Term Term::list_with_tail(std::span<const Term> elements, Term tail) {
  if (elements.empty()) return tail;
  std::span<const Term> more = tail.is_list() ? tail.elements() : std::span<const Term>{};
  Term last = tail.is_list() ? tail.tail() : std::move(tail);
  bool improper = !last.is_nil();
  std::size_t size = elements.size() + more.size();
  TermBox* box = make_slots(TermKind::list, size, size + improper, improper);
  Term* out = std::uninitialized_copy(elements.begin(), elements.end(), detail::slots(box));
  out = std::uninitialized_copy(more.begin(), more.end(), out);
  if (improper) ::new (static_cast<void*>(out)) Term{std::move(last)};
  return TermAccess::adopt(box);
}

Term Term::external_fun(Atom module, Atom function, std::uint8_t arity) {
  const Term parts[] = {module, function, arity};
  return copy_into(TermKind::fun, parts);
}

bool Term::is_atom(std::string_view text) const noexcept {
  auto atom = as_atom();
  return atom && atom->text() == text;
}

bool Term::is_tagged(Atom tag) const noexcept {
  return is_tuple() && size() != 0 && elements()[0].is_atom(tag);
}

bool Term::is_proper_list() const noexcept {
  return is_nil() || (is_list() && box()->form == detail::form_plain);
}

bool Term::is_binary() const noexcept { return is_bitstring() && box()->bits == 0; }

std::optional<bool> Term::as_bool() const noexcept {
  if (is_atom(atoms::true_)) return true;
  if (is_atom(atoms::false_)) return false;
  return std::nullopt;
}

std::optional<std::int64_t> Term::as_int() const noexcept {
  if (TermAccess::is_small(*this)) return TermAccess::small(*this);
  if (!is_integer() || box()->size != 1) return std::nullopt;
  auto limb = payload_as<std::uint64_t>(box());
  constexpr std::uint64_t top = std::uint64_t{1} << 63;
  if (box()->form != 0) {
    if (limb <= top) return static_cast<std::int64_t>(0 - limb);
  } else if (limb < top) {
    return static_cast<std::int64_t>(limb);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Term::as_uint() const noexcept {
  if (TermAccess::is_small(*this)) {
    std::int64_t value = TermAccess::small(*this);
    return value < 0 ? std::nullopt : std::optional{static_cast<std::uint64_t>(value)};
  }
  if (!is_integer() || box()->size != 1 || box()->form != 0) return std::nullopt;
  return payload_as<std::uint64_t>(box());
}

std::optional<BigInteger> Term::as_big() const noexcept {
  if (!is_integer() || as_int()) return std::nullopt;
  return BigInteger{box()->form != 0, {&payload_as<std::uint64_t>(box()), box()->size}};
}

std::optional<double> Term::as_double() const noexcept {
  if (!is_float()) return std::nullopt;
  return payload_as<double>(box());
}

std::optional<double> Term::as_number() const noexcept {
  if (is_float()) return payload_as<double>(box());
  if (auto value = as_int()) return static_cast<double>(*value);
  auto big = as_big();
  if (!big) return std::nullopt;
  // Rounded once: the top 64 bits with all lower ones folded into the last, which lies far below
  // the 53 bits a double keeps.
  std::size_t last = big->limbs.size() - 1;
  int shift = std::countl_zero(big->limbs[last]);
  std::uint64_t top = big->limbs[last] << shift;
  if (last > 0 && shift > 0) top |= big->limbs[last - 1] >> (64 - shift);
  bool rest = last > 0 && shift < 64 && (big->limbs[last - 1] << shift) != 0;
  for (std::size_t i = 0; i + 1 < last; ++i) rest = rest || big->limbs[i] != 0;
  if (rest) top |= 1;
  double magnitude = std::ldexp(static_cast<double>(top), static_cast<int>(last) * 64 - shift);
  if (!std::isfinite(magnitude)) return std::nullopt;
  return big->negative ? -magnitude : magnitude;
}

std::optional<std::string_view> Term::as_binary() const noexcept {
  if (!is_binary()) return std::nullopt;
  return std::string_view{reinterpret_cast<const char*>(payload(box())), box()->size};
}

std::optional<Bits> Term::as_bits() const noexcept {
  if (!is_bitstring()) return std::nullopt;
  std::size_t unused = box()->bits == 0 ? 0 : 8u - box()->bits;
  return Bits{reinterpret_cast<const std::uint8_t*>(payload(box())),
              std::size_t{box()->size} * 8 - unused};
}

std::optional<Pid> Term::as_pid() const noexcept {
  if (!is_pid()) return std::nullopt;
  if (box()->form == detail::form_plain) return payload_as<Pid>(box());
  // The node may have got its number after this term was made.
  return detail::known_pid(payload_as<ForeignPid>(box()));
}

std::optional<Ref> Term::as_ref() const noexcept {
  if (!is_reference()) return std::nullopt;
  if (box()->form == detail::form_plain) return payload_as<Ref>(box());
  return detail::known_ref(payload_as<ForeignRef>(box()));
}

std::optional<ForeignPid> Term::as_foreign_pid() const noexcept {
  if (!is_pid()) return std::nullopt;
  if (box()->form != detail::form_plain) return payload_as<ForeignPid>(box());
  const auto& pid = payload_as<Pid>(box());
  NodeName node = node_name(pid.node());
  return ForeignPid{node.name, node.creation, pid.index(), pid.generation()};
}

std::optional<ForeignRef> Term::as_foreign_ref() const noexcept {
  if (!is_reference()) return std::nullopt;
  if (box()->form != detail::form_plain) return payload_as<ForeignRef>(box());
  const auto& reference = payload_as<Ref>(box());
  NodeName node = node_name(reference.node());
  std::uint64_t id = reference.id();
  return ForeignRef{node.name,
                    node.creation,
                    3,
                    {static_cast<std::uint32_t>(id & 0x3'ffff),
                     static_cast<std::uint32_t>(id >> 18), static_cast<std::uint32_t>(id >> 50)}};
}

std::optional<PortName> Term::as_port() const noexcept {
  if (!is_port()) return std::nullopt;
  return payload_as<PortName>(box());
}

std::optional<std::string> Term::as_text() const {
  if (auto bytes = as_binary()) return std::string{*bytes};
  if (!is_proper_list()) return std::nullopt;
  std::string text;
  text.reserve(size());
  for (const Term& element : elements()) {
    auto code = element.as_int();
    if (!code || *code < 0 || *code > 255) return std::nullopt;
    text += static_cast<char>(*code);
  }
  return text;
}

std::size_t Term::size() const noexcept {
  switch (kind()) {
    case TermKind::tuple:
    case TermKind::map:
    case TermKind::binary:
      return box()->size;
    case TermKind::list:
      return is_nil() ? 0 : box()->size;
    default:
      return 0;
  }
}

std::span<const Term> Term::elements() const noexcept {
  if (!is_box()) return {};
  TermBox* box = this->box();
  auto kind = static_cast<TermKind>(box->kind);
  if (kind != TermKind::tuple && kind != TermKind::list) return {};
  return {detail::slots(box), box->size};
}

Term Term::tail() const noexcept {
  if (!is_box() || !is_list() || box()->form == detail::form_plain) return nil();
  return detail::slots(box())[box()->size];
}

std::span<const MapEntry> Term::entries() const noexcept {
  static_assert(sizeof(MapEntry) == 2 * sizeof(Term));
  if (!is_map()) return {};
  return {reinterpret_cast<const MapEntry*>(payload(box())), box()->size};
}

const Term* Term::find(const Term& key) const noexcept {
  auto all = entries();
  // Up to a few entries a scan by identity finds atoms and small integers without an ordering.
  if (!TermAccess::is_box(key) && all.size() <= 16) {
    for (const MapEntry& entry : all) {
      if (entry.key.word_ == key.word_) return &entry.value;
    }
    return nullptr;
  }
  auto found = std::lower_bound(
      all.begin(), all.end(), key,
      [](const MapEntry& entry, const Term& k) { return map_order(entry.key, k) < 0; });
  return found != all.end() && found->key == key ? &found->value : nullptr;
}

Term Term::with(Term key, Term value) const {
  MapEntry added{std::move(key), std::move(value)};
  std::vector<const MapEntry*> sorted;
  auto all = entries();
  sorted.reserve(all.size() + 1);
  bool placed = false;
  for (const MapEntry& entry : all) {
    if (!placed) {
      auto order = map_order(entry.key, added.key);
      if (order >= 0) {
        sorted.push_back(&added);
        placed = true;
        if (order == 0) continue;
      }
    }
    sorted.push_back(&entry);
  }
  if (!placed) sorted.push_back(&added);
  return map_from_sorted(sorted);
}

Term Term::without(const Term& key) const {
  std::vector<const MapEntry*> sorted;
  sorted.reserve(size());
  for (const MapEntry& entry : entries()) {
    if (entry.key != key) sorted.push_back(&entry);
  }
  return map_from_sorted(sorted);
}

// Decoding gives a term one block of its own, so a round through the format is all that is needed.
Term Term::compacted() const {
  if (!is_box()) return *this;
  constexpr std::size_t any = ~std::size_t{0};
  auto copy = binary_to_term(term_to_binary(*this), {.limits = {any, any, any, any}});
  TROUPE_ASSERT(copy, "a term must survive encoding");
  return std::move(*copy);
}

Term tuple(std::initializer_list<Term> elements) {
  return tuple(std::span{elements.begin(), elements.size()});
}

Term tuple(std::span<const Term> elements) { return copy_into(TermKind::tuple, elements); }

Term list(std::initializer_list<Term> elements) {
  return list(std::span{elements.begin(), elements.size()});
}

Term list(std::span<const Term> elements) {
  return elements.empty() ? Term::nil() : copy_into(TermKind::list, elements);
}

Term map(std::initializer_list<MapEntry> entries) {
  return map(std::span{entries.begin(), entries.size()});
}

Term map(std::span<const MapEntry> entries) {
  std::vector<const MapEntry*> sorted;
  sorted.reserve(entries.size());
  for (const MapEntry& entry : entries) sorted.push_back(&entry);
  // Entries with equal keys stay in the order given, for the last of them to win.
  std::sort(sorted.begin(), sorted.end(), [](const MapEntry* a, const MapEntry* b) {
    auto order = map_order(a->key, b->key);
    return order < 0 || (order == 0 && a < b);
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i + 1 < sorted.size() && sorted[i]->key == sorted[i + 1]->key) continue;
    sorted[kept++] = sorted[i];
  }
  sorted.resize(kept);
  return map_from_sorted(sorted);
}

}  // namespace troupe
