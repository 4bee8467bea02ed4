// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/entry_index.hpp"

#include <algorithm>

namespace troupe::storage::log {

std::span<Slot> EntryIndex::find(std::uint64_t hash) {
  Bucket& bucket = bucket_of(hash);
  const auto begin = std::ranges::lower_bound(bucket, hash, {}, &Slot::hash);
  auto end = begin;
  while (end != bucket.end() && end->hash == hash) ++end;
  return {begin, end};
}

void EntryIndex::insert(const Slot& slot) {
  Bucket& bucket = bucket_of(slot.hash);
  if (bucket.size() == bucket.capacity()) bucket.reserve(bucket.size() + bucket.size() / 8 + 4);
  bucket.insert(std::ranges::upper_bound(bucket, slot.hash, {}, &Slot::hash), slot);
}

void EntryIndex::erase(const Slot& slot) {
  Bucket& bucket = bucket_of(slot.hash);
  bucket.erase(bucket.begin() + (&slot - bucket.data()));
  if (bucket.size() < bucket.capacity() / 2) bucket.shrink_to_fit();
}

std::vector<Slot> EntryIndex::from(std::uint64_t hash, std::size_t limit) const {
  std::vector<Slot> slots;
  for (std::size_t at = hash >> (64 - bucket_bits); at < buckets_.size(); ++at) {
    const Bucket& bucket = buckets_[at];
    for (auto slot = std::ranges::lower_bound(bucket, hash, {}, &Slot::hash); slot != bucket.end();
         ++slot) {
      if (slots.size() >= limit && slot->hash != slots.back().hash) return slots;
      slots.push_back(*slot);
    }
  }
  return slots;
}

void EntryIndex::clear() {
  for (Bucket& bucket : buckets_) Bucket{}.swap(bucket);
}

}  // namespace troupe::storage::log
