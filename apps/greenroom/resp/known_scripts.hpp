// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"

namespace greenroom {

// The scripts that session clients send, recognised by their text and carried out by the key's
// process like any command. There is no Lua here: a script is arbitrary code that would hold its
// keys for as long as it likes, and what session clients want from it is a dozen small things.
//
// Texts are compared token by token, without comments, with either kind of quote and with command
// names in any case; so the copies of one script in many libraries are one script here. The tests
// hold the texts as the libraries send them, with where they are from.
enum class KnownScript : std::uint8_t {
  release,        // ARGV: owner. Deletes the key if the owner holds it; 1 or 0.
  extend,         // ARGV: owner, ms, "0" to add to what is left. redis-py's Lock.extend.
  reacquire,      // ARGV: owner, ms. A new time to live if the owner holds it; 1 or 0.
  refresh_s,      // ARGV: owner, s. The same with EXPIRE.
  acquire,        // ARGV: owner, ms. SET NX PX: OK or null.
  add,            // ARGV: value, s. SETEX unless the key exists: OK or null.
  store_entry,    // ARGV: absolute, sliding, s or "-1", data. ASP.NET Core's hash; 1.
  incr_existing,  // ARGV: by. INCRBY if the key exists, else null. django-redis.
  incr,           // ARGV: by. INCRBY.
};

// Nothing for a text that is none of them.
std::optional<KnownScript> recognise_script(std::string_view text);

// How many words ARGV must have.
std::size_t script_arguments(KnownScript script);

// The commands that it calls: its user must be allowed each of them, as in Redis.
std::span<const CommandId> script_commands(KnownScript script);

// The scripts that EVALSHA runs: those that were loaded or run since the start or the last flush,
// as in Redis. For any number of threads.
class ScriptCache {
 public:
  // More texts than any deployment's clients have; beyond it a known script still runs by EVAL.
  static constexpr std::size_t max_scripts = 1'000;

  // Remembers a script if it is a known one. The SHA-1 of the text goes to `sha` in any case.
  std::optional<KnownScript> load(std::string_view text, std::string& sha);
  // By SHA-1 in any case of letters.
  std::optional<KnownScript> find(std::string_view sha) const;
  void flush();

 private:
  mutable std::mutex lock_;
  std::map<std::string, KnownScript, std::less<>> by_sha_;
};

}  // namespace greenroom
