// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/prng.hpp"

namespace troupe {

// What makes the hashes of one table different from another's. Tables whose keys come from outside
// take two words of the host's entropy, so that nobody can prepare keys that collide; the default
// is for keys of our own, and for programs that must run the same twice.
struct HashKey {
  std::uint64_t low = 0x243f6a8885a308d3;  // the fraction of pi
  std::uint64_t high = 0x13198a2e03707344;
};

namespace detail {

constexpr void sip_round(std::uint64_t (&v)[4]) noexcept {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = std::rotl(v[1], 13) ^ v[0];
  v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] = std::rotl(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = std::rotl(v[1], 17) ^ v[2];
  v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] = std::rotl(v[2], 32);
}

inline std::uint64_t load_u64(const char* bytes, std::size_t count) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace detail

// SipHash: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.
// `CompressionRounds` and `FinalRounds` are the paper's c and d. Tables use SipHash-1-3, the
// variant its authors propose for hash tables.
template <int CompressionRounds, int FinalRounds>
inline std::uint64_t sip_hash(std::string_view bytes, const HashKey& key) noexcept {
  std::uint64_t v[4] = {key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d,
                        key.low ^ 0x6c7967656e657261, key.high ^ 0x7465646279746573};
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  const auto compress = [&v](std::uint64_t word) {
    v[3] ^= word;
    for (int round = 0; round < CompressionRounds; ++round) detail::sip_round(v);
    v[0] ^= word;
  };
  for (; left >= 8; at += 8, left -= 8) compress(detail::load_u64(at, 8));
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  if (left > 0) last |= detail::load_u64(at, left);
  compress(last);
  v[2] ^= 0xff;
  for (int round = 0; round < FinalRounds; ++round) detail::sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// The hash of a key, and `Query`, the type a table of such keys is asked with: all 64 bits are
// mixed, so a table may use any of them.
template <class K>
struct Hash;

template <class K>
  requires std::integral<K> || std::is_enum_v<K>
struct Hash<K> {
  using Query = K;
  std::uint64_t operator()(K key) const noexcept {
    // A constant first, because mix64 leaves zero alone.
    return mix64(static_cast<std::uint64_t>(key) + 0x9e3779b97f4a7c15);
  }
};

// By address, for tables of objects that do not move.
template <class T>
struct Hash<T*> {
  using Query = T*;
  std::uint64_t operator()(const T* key) const noexcept {
    return mix64(reinterpret_cast<std::uintptr_t>(key));
  }
};

// Pid and Ref, known by their shape: base is below the headers that declare them.
template <class K>
  requires requires(const K& key) { key.node(), key.index(), key.generation(); }
struct Hash<K> {
  using Query = K;
  std::uint64_t operator()(const K& key) const noexcept {
    const std::uint64_t place = std::uint64_t{key.generation()} << 32 | key.index();
    return mix64(place + 0x9e3779b97f4a7c15 * (std::uint64_t{key.node()} + 1));
  }
};
template <class K>
  requires requires(const K& key) { key.node(), key.id(); }
struct Hash<K> {
  using Query = K;
  std::uint64_t operator()(const K& key) const noexcept {
    return mix64(key.id() + 0x9e3779b97f4a7c15 * (std::uint64_t{key.node()} + 1));
  }
};

// Tables of strings are asked with a std::string_view, so that a look-up allocates nothing.
template <>
struct Hash<std::string_view> {
  using Query = std::string_view;
  std::uint64_t operator()(std::string_view text) const noexcept {
    return sip_hash<1, 3>(text, key);
  }
  HashKey key{};
};
template <>
struct Hash<std::string> : Hash<std::string_view> {};

}  // namespace troupe
