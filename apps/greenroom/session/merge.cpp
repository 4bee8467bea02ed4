// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/merge.hpp"

#include <algorithm>
#include <charconv>

namespace greenroom {
namespace {

// FNV-1a. Not for enemies: whoever may write a session may write all of it.
std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037u;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

std::optional<std::uint64_t> find_in(const KeyExtra::Base& base, std::string_view name) {
  const std::uint64_t wanted = hash_of(name);
  for (const auto& [member, value] : base.members)
    if (member == wanted) return value;
  return std::nullopt;
}

const JsonMember* find_in(const std::vector<JsonMember>& members, std::string_view name) {
  for (const JsonMember& member : members)
    if (member.name == name) return &member;
  return nullptr;
}

// Takes the version out of the members of a save.
std::optional<std::uint64_t> take_version(std::vector<JsonMember>& members) {
  const auto found = std::ranges::find(members, version_member, &JsonMember::name);
  if (found == members.end()) return std::nullopt;
  std::string_view text = found->value;
  members.erase(found);
  std::uint64_t version = 0;
  if (text.size() != 18) return version;
  text = text.substr(1, 16);
  std::from_chars(text.data(), text.data() + text.size(), version, 16);
  return version;
}

// What becomes of one saved member; nothing: it goes.
std::optional<JsonMember> decide(const JsonMember& saved, const JsonMember* present,
                                 const KeyExtra::Base* base, bool& conflict) {
  const auto before = base != nullptr ? find_in(*base, saved.name) : std::nullopt;
  const bool client_changed_it = !before || *before != hash_of(saved.value);
  if (base == nullptr) {
    conflict |= present != nullptr && present->value != saved.value;
    return saved;
  }
  if (!client_changed_it) {
    if (present == nullptr) return std::nullopt;
    return *present;
  }
  const bool other_changed_it =
      present == nullptr ? before.has_value() : !before || *before != hash_of(present->value);
  conflict |= other_changed_it && (present == nullptr || present->value != saved.value);
  return saved;
}

// Whether a member stays that the save does not have.
bool stays(const JsonMember& present, const KeyExtra::Base* base, bool& conflict) {
  const auto before = base != nullptr ? find_in(*base, present.name) : std::nullopt;
  if (!before) return true;  // Added by somebody else.
  const bool other_changed_it = *before != hash_of(present.value);
  conflict |= other_changed_it;
  return other_changed_it;
}

}  // namespace

KeyExtra::Base base_of(std::string_view value) {
  KeyExtra::Base base{hash_of(value), {}};
  if (const auto members = split_json_object(value))
    for (const JsonMember& member : *members)
      base.members.emplace_back(hash_of(member.name), hash_of(member.value));
  return base;
}

std::optional<MergedValue> merge_json(std::string_view present,
                                      std::span<const KeyExtra::Base> bases,
                                      std::string_view save) {
  auto saved = split_json_object(save);
  if (!saved) return std::nullopt;
  const auto version = take_version(*saved);
  if (!version) return std::nullopt;
  const auto members = split_json_object(present);
  if (!members || *version == hash_of(present))
    return MergedValue{join_json_object(*saved), false, false};

  const auto found = std::ranges::find(bases, *version, &KeyExtra::Base::version);
  const KeyExtra::Base* base = found == bases.end() ? nullptr : &*found;
  MergedValue merged{{}, true, false};
  std::vector<JsonMember> result;
  for (const JsonMember& one : *saved)
    if (auto kept = decide(one, find_in(*members, one.name), base, merged.had_conflict))
      result.push_back(*kept);
  for (const JsonMember& one : *members)
    if (find_in(*saved, one.name) == nullptr && stays(one, base, merged.had_conflict))
      result.push_back(one);
  merged.value = join_json_object(result);
  return merged;
}

}  // namespace greenroom
