// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/history.hpp"

#include <algorithm>

#include "session/json_object.hpp"

namespace greenroom {
namespace {

using Members = std::vector<JsonMember>;

void add_name(Change& change, std::string_view name) {
  if (change.names.size() < Change::max_names)
    change.names.emplace_back(name.substr(0, Change::max_name_bytes));
}

const JsonMember* find_in(const Members& members, std::string_view name) {
  const auto found = std::ranges::find(members, name, &JsonMember::name);
  return found == members.end() ? nullptr : &*found;
}

// The members that are new, gone, or another value.
void add_differences(Change& change, const Members& before, const Members& after) {
  for (const JsonMember& member : after) {
    const JsonMember* was = find_in(before, member.name);
    if (was == nullptr || was->value != member.value) add_name(change, member.name);
  }
  for (const JsonMember& member : before)
    if (find_in(after, member.name) == nullptr) add_name(change, member.name);
}

// The fields of a hash that a command names.
void add_fields(Change& change, const CommandSpec& command,
                std::span<const std::string_view> words) {
  std::size_t step = 1;
  std::size_t end = words.size();
  switch (command.id) {
    case CommandId::hset:
    case CommandId::hmset:
      step = 2;
      break;
    case CommandId::hsetnx:
    case CommandId::hincrby:
    case CommandId::hincrbyfloat:
      end = std::min<std::size_t>(end, 3);
      break;
    case CommandId::hdel:
      break;
    default:
      return;
  }
  for (std::size_t i = 2; i < end; i += step) add_name(change, words[i]);
}

}  // namespace

BeforeChange::BeforeChange(const Session& session) {
  if (session.type() == ValueType::string && session.string().starts_with('{'))
    object_ = session.string();
}

Change BeforeChange::change_to(const Session& session, const CommandSpec& command,
                               std::span<const std::string_view> words) const {
  Change change{.command = command.name};
  change.version = session.revision();
  if (session.type() == ValueType::string) {
    change.bytes = session.string().size();
    const std::string_view object = object_.empty() ? std::string_view{"{}"} : object_;
    const auto before = split_json_object(object);
    const auto after = split_json_object(session.string());
    if (before && after) add_differences(change, *before, *after);
  } else if (session.type() == ValueType::hash) {
    change.bytes = session.hash().size();
    add_fields(change, command, words);
  } else if (session.type() == ValueType::set) {
    change.bytes = session.set().size();
  }
  return change;
}

}  // namespace greenroom
