// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <bitset>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"

namespace greenroom {

enum class KeyUse : std::uint8_t { read, write, read_and_write };

// What a user may do, in the subset of Redis' ACL language that exporters and frameworks use:
//
//     +get  -flushall  +client|id      a command (a container with all of its subcommands)
//     +@read  -@dangerous  +@all       a category, as COMMAND INFO tells them
//     allcommands  nocommands
//     ~sess:*  %R~cache:*  %W~log:*    keys by glob pattern: all access, only reading, only writing
//     allkeys  resetkeys
//     &news:*  allchannels  resetchannels    channels by glob pattern; PSUBSCRIBE needs the very
//                                            pattern that it asks for
//     on  off  reset                         off: nobody may log in as this user
//
// Later words beat earlier ones. Without any, nothing is allowed but AUTH, HELLO, QUIT and RESET,
// which always are. Commands that look at all keys (KEYS, SCAN, DBSIZE, FLUSHALL) touch no key by
// name: they are allowed or not as commands, as in Redis.
class AccessRules {
 public:
  static AccessRules everything();
  // The error is a sentence that names the word.
  static std::expected<AccessRules, std::string> parse(std::span<const std::string> words);

  bool may_run(const CommandSpec& command) const;
  // The first key of a request, one that the command accepts, that may not be used as it uses it.
  std::optional<std::string_view> forbidden_key(const CommandSpec& command,
                                                std::span<const std::string_view> words) const;
  bool may_use_key(std::string_view key, KeyUse use) const;
  // The first channel of a request that it may not listen to, or publish on.
  std::optional<std::string_view> forbidden_channel(const CommandSpec& command,
                                                    std::span<const std::string_view> words) const;
  bool is_on() const { return is_on_; }
  void turn_off() { is_on_ = false; }

  // As ACL LIST and ACL GETUSER show them: "+@all -@dangerous", "~sess:* %R~cache:*", "&news:*".
  std::string command_text() const { return command_text_; }
  std::string key_text() const;
  std::string channel_text() const;

 private:
  struct Pattern {
    std::string glob;
    bool reads = true;
    bool writes = true;
  };

  std::expected<void, std::string> apply(std::string_view word);
  std::expected<void, std::string> apply_to_commands(std::string_view what, bool allowed);
  bool may_use_channel(std::string_view channel, bool is_pattern) const;

  std::bitset<256> commands_;  // by CommandId
  std::string command_text_ = "-@all";
  std::vector<Pattern> patterns_;
  std::vector<std::string> channels_;
  bool is_on_ = true;
};

// A user beside the default one.
struct User {
  std::string name;
  std::string password_sha256;  // 32 bytes
  AccessRules access;
};

}  // namespace greenroom
