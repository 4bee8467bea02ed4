// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/hash_value.hpp"

namespace greenroom {

std::size_t HashValue::size() const {
  if (sorted_ != nullptr) return sorted_->size();
  std::size_t count = 0;
  PackedPairs pairs{packed_.view()};
  while (pairs.next()) ++count;
  return count;
}

std::optional<PackedPair> HashValue::find_packed(std::string_view field) const {
  PackedPairs pairs{packed_.view()};
  while (pairs.next())
    if (pairs.pair().field == field) return pairs.pair();
  return std::nullopt;
}

std::optional<std::string_view> HashValue::find(std::string_view field) const {
  if (sorted_ != nullptr) return sorted_->find(field);
  auto found = find_packed(field);
  if (!found) return std::nullopt;
  return found->value;
}

bool HashValue::set(std::string_view field, std::string_view value) {
  if (sorted_ == nullptr) {
    auto found = find_packed(field);
    std::size_t replaced = found ? found->value.size() : 0;
    std::size_t after = packed_.size() - replaced + field.size() + value.size();
    if (after <= max_packed_bytes && (found || has_room_for_a_field())) {
      set_packed(found, field, value);
      return !found;
    }
    unpack();
  }
  return sorted_->set(field, value);
}

void HashValue::set_packed(const std::optional<PackedPair>& found, std::string_view field,
                           std::string_view value) {
  PackedLength value_length{value.size()};
  if (found) {
    std::size_t begin = found->value_begin;
    packed_.splice(begin, found->end - begin, {value_length.view(), value});
    return;
  }
  PackedLength field_length{field.size()};
  packed_.splice(packed_.size(), 0, {field_length.view(), field, value_length.view(), value});
}

// A pair takes two bytes or more, so most hashes need not be counted.
bool HashValue::has_room_for_a_field() const {
  return packed_.size() < 2 * max_packed_fields || size() < max_packed_fields;
}

bool HashValue::erase(std::string_view field) {
  if (sorted_ != nullptr) return sorted_->erase(field);
  auto found = find_packed(field);
  if (!found) return false;
  packed_.splice(found->begin, found->end - found->begin, {});
  return true;
}

void HashValue::unpack() {
  auto sorted = std::make_unique<SortedPairs>();
  for_each([&](std::string_view field, std::string_view value) { sorted->set(field, value); });
  sorted_ = std::move(sorted);
  packed_ = Bytes{};
}

HashValue HashValue::clone() const {
  HashValue copy;
  if (sorted_ != nullptr) {
    copy.sorted_ = std::make_unique<SortedPairs>(sorted_->clone());
  } else {
    copy.packed_.assign(packed_.view());
  }
  return copy;
}

std::size_t HashValue::memory_bytes() const {
  return sorted_ != nullptr ? sorted_->memory_bytes() : packed_.capacity();
}

}  // namespace greenroom
