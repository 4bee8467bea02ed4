// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/hash_value.hpp"

namespace greenroom {

std::size_t HashValue::size() const {
  if (tree_ != nullptr) return tree_->size();
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
  if (tree_ != nullptr) {
    auto found = tree_->find(field);
    if (found == tree_->end()) return std::nullopt;
    return found->second;
  }
  auto found = find_packed(field);
  if (!found) return std::nullopt;
  return found->value;
}

bool HashValue::set(std::string_view field, std::string_view value) {
  if (tree_ == nullptr) {
    auto found = find_packed(field);
    std::size_t replaced = found ? found->value.size() : 0;
    std::size_t after = packed_.size() - replaced + field.size() + value.size();
    if (after <= max_packed_bytes && (found || has_room_for_a_field())) {
      set_packed(found, field, value);
      return !found;
    }
    unpack();
  }
  auto found = tree_->lower_bound(field);
  if (found != tree_->end() && found->first == field) {
    found->second.assign(value);
    return false;
  }
  tree_->emplace_hint(found, field, value);
  return true;
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
  if (tree_ != nullptr) {
    auto found = tree_->find(field);
    if (found == tree_->end()) return false;
    tree_->erase(found);
    return true;
  }
  auto found = find_packed(field);
  if (!found) return false;
  packed_.splice(found->begin, found->end - found->begin, {});
  return true;
}

void HashValue::unpack() {
  auto tree = std::make_unique<Tree>();
  for_each([&](std::string_view field, std::string_view value) { tree->emplace(field, value); });
  tree_ = std::move(tree);
  packed_ = Bytes{};
}

HashValue HashValue::clone() const {
  HashValue copy;
  if (tree_ != nullptr) {
    copy.tree_ = std::make_unique<Tree>(*tree_);
  } else {
    copy.packed_.assign(packed_.view());
  }
  return copy;
}

std::size_t HashValue::memory_bytes() const {
  if (tree_ == nullptr) return packed_.capacity();
  // A node of the tree has 32 bytes of links and colour beside its two strings.
  // A few fields stand for all, because this is asked after each change.
  constexpr std::size_t max_looked_at = 32;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  for (const auto& [field, value] : *tree_) {
    bytes += 32 + 2 * sizeof(std::string) + field.capacity() + value.capacity();
    if (++looked_at == max_looked_at) break;
  }
  return sizeof(Tree) + (looked_at == 0 ? 0 : bytes * tree_->size() / looked_at);
}

}  // namespace greenroom
