// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/sorted_pairs.hpp"

#include <algorithm>
#include <utility>

namespace greenroom {
namespace {

std::string_view first_field(const Bytes& block) {
  PackedPairs pairs{block.view()};
  pairs.next();
  return pairs.pair().field;
}

// Where a field stands in a block, or would stand.
struct Place {
  PackedPair pair;  // if it is there
  bool is_there = false;
  std::size_t begin = 0;
};

Place place_in(const Bytes& block, std::string_view field) {
  PackedPairs pairs{block.view()};
  while (pairs.next()) {
    const PackedPair& pair = pairs.pair();
    if (pair.field < field) continue;
    return Place{pair, pair.field == field, pair.begin};
  }
  return Place{{}, false, block.size()};
}

}  // namespace

// The last one that begins with the field or one before it; the first if there is none.
std::size_t SortedPairs::block_for(std::string_view field) const {
  const auto behind = std::ranges::upper_bound(blocks_, field, {},
                                               [](const Bytes& each) { return first_field(each); });
  return behind == blocks_.begin() ? 0 : static_cast<std::size_t>(behind - blocks_.begin()) - 1;
}

std::optional<std::string_view> SortedPairs::find(std::string_view field) const {
  if (blocks_.empty()) return std::nullopt;
  const Place place = place_in(blocks_[block_for(field)], field);
  if (!place.is_there) return std::nullopt;
  return place.pair.value;
}

bool SortedPairs::set(std::string_view field, std::string_view value) {
  if (blocks_.empty()) blocks_.emplace_back();
  const std::size_t index = block_for(field);
  Bytes& block = blocks_[index];
  const Place place = place_in(block, field);
  const PackedLength value_length{value.size()};
  const bool at_the_end = place.begin == block.size();
  if (place.is_there) {
    const std::size_t begin = place.pair.value_begin;
    block.splice(begin, place.pair.end - begin, {value_length.view(), value});
  } else {
    const PackedLength field_length{field.size()};
    block.splice(place.begin, 0, {field_length.view(), field, value_length.view(), value});
    ++size_;
  }
  if (block.size() > max_block_bytes) split(index, at_the_end && index + 1 == blocks_.size());
  return !place.is_there;
}

// In two halves; or, where fields come in their order, the last pair becomes the beginning of the
// next block, so that the one before stays full.
void SortedPairs::split(std::size_t index, bool at_the_end) {
  const std::string_view all = blocks_[index].view();
  std::size_t cut = 0;  // where the second part begins; 0: there is only one pair
  PackedPairs pairs{all};
  while (pairs.next()) {
    cut = pairs.pair().begin;
    if (!at_the_end && pairs.pair().end > all.size() / 2 && cut != 0) break;
  }
  if (cut == 0) return;
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(index) + 1, Bytes{all.substr(cut)});
  Bytes& first = blocks_[index];
  first.splice(cut, first.size() - cut, {});
  first.fit();
}

bool SortedPairs::erase(std::string_view field) {
  if (blocks_.empty()) return false;
  const std::size_t index = block_for(field);
  Bytes& block = blocks_[index];
  const Place place = place_in(block, field);
  if (!place.is_there) return false;
  block.splice(place.begin, place.pair.end - place.begin, {});
  --size_;
  const auto next = blocks_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
  if (block.size() == 0) {
    blocks_.erase(next - 1);
  } else if (next != blocks_.end() && block.size() + next->size() < max_block_bytes / 2) {
    block.append(next->view());
    blocks_.erase(next);
  } else if (block.size() < block.capacity() / 2) {
    block.fit();
  }
  return true;
}

SortedPairs SortedPairs::clone() const {
  SortedPairs copy;
  copy.blocks_.reserve(blocks_.size());
  for (const Bytes& block : blocks_) copy.blocks_.emplace_back(block.view());
  copy.size_ = size_;
  return copy;
}

std::size_t SortedPairs::memory_bytes() const {
  // A few blocks stand for all, because this is asked after each change.
  constexpr std::size_t max_looked_at = 16;
  std::size_t bytes = 0;
  const std::size_t looked_at = std::min(blocks_.size(), max_looked_at);
  for (std::size_t i = 0; i < looked_at; ++i) bytes += blocks_[i].capacity();
  return sizeof *this + blocks_.capacity() * sizeof(Bytes) +
         (looked_at == 0 ? 0 : bytes * blocks_.size() / looked_at);
}

}  // namespace greenroom
