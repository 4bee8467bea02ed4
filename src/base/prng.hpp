// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "base/assert.hpp"

namespace troupe {

// A bijection of 64 bits in which every input bit changes each output bit with probability near one
// half: the output function of SplitMix64, variant 13 of David Stafford's "Better bit mixing"
// (2011). It maps 0 to 0.
constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A small deterministic generator for simulation, sampling, back-off and tests: the same seed gives
// the same numbers with every compiler and library, which the distributions of <random> do not
// promise. Never for secrets; those come from the host's entropy.
//
// xoshiro256**: D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM
// Trans. Math. Softw. 47(4), 2021. The four words are filled by SplitMix64 (G. Steele, D. Lea and
// C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), as its authors advise:
// consecutive seeds then give unrelated streams, and the state is never all zero, because four
// consecutive outputs of a bijection over a counter are distinct.
class Prng {
 public:
  using result_type = std::uint64_t;

  explicit constexpr Prng(std::uint64_t seed) noexcept : seed_{seed} {
    std::uint64_t counter = seed;
    for (std::uint64_t& word : state_) word = mix64(counter += golden);
  }

  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, n). The upper half of a product instead of a division: D. Lemire, "Fast Random
  // Integer Generation in an Interval", ACM Trans. Model. Comput. Simul. 29(1), 2019. The few
  // products that would favour some values are drawn again.
  constexpr std::uint64_t below(std::uint64_t n) noexcept {
    TROUPE_ASSERT(n > 0, "there is no number below zero");
    Wide product = Wide{next()} * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t uneven = (0 - n) % n;
      while (static_cast<std::uint64_t>(product) < uneven) product = Wide{next()} * n;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  // Uniform in [low, high], both included; the whole range of 64 bits is one too.
  constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    TROUPE_ASSERT(low <= high, "an empty range has no element");
    const std::uint64_t extent = high - low;
    return extent == max() ? next() : low + below(extent + 1);
  }

  // Uniform in [0, 1), a multiple of 2^-53.
  constexpr double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // True with probability p: never for p <= 0, always for p >= 1. Always draws once, so that the
  // numbers that follow do not depend on p.
  constexpr bool chance(double p) noexcept { return fraction() < p; }

  // Fisher and Yates, as in Knuth, TAOCP 2, algorithm 3.4.2 P.
  template <class T>
  constexpr void shuffle(std::span<T> items) noexcept {
    for (std::size_t left = items.size(); left > 1; --left) {
      std::swap(items[left - 1], items[below(left)]);
    }
  }

  // A generator of its own for one purpose or one process. It depends on the seed and the stream's
  // number only, not on what was drawn before, so that adding a draw in one place moves no other
  // stream. Derived generators can be derived from again.
  constexpr Prng derive(std::uint64_t stream) const noexcept {
    return Prng{mix64(mix64(seed_ + golden) ^ mix64(stream ^ stream_salt))};
  }

  // As the standard's UniformRandomBitGenerator.
  constexpr std::uint64_t operator()() noexcept { return next(); }
  static constexpr std::uint64_t min() noexcept { return 0; }
  static constexpr std::uint64_t max() noexcept {
    return std::numeric_limits<std::uint64_t>::max();
  }

 private:
  __extension__ using Wide = unsigned __int128;

  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio
  static constexpr std::uint64_t stream_salt = 0x6a09e667f3bcc908;  // the fraction of sqrt 2

  std::uint64_t seed_;
  std::uint64_t state_[4];
};

}  // namespace troupe
