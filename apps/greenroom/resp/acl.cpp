// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/acl.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "resp/command_reply.hpp"
#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "security/digest.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

void add_word(std::string& line, std::string_view word) {
  if (!word.empty()) line.append(" ").append(word);
}

// As a line of ACL LIST.
std::string line_of(std::string_view name, const AccessRules& access, bool has_password) {
  std::string line = "user " + std::string{name} + (access.is_on() ? " on" : " off");
  if (!has_password) line += " nopass";
  add_word(line, access.key_text());
  const std::string channels = access.channel_text();
  add_word(line, channels.empty() ? "resetchannels" : channels);
  add_word(line, access.command_text());
  return line;
}

void write_user(const AccessRules& access, bool has_password, ReplyWriter& reply) {
  reply.map(6);
  reply.bulk("flags");
  reply.set(has_password ? 1 : 2);
  reply.bulk(access.is_on() ? "on" : "off");
  if (!has_password) reply.bulk("nopass");
  reply.bulk("passwords");
  reply.array(0);
  reply.bulk("commands");
  reply.bulk(access.command_text());
  reply.bulk("keys");
  reply.bulk(access.key_text());
  reply.bulk("channels");
  reply.bulk(access.channel_text());
  reply.bulk("selectors");
  reply.array(0);
}

// The default user's rules. It is on unless there are users and it has no password.
AccessRules default_access(const ServerRules& rules) {
  AccessRules access = AccessRules::everything();
  if (rules.needs_login() && rules.password.empty()) access.turn_off();
  return access;
}

// Nothing: there is no such user.
std::optional<AccessRules> access_of(std::string_view name, const ServerRules& rules) {
  if (name == "default") return default_access(rules);
  const User* user = rules.find_user(name);
  return user == nullptr ? std::nullopt : std::optional{user->access};
}

void answer_getuser(std::string_view name, const ServerRules& rules, ReplyWriter& reply) {
  const auto access = access_of(name, rules);
  if (!access) return reply.null();
  write_user(*access, name != "default" || rules.needs_login(), reply);
}

// In the order of the names, as Redis has it.
void answer_list(const ServerRules& rules, ReplyWriter& reply) {
  std::vector<std::string> lines{line_of("default", default_access(rules), rules.needs_login())};
  for (const User& user : rules.users) lines.push_back(line_of(user.name, user.access, true));
  std::ranges::sort(lines);
  reply.array(lines.size());
  for (const std::string& line : lines) reply.bulk(line);
}

void answer_users(const ServerRules& rules, ReplyWriter& reply) {
  std::vector<std::string_view> names{"default"};
  for (const User& user : rules.users) names.push_back(user.name);
  std::ranges::sort(names);
  reply.array(names.size());
  for (std::string_view name : names) reply.bulk(name);
}

void answer_cat(Words words, ReplyWriter& reply) {
  if (words.size() > 3) return reply.error(error_text::wrong_subcommand(words[1], "ACL"));
  std::vector<std::string_view> found;
  const std::string wanted = words.size() == 3 ? "@" + lower_case(words[2]) : std::string{};
  for (const CommandSpec& each : all_commands()) {
    if (each.id == CommandId::script_run) continue;
    for (const std::string_view category : acl_categories(each)) {
      const std::string_view name = wanted.empty() ? category.substr(1) : each.name;
      const bool fits = wanted.empty() || category == wanted;
      if (fits && std::ranges::find(found, name) == found.end()) found.push_back(name);
    }
  }
  if (!wanted.empty() && found.empty())
    return reply.error("ERR Unknown category '" + std::string(error_text::echoed(words[2])) + "'");
  reply.array(found.size());
  for (std::string_view name : found) reply.bulk(name);
}

// ACL DRYRUN user command [argument ...]. What the user may not do is no error.
void answer_dryrun(Words words, const ServerRules& rules, ReplyWriter& reply) {
  const std::string_view user = words[2];
  const Words request = words.subspan(3);
  const auto access = access_of(user, rules);
  if (!access)
    return reply.error("ERR User '" + std::string(error_text::echoed(user)) + "' not found");
  const CommandSpec* command = find_command(request[0]);
  const bool is_container = command != nullptr && command->handler == Handler::container;
  if (is_container && request.size() > 1) command = find_subcommand(*command, request[1]);
  if (command == nullptr)
    return reply.error("ERR Command '" + std::string(error_text::echoed(request[0])) +
                       "' not found");
  if (!command->accepts(request.size())) return reply.error(error_text::wrong_arity(command->name));
  const std::string nobody = "User " + std::string{user} + " has no permissions to ";
  if (!access->may_run(*command))
    return reply.bulk(nobody + "run the '" + std::string{command->name} + "' command");
  if (const auto key = access->forbidden_key(*command, request))
    return reply.bulk(nobody + "access the '" + std::string{*key} + "' key");
  if (const auto channel = access->forbidden_channel(*command, request))
    return reply.bulk(nobody + "access the '" + std::string{*channel} + "' channel");
  reply.ok();
}

// ACL GENPASS [bits].
void answer_genpass(Words words, ReplyWriter& reply) {
  constexpr std::int64_t max_bits = 4096;
  if (words.size() > 3) return reply.error(error_text::wrong_subcommand(words[1], "ACL"));
  const auto bits = words.size() == 3 ? parse_integer(words[2]) : std::optional<std::int64_t>{256};
  if (!bits) return reply.error(error_text::not_an_integer);
  if (*bits <= 0 || *bits > max_bits)
    return reply.error(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
        "number up to 4096");
  reply.bulk(random_hexadecimal(static_cast<std::size_t>(*bits + 3) / 4));
}

}  // namespace

void answer_acl(const CommandSpec& command, Words words, const ServerRules& rules,
                std::string_view user, ReplyWriter& reply) {
  switch (command.id) {
    case CommandId::acl_whoami:
      return reply.bulk(user);
    case CommandId::acl_users:
      return answer_users(rules, reply);
    case CommandId::acl_list:
      return answer_list(rules, reply);
    case CommandId::acl_getuser:
      return answer_getuser(words[2], rules, reply);
    case CommandId::acl_dryrun:
      return answer_dryrun(words, rules, reply);
    case CommandId::acl_genpass:
      return answer_genpass(words, reply);
    default:
      return answer_cat(words, reply);
  }
}

}  // namespace greenroom
