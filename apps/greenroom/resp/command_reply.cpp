// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/command_reply.hpp"

#include <algorithm>
#include <vector>

#include "resp/error_text.hpp"
#include "resp/glob.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

void write_names(const std::vector<std::string_view>& names, ReplyWriter& reply) {
  reply.set(names.size());
  for (std::string_view name : names) reply.simple(name);
}

// In the order in which Redis lists them.
std::vector<std::string_view> flag_names(const CommandSpec& command) {
  static constexpr struct {
    CommandFlag flag;
    std::string_view name;
  } shown[] = {{flag_write, "write"},
               {flag_readonly, "readonly"},
               {flag_denyoom, "denyoom"},
               {flag_admin, "admin"},
               {flag_pubsub, "pubsub"},
               {flag_noscript, "noscript"},
               {flag_loading, "loading"},
               {flag_stale, "stale"},
               {flag_skip_monitor, "skip_monitor"},
               {flag_skip_slowlog, "skip_slowlog"},
               {flag_fast, "fast"},
               {flag_no_auth, "no_auth"},
               {flag_no_async_loading, "no_async_loading"},
               {flag_no_multi, "no_multi"},
               {flag_no_mandatory_keys, "no_mandatory_keys"},
               {flag_allow_busy, "allow_busy"},
               {flag_movablekeys, "movablekeys"}};
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : shown)
    if (command.has(flag)) names.push_back(name);
  return names;
}

}  // namespace

// Redis derives the ACL categories from the flags in the same way. Containers belong to no group.
std::vector<std::string_view> acl_categories(const CommandSpec& command) {
  bool is_container = command.handler == Handler::container;
  bool is_database_wide =
      command.handler == Handler::keyspace || (command.group == Group::keys && !is_container);
  std::vector<std::string_view> names;
  if (is_database_wide) names.push_back("@keyspace");
  if (command.has(flag_readonly)) names.push_back("@read");
  if (command.has(flag_write)) names.push_back("@write");
  if (command.group == Group::hash) names.push_back("@hash");
  if (command.group == Group::set) names.push_back("@set");
  if (command.group == Group::string) names.push_back("@string");
  if (command.has(flag_pubsub)) names.push_back("@pubsub");
  if (command.has(flag_admin) || command.has(flag_settings)) names.push_back("@admin");
  names.push_back(command.has(flag_fast) ? "@fast" : "@slow");
  if (command.has(flag_admin) || command.has(flag_dangerous)) names.push_back("@dangerous");
  if (command.group == Group::connection && !is_container) names.push_back("@connection");
  if (command.group == Group::transactions) names.push_back("@transaction");
  if (command.group == Group::scripting && !is_container) names.push_back("@scripting");
  return names;
}

namespace {

// The key specification that says the same as first key, last key and step.
void write_key_specs(const CommandSpec& command, ReplyWriter& reply) {
  if (command.first_key == 0) return reply.set(0);
  reply.set(1);
  reply.map(3);
  reply.bulk("flags");
  if (command.has(flag_readonly)) {
    write_names({"RO", "access"}, reply);
  } else {
    write_names({"RW", "access", "update"}, reply);
  }
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(command.first_key);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk("lastkey");
  reply.integer(command.last_key < 0 ? command.last_key : 0);
  reply.bulk("keystep");
  reply.integer(command.key_step);
  reply.bulk("limit");
  reply.integer(0);
}

std::vector<const CommandSpec*> subcommands(const CommandSpec& container) {
  std::vector<const CommandSpec*> found;
  for (const CommandSpec& spec : all_commands())
    if (spec.parent == container.id) found.push_back(&spec);
  return found;
}

std::vector<const CommandSpec*> top_level() {
  std::vector<const CommandSpec*> found;
  for (const CommandSpec& spec : all_commands())
    if (spec.parent == CommandId::none) found.push_back(&spec);
  return found;
}

void write_info(const CommandSpec& command, ReplyWriter& reply) {
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(command.arity);
  write_names(flag_names(command), reply);
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.key_step);
  write_names(acl_categories(command), reply);
  reply.set(0);  // Tips, which only cluster proxies read.
  write_key_specs(command, reply);
  auto children = subcommands(command);
  reply.set(children.size());
  for (const CommandSpec* child : children) write_info(*child, reply);
}

std::string_view group_name(Group group) {
  switch (group) {
    case Group::connection:
      return "connection";
    case Group::transactions:
      return "transactions";
    case Group::pubsub:
      return "pubsub";
    case Group::scripting:
      return "scripting";
    case Group::server:
      return "server";
    case Group::keys:
      return "generic";
    case Group::string:
      return "string";
    case Group::hash:
      return "hash";
    case Group::set:
      return "set";
    case Group::sessions:
      return "sessions";
  }
  return "generic";
}

void write_docs(const CommandSpec& command, ReplyWriter& reply) {
  auto children = subcommands(command);
  reply.bulk(command.name);
  reply.map(children.empty() ? 3 : 4);
  reply.bulk("summary");
  reply.bulk(command.summary);
  reply.bulk("since");
  reply.bulk(command.since);
  reply.bulk("group");
  reply.bulk(group_name(command.group));
  if (children.empty()) return;
  reply.bulk("subcommands");
  reply.map(children.size());
  for (const CommandSpec* child : children) write_docs(*child, reply);
}

void answer_info(Words names, ReplyWriter& reply) {
  if (names.empty()) {
    auto commands = top_level();
    reply.array(commands.size());
    for (const CommandSpec* command : commands) write_info(*command, reply);
    return;
  }
  reply.array(names.size());
  for (std::string_view name : names) {
    const CommandSpec* command = find_full_name(name);
    if (command != nullptr) {
      write_info(*command, reply);
    } else {
      reply.null();
    }
  }
}

// Names that are no command are left out, as in Redis.
void answer_docs(Words names, ReplyWriter& reply) {
  std::vector<const CommandSpec*> commands;
  if (names.empty()) commands = top_level();
  for (std::string_view name : names)
    if (const CommandSpec* command = find_full_name(name)) commands.push_back(command);
  reply.map(commands.size());
  for (const CommandSpec* command : commands) write_docs(*command, reply);
}

void answer_list(Words options, ReplyWriter& reply) {
  std::string_view pattern = "*";
  std::string category;
  if (!options.empty()) {
    if (options.size() != 3 || !same_word(options[0], "filterby"))
      return reply.error(error_text::syntax);
    if (same_word(options[1], "pattern")) {
      pattern = options[2];
    } else if (same_word(options[1], "aclcat")) {
      category = "@" + lower_case(options[2]);
    } else if (same_word(options[1], "module")) {
      pattern = "";  // There are no modules.
    } else {
      return reply.error(error_text::syntax);
    }
  }
  std::vector<std::string_view> names;
  for (const CommandSpec& command : all_commands()) {
    if (command.id == CommandId::script_run) continue;
    const auto categories = acl_categories(command);
    const bool fits = category.empty()
                          ? glob_match(pattern, command.name, LetterCase::ignored)
                          : std::ranges::find(categories, category) != categories.end();
    if (fits) names.push_back(command.name);
  }
  reply.array(names.size());
  for (std::string_view name : names) reply.bulk(name);
}

// EVAL says itself how many of its words are keys.
void answer_script_keys(const CommandSpec& command, Words request, ReplyWriter& reply) {
  constexpr std::string_view wrong = "ERR Invalid number of arguments specified for command";
  if (!command.accepts(request.size())) return reply.error(wrong);
  const auto count = parse_integer(request[2]);
  if (!count || *count < 0 || static_cast<std::uint64_t>(*count) > request.size() - 3)
    return reply.error("ERR Invalid arguments specified for command");
  reply.array(static_cast<std::size_t>(*count));
  for (std::string_view key : request.subspan(3, static_cast<std::size_t>(*count))) reply.bulk(key);
}

void answer_getkeys(Words request, ReplyWriter& reply) {
  const CommandSpec* command = find_command(request[0]);
  if (command != nullptr && command->handler == Handler::container && request.size() > 1)
    command = find_subcommand(*command, request[1]);
  if (command == nullptr) return reply.error("ERR Invalid command specified");
  if (command->has(flag_movablekeys)) return answer_script_keys(*command, request, reply);
  if (command->first_key == 0) return reply.error("ERR The command has no key arguments");
  if (!command->accepts(request.size()))
    return reply.error("ERR Invalid number of arguments specified for command");
  std::size_t keys = count_keys(*command, request.size());
  reply.array(keys);
  for (std::size_t i = 0; i < keys; ++i) reply.bulk(request[command->key_at(i)]);
}

}  // namespace

void answer_command(const CommandSpec& command, std::span<const std::string_view> words,
                    ReplyWriter& reply) {
  switch (command.id) {
    case CommandId::command:
      return answer_info({}, reply);
    case CommandId::command_count:
      return reply.integer(static_cast<std::int64_t>(top_level().size()));
    case CommandId::command_info:
      return answer_info(words.subspan(2), reply);
    case CommandId::command_docs:
      return answer_docs(words.subspan(2), reply);
    case CommandId::command_list:
      return answer_list(words.subspan(2), reply);
    case CommandId::command_getkeys:
      return answer_getkeys(words.subspan(2), reply);
    default:
      return answer_help(command_spec(CommandId::command), reply);
  }
}

void answer_help(const CommandSpec& container, ReplyWriter& reply) {
  auto children = subcommands(container);
  std::string name = upper_case(container.name);
  reply.array(1 + 2 * children.size());
  reply.simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec* child : children) {
    reply.simple(upper_case(child->name.substr(container.name.size() + 1)));
    reply.simple("    " + std::string(child->summary));
  }
}

}  // namespace greenroom
