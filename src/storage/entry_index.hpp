// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Where entries lie on disk, by the hash of their keys: what stays in memory of a log whose entries
// do not. The keys are not in it, so whoever asks reads the entry to know whether it is the key's.
//
// 4,096 arrays by the hash's first 12 bits, each sorted by hash and grown by an eighth. With a hash
// that spreads evenly all are about as long: 122 slots at half a million entries, so an insertion
// moves 1.5 KB (at ten million 30 KB, about a microsecond). Open addressing would save that move;
// but a table of it is two thirds full on average where this is nine tenths, stops everything when
// it grows, and has no order that survives growing, which a walk in portions needs. Keys beside the
// hashes (as in Bitcask: Sheehy and Smith, Basho 2010) would more than double it.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe::storage::log {

// Where an entry begins. 20 bits for the number of the file, because an operating system process
// has at most 2^20 open; 44 for the offset, because that is the longest file of ext4.
struct Place {
  std::uint64_t bits = 0;

  Place() = default;
  Place(std::uint32_t file, std::uint64_t offset) : bits{std::uint64_t{file} << 44 | offset} {}
  std::uint32_t file() const { return static_cast<std::uint32_t>(bits >> 44); }
  std::uint64_t offset() const { return bits & ((std::uint64_t{1} << 44) - 1); }
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Slot {
  std::uint64_t hash;
  Place place;
  std::uint32_t length;
  std::uint32_t crc;  // CRC-32C of those bytes
};
static_assert(sizeof(Slot) == 24);

class EntryIndex {
 public:
  // All slots with the hash. Gone with the next insertion or removal.
  std::span<Slot> find(std::uint64_t hash);
  void insert(const Slot& slot);
  void erase(const Slot& slot);  // one that find() gave
  // Has the processor fetch what find() and insert() will look at: from a table of some megabytes
  // that is most of what they cost.
  void prefetch(std::uint64_t hash) const;

  // About `limit` slots in the order of their hashes, from this hash on, but all with the last
  // one's hash.
  std::vector<Slot> from(std::uint64_t hash, std::size_t limit) const;
  // Of all slots, in order.
  std::vector<Place> places() const;

  void clear();

 private:
  static constexpr int bucket_bits = 12;
  using Bucket = std::vector<Slot>;
  // About where the hash, which is one of this bucket's, is or would be.
  static std::size_t guess(const Bucket& bucket, std::uint64_t hash) {
    return (hash << bucket_bits >> 32) * bucket.size() >> 32;
  }
  // The first slot that is not below the hash.
  static std::size_t lower_bound(const Bucket& bucket, std::uint64_t hash);
  Bucket& bucket_of(std::uint64_t hash) { return buckets_[hash >> (64 - bucket_bits)]; }

  std::vector<Bucket> buckets_{std::size_t{1} << bucket_bits};
};

}  // namespace troupe::storage::log
