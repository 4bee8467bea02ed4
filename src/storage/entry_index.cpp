// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/entry_index.hpp"

#include <algorithm>

namespace troupe::storage::log {

// Hashes spread evenly, so the place of one is about its share of the bucket: five slots off at 122
// of them, where halving would touch seven places in memory that nothing else has brought near.
std::size_t EntryIndex::lower_bound(const Bucket& bucket, std::uint64_t hash) {
  std::size_t at = guess(bucket, hash);
  while (at > 0 && bucket[at - 1].hash >= hash) --at;
  while (at < bucket.size() && bucket[at].hash < hash) ++at;
  return at;
}

std::span<Slot> EntryIndex::find(std::uint64_t hash) {
  Bucket& bucket = bucket_of(hash);
  const std::size_t begin = lower_bound(bucket, hash);
  std::size_t end = begin;
  while (end < bucket.size() && bucket[end].hash == hash) ++end;
  return std::span{bucket}.subspan(begin, end - begin);
}

void EntryIndex::insert(const Slot& slot) {
  Bucket& bucket = bucket_of(slot.hash);
  if (bucket.size() == bucket.capacity()) bucket.reserve(bucket.size() + bucket.size() / 8 + 4);
  const std::size_t at = lower_bound(bucket, slot.hash);
  bucket.insert(bucket.begin() + static_cast<std::ptrdiff_t>(at), slot);
}

void EntryIndex::erase(const Slot& slot) {
  Bucket& bucket = bucket_of(slot.hash);
  bucket.erase(bucket.begin() + (&slot - bucket.data()));
  if (bucket.size() < bucket.capacity() / 2) bucket.shrink_to_fit();
}

std::vector<Slot> EntryIndex::from(std::uint64_t hash, std::size_t limit) const {
  std::vector<Slot> slots;
  std::size_t number = hash >> (64 - bucket_bits);
  std::size_t begin = lower_bound(buckets_[number], hash);
  for (; number < buckets_.size(); ++number, begin = 0) {
    for (const Slot& slot : std::span{buckets_[number]}.subspan(begin)) {
      if (slots.size() >= limit && slot.hash != slots.back().hash) return slots;
      slots.push_back(slot);
    }
  }
  return slots;
}

void EntryIndex::prefetch(std::uint64_t hash) const {
  const Bucket& bucket = buckets_[hash >> (64 - bucket_bits)];
  // The lines of three slots before and behind, which need not be in the bucket.
  constexpr std::uintptr_t line = 64;
  const auto address =
      reinterpret_cast<std::uintptr_t>(bucket.data()) + guess(bucket, hash) * sizeof(Slot);
  for (const std::uintptr_t each : {address - line, address, address + line}) {
    __builtin_prefetch(reinterpret_cast<const void*>(each));
  }
}

std::vector<Place> EntryIndex::places() const {
  std::size_t count = 0;
  for (const Bucket& bucket : buckets_) count += bucket.size();
  std::vector<Place> places;
  places.reserve(count);
  for (const Bucket& bucket : buckets_) {
    for (const Slot& slot : bucket) places.push_back(slot.place);
  }
  std::ranges::sort(places);
  return places;
}

void EntryIndex::clear() {
  for (Bucket& bucket : buckets_) Bucket{}.swap(bucket);
}

}  // namespace troupe::storage::log
