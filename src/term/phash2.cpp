// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include <troupe/term.hpp>

#include "term/atom_text.hpp"
#include "term/box.hpp"

// erlang:phash2/1. The numbers are part of OTP's interface (they may not differ between releases,
// machines and representations), so this follows its definition step for step: Bob Jenkins' mix
// over 32-bit words, with one multiple of the golden ratio per kind of term.
namespace troupe {
namespace {

using detail::payload;
using detail::payload_as;
using detail::TermAccess;
using detail::TermBox;

constexpr std::uint32_t golden = 0x9e37'79b9;
constexpr std::uint32_t salt(std::uint32_t kind) noexcept { return golden * kind; }

void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c) noexcept {
  a -= b, a -= c, a ^= c >> 13;
  b -= c, b -= a, b ^= a << 8;
  c -= a, c -= b, c ^= b >> 13;
  a -= b, a -= c, a ^= c >> 12;
  b -= c, b -= a, b ^= a << 16;
  c -= a, c -= b, c ^= b >> 5;
  a -= b, a -= c, a ^= c >> 3;
  b -= c, b -= a, b ^= a << 10;
  c -= a, c -= b, c ^= b >> 15;
}

void add(std::uint32_t& hash, std::uint32_t first, std::uint32_t second,
         std::uint32_t with) noexcept {
  std::uint32_t a = with + first;
  std::uint32_t b = with + second;
  mix(a, b, hash);
}

std::uint32_t hash_bytes(const std::uint8_t* data, std::size_t size, std::uint32_t start) noexcept {
  std::uint32_t a = golden;
  std::uint32_t b = golden;
  std::uint32_t c = start;
  auto word = [&](std::size_t at) {
    return std::uint32_t{data[at]} | std::uint32_t{data[at + 1]} << 8 |
           std::uint32_t{data[at + 2]} << 16 | std::uint32_t{data[at + 3]} << 24;
  };
  std::size_t at = 0;
  for (; size - at >= 12; at += 12) {
    a += word(at);
    b += word(at + 4);
    c += word(at + 8);
    mix(a, b, c);
  }
  // The lowest byte of c is left to the length.
  c += static_cast<std::uint32_t>(size);
  std::uint8_t rest[12] = {};
  if (size != at) std::memcpy(rest, data + at, size - at);
  data = rest;
  a += word(0);
  b += word(4);
  c += std::uint32_t{rest[8]} << 8 | std::uint32_t{rest[9]} << 16 | std::uint32_t{rest[10]} << 24;
  mix(a, b, c);
  return c;
}

void hash_integer(std::uint32_t& hash, const Term& term) noexcept {
  auto small = term.as_int();
  if (small && *small >= -(1 << 27) && *small < 1 << 27) {
    auto value = static_cast<std::int32_t>(*small);
    if (value < 0) add(hash, static_cast<std::uint32_t>(-value), 0, golden);
    add(hash, static_cast<std::uint32_t>(value), 0, golden);
    return;
  }
  auto add_limb = [&](bool negative, std::uint64_t limb) {
    add(hash, static_cast<std::uint32_t>(limb), static_cast<std::uint32_t>(limb >> 32),
        salt(negative ? 10 : 11));
  };
  if (small) {
    auto magnitude = static_cast<std::uint64_t>(*small);
    add_limb(*small < 0, *small < 0 ? 0 - magnitude : magnitude);
    return;
  }
  BigInteger big = *term.as_big();
  for (std::uint64_t limb : big.limbs) add_limb(big.negative, limb);
}

void hash_bits(std::uint32_t& hash, const Term& term) noexcept {
  Bits bits = *term.as_bits();
  std::uint32_t start = salt(13) + hash;
  if (bits.bit_count == 0) {
    hash = start;
    return;
  }
  std::size_t whole = bits.bit_count / 8;
  hash = hash_bytes(bits.data, whole, start);
  if (auto rest = static_cast<std::uint32_t>(bits.bit_count % 8)) {
    add(hash, rest, bits.data[whole] >> (8 - rest), salt(15));
  }
}

// A map hashes independently of the order of its pairs: each pair by itself, starting from 0, and
// the results combined by exclusive or.
struct Step {
  enum class What : std::uint8_t { term, list_from, pair_end, map_end };
  What what;
  std::uint32_t from = 0;      // list_from: the index to go on at; map_end: the saved pairs
  std::uint32_t hash = 0;      // map_end: the hash before the map
  const Term* term = nullptr;  // term, list_from
};

class Hasher {
 public:
  std::uint32_t run(const Term& root) {
    hash_term(root);
    while (!steps_.empty()) {
      Step step = steps_.back();
      steps_.pop_back();
      switch (step.what) {
        case Step::What::term:
          hash_term(*step.term);
          break;
        case Step::What::list_from:
          hash_list(*step.term, step.from);
          break;
        case Step::What::pair_end:
          pairs_ ^= hash_;
          hash_ = 0;
          break;
        case Step::What::map_end:
          hash_ = step.hash;
          add(hash_, pairs_, 0, salt(19));
          pairs_ = step.from;
          break;
      }
    }
    return hash_;
  }

 private:
  void hash_term(const Term& term) {
    switch (term.kind()) {
      case TermKind::integer:
        hash_integer(hash_, term);
        return;
      case TermKind::floating: {
        double value = *term.as_double();
        auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
        add(hash_, static_cast<std::uint32_t>(bits >> 32), static_cast<std::uint32_t>(bits),
            salt(12));
        return;
      }
      case TermKind::atom: {
        std::uint32_t own = detail::atom_entry(*term.as_atom()).erlang_hash;
        if (hash_ == 0) {
          hash_ = own;
        } else {
          add(hash_, own, 0, salt(3));
        }
        return;
      }
      case TermKind::reference:
        add(hash_, term.as_foreign_ref()->words[0], 0, salt(7));
        return;
      case TermKind::pid:
        add(hash_, term.as_foreign_pid()->id, 0, salt(5));
        return;
      case TermKind::port: {
        std::uint64_t id = term.as_port()->id;
        add(hash_, static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32), salt(6));
        return;
      }
      case TermKind::binary:
        hash_bits(hash_, term);
        return;
      case TermKind::tuple:
        add(hash_, static_cast<std::uint32_t>(term.size()), 0, salt(9));
        push_all(term.elements());
        return;
      case TermKind::list:
        hash_list(term, 0);
        return;
      case TermKind::map: {
        auto entries = term.entries();
        add(hash_, static_cast<std::uint32_t>(entries.size()), 0, salt(16));
        if (entries.empty()) return;
        steps_.push_back({Step::What::map_end, pairs_, hash_, nullptr});
        hash_ = 0;
        pairs_ = 0;
        for (const MapEntry& entry : entries) {
          steps_.push_back({Step::What::pair_end});
          push(entry.value);
          push(entry.key);
        }
        return;
      }
      case TermKind::fun:
        hash_fun(term);
        return;
    }
  }

  void hash_nil() noexcept {
    if (hash_ == 0) {
      hash_ = 3'468'870'702;
    } else {
      add(hash_, 2, 0, salt(2));
    }
  }

  // Runs of bytes count four at a time. Any other element is hashed by itself, then the rest as the
  // list it is; `from` may be at the end, where the tail follows.
  void hash_list(const Term& list, std::uint32_t from) {
    auto elements = list.elements();
    std::uint32_t word = 0;
    int bytes = 0;
    while (from < elements.size()) {
      auto value = elements[from].as_int();
      if (!value || *value < 0 || *value > 255) break;
      word = word << 8 | static_cast<std::uint32_t>(*value);
      if (++bytes == 4) {
        add(hash_, word, 0, salt(4));
        word = 0;
        bytes = 0;
      }
      ++from;
    }
    if (bytes > 0) add(hash_, word, 0, salt(4));
    if (from < elements.size()) {
      steps_.push_back({Step::What::list_from, from + 1, 0, &list});
      push(elements[from]);
      return;
    }
    if (list.is_proper_list()) {
      hash_nil();
    } else {
      push(detail::slots(TermAccess::box(list))[elements.size()]);
    }
  }

  void hash_fun(const Term& fun) {
    const TermBox* box = TermAccess::box(fun);
    const Term* parts = detail::slots(box);
    auto atom_hash = [](const Term& term) {
      auto atom = term.as_atom();
      return atom ? detail::atom_entry(*atom).erlang_hash : 0;
    };
    auto number = [](const Term& term) {
      return static_cast<std::uint32_t>(term.as_int().value_or(0));
    };
    if (box->form == detail::fun_external) {
      add(hash_, number(parts[2]), atom_hash(parts[0]), golden);
      add(hash_, atom_hash(parts[1]), 0, salt(14));
      return;
    }
    bool ancient = box->form == detail::fun_ancient;
    std::uint32_t first_free = ancient ? 4 : 7;
    add(hash_, box->size - first_free, atom_hash(parts[ancient ? 1 : 3]), golden);
    add(hash_, number(parts[ancient ? 2 : 4]), number(parts[ancient ? 3 : 5]), golden);
    push_all({parts + first_free, box->size - first_free});
  }

  void push(const Term& term) { steps_.push_back({Step::What::term, 0, 0, &term}); }
  void push_all(std::span<const Term> terms) {
    for (std::size_t i = terms.size(); i-- > 0;) push(terms[i]);
  }

  std::vector<Step> steps_;
  std::uint32_t hash_ = 0;
  std::uint32_t pairs_ = 0;
};

}  // namespace

std::uint32_t phash2(const Term& term) {
  constexpr std::uint32_t range = 1u << 27;
  if (term.is_atom()) return detail::atom_entry(*term.as_atom()).erlang_hash % range;
  return Hasher{}.run(term) % range;
}

std::uint32_t phash2(const Term& term, std::uint64_t range) {
  if (range == 0 || range > std::uint64_t{1} << 32) return 0;
  if (term.is_atom()) {
    return static_cast<std::uint32_t>(detail::atom_entry(*term.as_atom()).erlang_hash % range);
  }
  return static_cast<std::uint32_t>(Hasher{}.run(term) % range);
}

}  // namespace troupe
