// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "session/session.hpp"

namespace greenroom {

// One change of a session's value, for SESS.HISTORY. It says which members of a JSON object or
// fields of a hash were changed, and not to what: whoever may look into history need not see
// passwords there that are long gone.
struct Change {
  static constexpr std::size_t max_names = 16;
  static constexpr std::size_t max_name_bytes = 64;

  std::int64_t at_ms = 0;
  std::uint64_t version = 0;
  std::uint64_t client = 0;
  std::string_view command;  // a name of the command table, which outlives everything
  std::uint64_t bytes = 0;   // of the string that came out of it; else the number of members
  std::vector<std::string> names;
};

// What a value looked like before a command, as far as the history wants to know.
class BeforeChange {
 public:
  explicit BeforeChange(const Session& session);

  // The change that the command has made of it.
  Change change_to(const Session& session, const CommandSpec& command,
                   std::span<const std::string_view> words) const;

 private:
  std::string object_;  // empty: it was no JSON object
};

}  // namespace greenroom
