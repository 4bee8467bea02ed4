// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <stdexcept>
#include <string>

#include <troupe/atom.hpp>

#include "term/atom_text.hpp"
#include "term/predefined_atoms.hpp"
#include "term/utf8.hpp"

// The atom table: entries in chunks that never move, found by text through an open-addressed table
// of indices. Readers take no lock: an entry is complete before its index is published, and a table
// that grew leaves its predecessor in place for readers that still probe it (the predecessors
// together are no larger than the current one).
namespace troupe {
namespace {

using detail::atom_chunk_size;
using detail::atom_chunks;
using detail::AtomEntry;

constexpr std::uint32_t no_index = 0xffff'ffff;

// hashpjw over the characters up to U+00FF and the bytes of the others: what phash2 is defined by.
constexpr std::uint32_t erlang_atom_hash(std::string_view text) noexcept {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<std::uint8_t>(text[i]);
    if (i + 1 < text.size() && (byte & 0xfe) == 0xc2) {
      byte = static_cast<std::uint8_t>(byte << 6 | (static_cast<std::uint8_t>(text[++i]) & 0x3f));
    }
    hash = (hash << 4) + byte;
    if (std::uint32_t high = hash & 0xf000'0000) hash ^= high >> 24 ^ high;
  }
  return hash;
}

constexpr std::uint64_t order_prefix(std::string_view text) noexcept {
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | (i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0);
  }
  return prefix;
}

constexpr AtomEntry make_entry(std::string_view text, const char* kept) noexcept {
  return {kept, order_prefix(text), 0, erlang_atom_hash(text),
          static_cast<std::uint16_t>(text.size())};
}

// By words that overlap where the text has no whole number of them: atoms are too short for memcmp
// to be worth its call.
bool is_text_of(const AtomEntry& entry, std::string_view text) noexcept {
  std::size_t size = text.size();
  if (entry.size != size) return false;
  const char* a = entry.text;
  const char* b = text.data();
  auto differ = [&]<class Word>(Word, std::size_t at) {
    Word x;
    Word y;
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    return x != y;
  };
  if (size > 16) return std::memcmp(a, b, size) == 0;
  if (size >= 8) return !(differ(std::uint64_t{}, 0) || differ(std::uint64_t{}, size - 8));
  if (size >= 4) return !(differ(std::uint32_t{}, 0) || differ(std::uint32_t{}, size - 4));
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

using Chunk = std::array<AtomEntry, atom_chunk_size>;

consteval Chunk predefined_chunk() {
  Chunk chunk{};
  std::size_t index = 0;
  for (std::string_view text : detail::predefined_atoms) {
    chunk[index++] = make_entry(text, text.data());
  }
  return chunk;
}

constinit Chunk first_chunk = predefined_chunk();

// Two secret words, so that nobody who sends us atoms can choose texts that collide. Nothing can be
// seen of them but time, so a simulation repeats nevertheless.
struct HashSecret {
  std::uint64_t words[2];

  HashSecret() {
    std::random_device entropy;
    for (std::uint64_t& word : words) {
      word = static_cast<std::uint64_t>(entropy()) << 32 | entropy();
    }
  }
};

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const char* at, std::size_t size) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, size);
  return word;
}

// Multiplies 16 bytes at a time into each other, as wyhash does (Wang Yi, 2019).
std::uint32_t hash_text(std::string_view text, const HashSecret& secret) noexcept {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = secret.words[0] ^ left;
  for (; left > 16; left -= 16, at += 16) {
    hash = fold(load(at, 8) ^ secret.words[1], load(at + 8, 8) ^ hash);
  }
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (left >= 8) {
    a = load(at, 8);
    b = load(at + left - 8, 8);
  } else if (left >= 4) {
    a = load(at, 4);
    b = load(at + left - 4, 4);
  } else if (left > 0) {
    a = static_cast<std::uint8_t>(at[0]);
    b = load(at + left / 2, 1) << 8 | load(at + left - 1, 1);
  }
  hash = fold(fold(a ^ secret.words[1], b ^ hash), secret.words[1] | 1);
  return static_cast<std::uint32_t>(hash);
}

struct Slots {
  explicit Slots(std::size_t capacity)
      : mask{capacity - 1}, indices{new std::atomic<std::uint32_t>[capacity]} {
    for (std::size_t i = 0; i < capacity; ++i)
      indices[i].store(no_index, std::memory_order_relaxed);
  }
  std::size_t mask;
  std::unique_ptr<std::atomic<std::uint32_t>[]> indices;
  std::unique_ptr<Slots> predecessor;
};

class AtomTable {
 public:
  AtomTable() : slots_{new Slots{1024}}, newest_{slots_.load()} {
    auto count = static_cast<std::uint32_t>(std::size(detail::predefined_atoms));
    for (std::uint32_t index = 0; index < count; ++index) {
      first_chunk[index].table_hash = hash(first_chunk[index].view());
      place(*newest_, first_chunk[index].table_hash, index);
    }
    count_.store(count, std::memory_order_relaxed);
  }

  std::uint32_t hash(std::string_view text) const noexcept { return hash_text(text, secret_); }

  std::uint32_t find(std::string_view text, std::uint32_t hash) const noexcept {
    const Slots& slots = *slots_.load(std::memory_order_acquire);
    for (std::size_t at = hash & slots.mask;; at = (at + 1) & slots.mask) {
      std::uint32_t index = slots.indices[at].load(std::memory_order_acquire);
      if (index == no_index) return no_index;
      const AtomEntry& candidate = entry(index);
      if (candidate.table_hash == hash && is_text_of(candidate, text)) return index;
    }
  }

  // no_index where the table is full.
  std::uint32_t find_or_insert(std::string_view text, std::uint32_t hash) {
    std::lock_guard lock{mutex_};
    if (std::uint32_t index = find(text, hash); index != no_index) return index;
    if (count_.load(std::memory_order_relaxed) == Atom::max_atoms) return no_index;
    return insert(text, hash);
  }

  std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  static const AtomEntry& entry(std::uint32_t index) noexcept {
    return detail::atom_entry(Atom::from_index(index));
  }

  std::uint32_t insert(std::string_view text, std::uint32_t hash) {
    auto index = static_cast<std::uint32_t>(count_.load(std::memory_order_relaxed));
    auto& slot = atom_chunks[index / atom_chunk_size];
    AtomEntry* chunk = slot.load(std::memory_order_relaxed);
    if (!chunk) {
      chunk = new AtomEntry[atom_chunk_size];
      slot.store(chunk, std::memory_order_release);
    }
    if ((index + 1) * 2 > newest_->mask + 1) grow();
    AtomEntry& entry = chunk[index % atom_chunk_size];
    char* copy = new char[text.size()];
    text.copy(copy, text.size());
    entry = make_entry(text, copy);
    entry.table_hash = hash;
    place(*newest_, hash, index);
    count_.store(index + 1, std::memory_order_relaxed);
    return index;
  }

  void grow() {
    auto larger = std::make_unique<Slots>((newest_->mask + 1) * 2);
    auto count = static_cast<std::uint32_t>(count_.load(std::memory_order_relaxed));
    for (std::uint32_t index = 0; index < count; ++index) {
      place(*larger, entry(index).table_hash, index);
    }
    larger->predecessor.reset(newest_);
    newest_ = larger.release();
    slots_.store(newest_, std::memory_order_release);
  }

  static void place(Slots& slots, std::uint32_t hash, std::uint32_t index) noexcept {
    std::size_t at = hash & slots.mask;
    while (slots.indices[at].load(std::memory_order_relaxed) != no_index)
      at = (at + 1) & slots.mask;
    slots.indices[at].store(index, std::memory_order_release);
  }

  HashSecret secret_;
  std::atomic<Slots*> slots_;
  Slots* newest_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
};

// Never destroyed: atoms are made by whatever runs last in the program.
AtomTable& table() noexcept {
  static AtomTable& atoms = *new AtomTable;
  return atoms;
}

std::expected<void, AtomError> check(std::string_view text) noexcept {
  if (text.size() > Atom::max_characters * 4) return std::unexpected{AtomError::too_long};
  std::size_t characters = 0;
  if (!detail::count_utf8(text, characters)) return std::unexpected{AtomError::invalid_utf8};
  if (characters > Atom::max_characters) return std::unexpected{AtomError::too_long};
  return {};
}

}  // namespace

namespace detail {

constinit std::atomic<AtomEntry*> atom_chunks[atom_chunk_count] = {first_chunk.data()};

}  // namespace detail

std::string_view to_string(AtomError error) noexcept {
  switch (error) {
    case AtomError::too_long:
      return "an atom has at most 255 characters";
    case AtomError::invalid_utf8:
      return "an atom's text must be valid UTF-8";
    case AtomError::table_full:
      return "system_limit: the atom table is full (1,048,576 atoms)";
    case AtomError::does_not_exist:
      return "no such atom exists, and none may be made here";
  }
  return "";
}

Atom::Atom(std::string_view text) {
  auto made = try_make(text);
  if (made) {
    index_ = made->index_;
    return;
  }
  std::string why{to_string(made.error())};
  if (made.error() == AtomError::invalid_utf8) throw std::invalid_argument{why};
  throw std::length_error{why};
}

std::expected<Atom, AtomError> Atom::try_make(std::string_view text) {
  std::uint32_t hash = table().hash(text);
  std::uint32_t index = table().find(text, hash);
  if (index == no_index) {
    if (auto valid = check(text); !valid) return std::unexpected{valid.error()};
    index = table().find_or_insert(text, hash);
    if (index == no_index) return std::unexpected{AtomError::table_full};
  }
  return Atom{index, 0};
}

std::expected<Atom, AtomError> Atom::existing(std::string_view text) noexcept {
  std::uint32_t index = table().find(text, table().hash(text));
  if (index != no_index) return Atom{index, 0};
  if (auto valid = check(text); !valid) return std::unexpected{valid.error()};
  return std::unexpected{AtomError::does_not_exist};
}

std::string_view Atom::text() const noexcept { return detail::atom_entry(*this).view(); }

std::size_t Atom::count() noexcept { return table().count(); }

std::strong_ordering operator<=>(Atom left, Atom right) noexcept {
  return detail::atom_order(left, right);
}

}  // namespace troupe
