// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/known_scripts.hpp"

#include <algorithm>

#include "resp/letters.hpp"
#include "resp/sha1.hpp"

namespace greenroom {
namespace {

// No known script comes near; a longer text is not looked at.
constexpr std::size_t max_script_bytes = 4'096;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The text as one line of tokens: comments and semicolons gone, a blank only between two words,
// double quotes, and what redis.call calls in lower case.
std::string normalised(std::string_view text) {
  constexpr std::string_view call = "redis.call(";
  std::string line;
  bool gap = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (text.substr(at, 2) == "--") {
      at = std::min(text.find('\n', at), text.size());
    } else if (is_blank(c) || c == ';') {
      gap = true;
      ++at;
    } else if (c == '"' || c == '\'') {
      const std::size_t end = text.find(c, at + 1);
      if (end == std::string_view::npos) return {};
      const std::string_view literal = text.substr(at + 1, end - at - 1);
      const bool names_a_command = line.ends_with(call);
      line.append("\"").append(names_a_command ? lower_case(literal) : std::string{literal});
      line.append("\"");
      gap = false;
      at = end + 1;
    } else {
      if (gap && !line.empty() && is_word(line.back()) && is_word(c)) line.push_back(' ');
      // A word after a literal is a word of its own already.
      gap = false;
      line.push_back(c);
      ++at;
    }
  }
  return line;
}

struct Known {
  std::string_view line;  // Normalised.
  KnownScript script;
};

using enum KnownScript;

constexpr Known known[] = {
    {R"(if redis.call("get",KEYS[1])==ARGV[1]then return redis.call("del",KEYS[1])else return 0 end)",
     release},
    {R"(if redis.call("get",KEYS[1])==ARGV[1]then return redis.call("del",KEYS[1])end return 0)",
     release},
    {R"(local token=redis.call("get",KEYS[1])if not token or token~=ARGV[1]then return 0 end )"
     R"(redis.call("del",KEYS[1])return 1)",
     release},
    {R"(local token=redis.call("get",KEYS[1])if not token or token~=ARGV[1]then return 0 end )"
     R"(local expiration=redis.call("pttl",KEYS[1])if not expiration then expiration=0 end )"
     R"(if expiration<0 then return 0 end local newttl=ARGV[2]if ARGV[3]=="0"then )"
     R"(newttl=ARGV[2]+expiration end redis.call("pexpire",KEYS[1],newttl)return 1)",
     extend},
    {R"(local token=redis.call("get",KEYS[1])if not token or token~=ARGV[1]then return 0 end )"
     R"(redis.call("pexpire",KEYS[1],ARGV[2])return 1)",
     reacquire},
    {R"(if redis.call("get",KEYS[1])==ARGV[1]then return redis.call("pexpire",KEYS[1],ARGV[2])else )"
     R"(return 0 end)",
     reacquire},
    {R"(if redis.call("get",KEYS[1])==ARGV[1]then return redis.call("expire",KEYS[1],ARGV[2])else )"
     R"(return 0 end)",
     refresh_s},
    {R"(return redis.call("set",KEYS[1],ARGV[1],"NX","PX",ARGV[2]))", acquire},
    {R"(return redis.call("exists",KEYS[1])<1 and redis.call("setex",KEYS[1],ARGV[2],ARGV[1]))",
     add},
    {R"(redis.call("hset",KEYS[1],"absexp",ARGV[1],"sldexp",ARGV[2],"data",ARGV[4])if ARGV[3]~="-1")"
     R"(then redis.call("expire",KEYS[1],ARGV[3])end return 1)",
     store_entry},
    {R"(redis.call("hmset",KEYS[1],"absexp",ARGV[1],"sldexp",ARGV[2],"data",ARGV[4])if )"
     R"(ARGV[3]~="-1"then redis.call("expire",KEYS[1],ARGV[3])end return 1)",
     store_entry},
    {R"(local exists=redis.call("exists",KEYS[1])if(exists==1)then return )"
     R"(redis.call("incrby",KEYS[1],ARGV[1])else return false end)",
     incr_existing},
    {R"(return redis.call("incrby",KEYS[1],ARGV[1]))", incr},
};

}  // namespace

std::optional<KnownScript> recognise_script(std::string_view text) {
  if (text.size() > max_script_bytes) return std::nullopt;
  const std::string line = normalised(text);
  for (const Known& each : known)
    if (each.line == line) return each.script;
  return std::nullopt;
}

std::size_t script_arguments(KnownScript script) {
  switch (script) {
    case release:
    case incr_existing:
    case incr:
      return 1;
    case reacquire:
    case refresh_s:
    case acquire:
    case add:
      return 2;
    case extend:
      return 3;
    case store_entry:
      return 4;
  }
  return 0;
}

std::span<const CommandId> script_commands(KnownScript script) {
  static constexpr CommandId get_del[] = {CommandId::get, CommandId::del};
  static constexpr CommandId get_pttl_pexpire[] = {CommandId::get, CommandId::pttl,
                                                   CommandId::pexpire};
  static constexpr CommandId get_pexpire[] = {CommandId::get, CommandId::pexpire};
  static constexpr CommandId get_expire[] = {CommandId::get, CommandId::expire};
  static constexpr CommandId set[] = {CommandId::set};
  static constexpr CommandId exists_setex[] = {CommandId::exists, CommandId::setex};
  static constexpr CommandId hset_expire[] = {CommandId::hset, CommandId::expire};
  static constexpr CommandId exists_incrby[] = {CommandId::exists, CommandId::incrby};
  static constexpr CommandId incrby[] = {CommandId::incrby};
  switch (script) {
    case release:
      return get_del;
    case extend:
      return get_pttl_pexpire;
    case reacquire:
      return get_pexpire;
    case refresh_s:
      return get_expire;
    case acquire:
      return set;
    case add:
      return exists_setex;
    case store_entry:
      return hset_expire;
    case incr_existing:
      return exists_incrby;
    case incr:
      return incrby;
  }
  return {};
}

std::optional<KnownScript> ScriptCache::load(std::string_view text, std::string& sha) {
  sha = sha1_hex(text);
  const auto script = recognise_script(text);
  if (!script) return script;
  const std::lock_guard guard{lock_};
  if (by_sha_.size() < max_scripts) by_sha_.emplace(sha, *script);
  return script;
}

std::optional<KnownScript> ScriptCache::find(std::string_view sha) const {
  constexpr std::size_t sha_digits = 40;
  if (sha.size() != sha_digits) return std::nullopt;
  const std::lock_guard guard{lock_};
  const auto found = by_sha_.find(lower_case(sha));
  if (found == by_sha_.end()) return std::nullopt;
  return found->second;
}

void ScriptCache::flush() {
  const std::lock_guard guard{lock_};
  by_sha_.clear();
}

}  // namespace greenroom
