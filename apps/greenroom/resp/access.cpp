// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/access.hpp"

#include <algorithm>

#include "resp/command_reply.hpp"
#include "resp/glob.hpp"

namespace greenroom {

namespace {

std::size_t index_of(const CommandSpec& command) { return static_cast<std::size_t>(command.id); }

// Writes that tell nothing of what was there. Every other write also reads.
bool only_writes(const CommandSpec& command, std::span<const std::string_view> words) {
  switch (command.id) {
    case CommandId::set:
      return std::none_of(words.begin() + 3, words.end(), [](std::string_view word) {
        return word.size() == 3 && (word[0] | 0x20) == 'g';  // GET, the only such option
      });
    case CommandId::setex:
    case CommandId::psetex:
    case CommandId::setnx:
    case CommandId::mset:
    case CommandId::msetnx:
    case CommandId::del:
    case CommandId::unlink:
    case CommandId::expire:
    case CommandId::pexpire:
    case CommandId::expireat:
    case CommandId::pexpireat:
    case CommandId::persist:
    case CommandId::hset:
    case CommandId::hmset:
    case CommandId::hsetnx:
    case CommandId::hdel:
    case CommandId::sadd:
    case CommandId::srem:
      return true;
    default:
      return false;
  }
}

}  // namespace

AccessRules AccessRules::everything() {
  AccessRules rules;
  rules.commands_.set();
  rules.command_text_ = "+@all";
  rules.patterns_.push_back({"*", true, true});
  rules.channels_.emplace_back("*");
  return rules;
}

std::expected<AccessRules, std::string> AccessRules::parse(std::span<const std::string> words) {
  AccessRules rules;
  for (const std::string& word : words) {
    if (auto applied = rules.apply(word); !applied) {
      return std::unexpected("\"" + word + "\" " + applied.error());
    }
  }
  return rules;
}

std::expected<void, std::string> AccessRules::apply(std::string_view word) {
  if (word == "allcommands") return apply_to_commands("@all", true);
  if (word == "nocommands") return apply_to_commands("@all", false);
  if (word == "allkeys") word = "~*";
  if (word == "resetkeys") {
    patterns_.clear();
    return {};
  }
  if (word == "resetchannels") {
    channels_.clear();
    return {};
  }
  if (word == "on" || word == "off") {
    is_on_ = word == "on";
    return {};
  }
  if (word == "reset") {
    *this = AccessRules{};
    return {};
  }
  if (word == "allchannels") word = "&*";
  if (word.starts_with('&')) {
    channels_.emplace_back(word.substr(1));
    return {};
  }
  if (word.starts_with('+') || word.starts_with('-')) {
    return apply_to_commands(word.substr(1), word.starts_with('+'));
  }
  Pattern pattern;
  if (word.starts_with("%R~")) pattern.writes = false;
  if (word.starts_with("%W~")) pattern.reads = false;
  const std::size_t mark = word.find('~');
  const bool is_known = word.starts_with('~') || word.starts_with("%R~") ||
                        word.starts_with("%W~") || word.starts_with("%RW~");
  if (!is_known) return std::unexpected("is no rule: +command, +@category, ~pattern, &channel");
  pattern.glob = word.substr(mark + 1);
  patterns_.push_back(std::move(pattern));
  return {};
}

std::expected<void, std::string> AccessRules::apply_to_commands(std::string_view what,
                                                                bool allowed) {
  bool found = what == "@all";
  if (found && allowed) commands_.set();
  if (found && !allowed) commands_.reset();
  for (const CommandSpec& command : all_commands()) {
    bool fits = command.name == what;
    if (command.parent != CommandId::none) fits |= command_spec(command.parent).name == what;
    if (what.starts_with('@')) {
      const auto categories = acl_categories(command);
      fits |= std::find(categories.begin(), categories.end(), what) != categories.end();
    }
    if (fits) commands_.set(index_of(command), allowed);
    found |= fits;
  }
  if (!found) return std::unexpected("names no command or category");
  const std::string word = (allowed ? "+" : "-") + std::string{what};
  if (what == "@all") {
    command_text_ = word;
  } else {
    command_text_ += " " + word;
  }
  return {};
}

std::string AccessRules::key_text() const {
  std::string text;
  for (const Pattern& pattern : patterns_) {
    if (!text.empty()) text.push_back(' ');
    text += !pattern.writes ? "%R~" : !pattern.reads ? "%W~" : "~";
    text += pattern.glob;
  }
  return text;
}

std::string AccessRules::channel_text() const {
  std::string text;
  for (const std::string& channel : channels_) text += (text.empty() ? "&" : " &") + channel;
  return text;
}

bool AccessRules::may_run(const CommandSpec& command) const {
  return command.has(flag_no_auth) || commands_.test(index_of(command));
}

std::optional<std::string_view> AccessRules::forbidden_key(
    const CommandSpec& command, std::span<const std::string_view> words) const {
  if (command.id == CommandId::eval || command.id == CommandId::evalsha) {
    if (words.size() <= 3 || may_use_key(words[3], KeyUse::read_and_write)) return std::nullopt;
    return words[3];
  }
  if (command.first_key == 0) return std::nullopt;
  const bool writes = command.has(flag_write);
  const KeyUse use = !writes                       ? KeyUse::read
                     : only_writes(command, words) ? KeyUse::write
                                                   : KeyUse::read_and_write;
  for (std::size_t i = 0; i < count_keys(command, words.size()); ++i) {
    const std::string_view key = words[command.key_at(i)];
    if (!may_use_key(key, use)) return key;
  }
  return std::nullopt;
}

std::optional<std::string_view> AccessRules::forbidden_channel(
    const CommandSpec& command, std::span<const std::string_view> words) const {
  const bool is_pattern = command.id == CommandId::psubscribe;
  const bool is_publish = command.id == CommandId::publish;
  if (!is_publish && command.id != CommandId::subscribe && !is_pattern) return std::nullopt;
  for (std::string_view channel : words.subspan(1, is_publish ? 1 : words.size() - 1)) {
    if (!may_use_channel(channel, is_pattern)) return channel;
  }
  return std::nullopt;
}

bool AccessRules::may_use_channel(std::string_view channel, bool is_pattern) const {
  return std::ranges::any_of(channels_, [&](const std::string& allowed) {
    return allowed == "*" || (is_pattern ? allowed == channel : glob_match(allowed, channel));
  });
}

bool AccessRules::may_use_key(std::string_view key, KeyUse use) const {
  bool may_read = use == KeyUse::write;
  bool may_write = use == KeyUse::read;
  for (const Pattern& pattern : patterns_) {
    if (may_read && may_write) return true;
    const bool helps = (pattern.reads && !may_read) || (pattern.writes && !may_write);
    if (!helps || !glob_match(pattern.glob, key)) continue;
    may_read |= pattern.reads;
    may_write |= pattern.writes;
  }
  return may_read && may_write;
}

}  // namespace greenroom
