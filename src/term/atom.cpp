// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <array>
#include <atomic>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include <troupe/atom.hpp>

#include "term/atom_text.hpp"
#include "term/utf8.hpp"

// The atom table: entries in chunks that never move, found by text through an open-addressed table
// of indices. Readers take no lock: an entry is complete before its index is published, and a table
// that grew leaves its predecessor in place for readers that still probe it (the predecessors
// together are no larger than the current one).
namespace troupe {
namespace {

using detail::AtomEntry;

constexpr std::size_t chunk_size = 1024;
constexpr std::size_t chunk_count = Atom::max_atoms / chunk_size;
constexpr std::uint32_t no_index = 0xffff'ffff;

// hashpjw over the characters up to U+00FF and the bytes of the others: what phash2 is defined by.
std::uint32_t erlang_atom_hash(std::string_view text) noexcept {
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

std::uint32_t spread(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100'0000'01b3;
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

std::uint64_t order_prefix(std::string_view text) noexcept {
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | (i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0);
  }
  return prefix;
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
    for (std::string_view text : detail::predefined_atoms) insert(text, spread(text));
  }

  const AtomEntry& entry(std::uint32_t index) const noexcept {
    return chunks_[index / chunk_size].load(std::memory_order_acquire)[index % chunk_size];
  }

  std::uint32_t find(std::string_view text, std::uint32_t hash) const noexcept {
    const Slots& slots = *slots_.load(std::memory_order_acquire);
    for (std::size_t at = hash & slots.mask;; at = (at + 1) & slots.mask) {
      std::uint32_t index = slots.indices[at].load(std::memory_order_acquire);
      if (index == no_index) return no_index;
      const AtomEntry& candidate = entry(index);
      if (candidate.spread == hash && candidate.view() == text) return index;
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
  std::uint32_t insert(std::string_view text, std::uint32_t hash) {
    auto index = static_cast<std::uint32_t>(count_.load(std::memory_order_relaxed));
    AtomEntry* chunk = chunks_[index / chunk_size].load(std::memory_order_relaxed);
    if (!chunk) {
      chunk = new AtomEntry[chunk_size];
      chunks_[index / chunk_size].store(chunk, std::memory_order_release);
    }
    if ((index + 1) * 2 > newest_->mask + 1) grow();
    AtomEntry& entry = chunk[index % chunk_size];
    char* copy = new char[text.size()];
    text.copy(copy, text.size());
    entry = {copy, order_prefix(text), hash, erlang_atom_hash(text),
             static_cast<std::uint16_t>(text.size())};
    place(*newest_, hash, index);
    count_.store(index + 1, std::memory_order_relaxed);
    return index;
  }

  void grow() {
    auto larger = std::make_unique<Slots>((newest_->mask + 1) * 2);
    auto count = static_cast<std::uint32_t>(count_.load(std::memory_order_relaxed));
    for (std::uint32_t index = 0; index < count; ++index)
      place(*larger, entry(index).spread, index);
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

  std::array<std::atomic<AtomEntry*>, chunk_count> chunks_{};
  std::atomic<Slots*> slots_;
  Slots* newest_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
};

// Never destroyed: atoms are read by whatever runs last in the program.
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

const AtomEntry& atom_entry(Atom atom) noexcept { return table().entry(atom.index()); }

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
  std::uint32_t hash = spread(text);
  std::uint32_t index = table().find(text, hash);
  if (index == no_index) {
    if (auto valid = check(text); !valid) return std::unexpected{valid.error()};
    index = table().find_or_insert(text, hash);
    if (index == no_index) return std::unexpected{AtomError::table_full};
  }
  return Atom{index, 0};
}

std::expected<Atom, AtomError> Atom::existing(std::string_view text) noexcept {
  std::uint32_t index = table().find(text, spread(text));
  if (index != no_index) return Atom{index, 0};
  if (auto valid = check(text); !valid) return std::unexpected{valid.error()};
  return std::unexpected{AtomError::does_not_exist};
}

std::string_view Atom::text() const noexcept { return table().entry(index_).view(); }

std::size_t Atom::count() noexcept { return table().count(); }

std::strong_ordering operator<=>(Atom left, Atom right) noexcept {
  if (left.index_ == right.index_) return std::strong_ordering::equal;
  const AtomEntry& a = table().entry(left.index_);
  const AtomEntry& b = table().entry(right.index_);
  if (a.prefix != b.prefix) return a.prefix <=> b.prefix;
  return a.view().compare(b.view()) <=> 0;
}

}  // namespace troupe
