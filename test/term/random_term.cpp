// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/random_term.hpp"

#include <bit>
#include <cmath>
#include <string>
#include <vector>

namespace troupe::test {
namespace {

std::size_t upto(Prng& random, std::size_t most) { return random.below(most + 1); }

Term random_integer(Prng& random) {
  switch (random.below(4)) {
    case 0:
      return Term{static_cast<std::int64_t>(random.below(600)) - 300};
    case 1: {
      std::int64_t power = std::int64_t{1} << random.below(63);
      std::int64_t near = power + static_cast<std::int64_t>(random.below(3)) - 1;
      return random.below(2) ? Term{near} : Term{-near};
    }
    case 2:
      return Term{random.next()};
    default: {
      std::vector<std::uint64_t> limbs(1 + random.below(10));
      for (auto& limb : limbs) limb = random.below(4) ? random.next() : 0;
      return Term::big(random.below(2) != 0, limbs);
    }
  }
}

double random_double(Prng& random) {
  constexpr double edges[] = {0.0,      1.0,
                              -1.0,     0.1,
                              1e15,     1e16,
                              1e22,     1e-5,
                              1e-7,     5e-324,
                              1.5e300,  1e100,
                              123456.0, 9007199254740993.0,
                              1000.0,   0.00012,
                              1234.5e9, 2.5,
                              -100.0,   1.7976931348623157e308};
  if (random.below(3) == 0) return edges[random.below(std::size(edges))];
  if (random.below(3) == 0) return static_cast<double>(random.below(1'000'000)) / 1000;
  double value = std::bit_cast<double>(random.next());
  return std::isfinite(value) ? value : 0.5;
}

Term random_atom(Prng& random) {
  constexpr std::string_view known[] = {"ok",   "error", "nil",  "true",   "end",       "EXIT",
                                        "A b",  "a@b",   "",     "fun",    "maybe",     "x_Y9",
                                        "\n",   "'",     "\\",   "äöü",    "Ärger",     "λx",
                                        "日本", "a÷",    "\x01", "\u0085", "Elixir.Foo"};
  if (random.below(3) != 0) return atom(known[random.below(std::size(known))]);
  std::string text;
  for (std::size_t i = upto(random, 9); i > 0; --i) {
    text += static_cast<char>('a' + static_cast<char>(random.below(26)));
  }
  return atom(text);
}

std::string random_bytes(Prng& random, std::size_t most) {
  std::string bytes(upto(random, most), '\0');
  bool text = random.below(2) != 0;
  for (char& c : bytes) c = static_cast<char>(text ? ' ' + random.below(95) : random.next());
  return bytes;
}

Term random_identity(Prng& random) {
  const Atom nodes[] = {Atom{"a@b"}, Atom{"other@host.example"}, Atom{"ä@ö"}};
  Atom node = nodes[random.below(3)];
  auto creation = static_cast<std::uint32_t>(random.below(4));
  switch (random.below(5)) {
    case 0:
      return ForeignPid{node, creation, static_cast<std::uint32_t>(random.below(1 << 15)),
                        static_cast<std::uint32_t>(random.below(1 << 13))};
    case 1: {
      ForeignRef reference{node, creation, static_cast<std::uint32_t>(1 + random.below(3)), {}};
      for (std::size_t i = 0; i < reference.word_count; ++i) {
        reference.words[i] = static_cast<std::uint32_t>(random.below(1 << 18));
      }
      return reference;
    }
    case 2:
      return PortName{node, creation, random.below(std::uint64_t{1} << 40)};
    case 3:
      return Pid{1 + static_cast<std::uint32_t>(random.below(3)), 7, 1};
    default:
      return Ref{1, random.next()};
  }
}

std::vector<Term> random_terms(Prng& random, int depth) {
  std::vector<Term> terms;
  for (std::size_t i = upto(random, 5); i > 0; --i) terms.push_back(random_term(random, depth - 1));
  return terms;
}

}  // namespace

Term random_term(Prng& random, int depth) {
  switch (random.below(depth <= 1 ? 8 : 14)) {
    case 0:
    case 1:
      return random_integer(random);
    case 2:
      return random_double(random);
    case 3:
      return random_atom(random);
    case 4:
      return Term::binary(random_bytes(random, 40));
    case 5: {
      std::string bytes = random_bytes(random, 20) + "x";
      return Term::bitstring(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size() * 8 - random.below(8));
    }
    case 6:
      return Term::char_list(random_bytes(random, 20));
    case 7:
      return random.below(3) ? random_identity(random)
                             : Term::external_fun(Atom{"lists"}, Atom{"map"}, 2);
    case 8:
    case 9:
      return tuple(random_terms(random, depth));
    case 10:
    case 11:
      return list(random_terms(random, depth));
    case 12:
      return Term::list_with_tail(random_terms(random, depth), random_term(random, depth - 1));
    default: {
      std::vector<MapEntry> entries;
      for (std::size_t i = upto(random, random.below(6) ? 6 : 50); i > 0; --i) {
        int below = i > 6 ? 1 : depth - 1;
        entries.push_back({random_term(random, below), random_term(random, below)});
      }
      return map(entries);
    }
  }
}

}  // namespace troupe::test
