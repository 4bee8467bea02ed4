// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"

namespace greenroom {

// A request that owns its words, in one allocation: what a connection sends to the process of a
// key. A plain struct of plain values, so it is a message as it stands. Made by pack_command(),
// read through CommandWords.
struct PackedCommand {
  CommandId id = CommandId::none;
  std::uint32_t words = 0;
  std::string bytes;  // The end offset of each word in the text as 4 bytes, then the text.
};

// The words together must be shorter than 4 GiB; the request parser's limit is far below.
PackedCommand pack_command(CommandId id, std::span<const std::string_view> words);

// The words of a packed command as views into it, which must outlive them. Keeps up to 8 words
// without an allocation.
class CommandWords {
 public:
  explicit CommandWords(const PackedCommand& command);

  CommandWords(const CommandWords&) = delete;
  CommandWords& operator=(const CommandWords&) = delete;

  std::span<const std::string_view> view() const { return words_; }

 private:
  std::array<std::string_view, 8> few_;
  std::vector<std::string_view> many_;
  std::span<const std::string_view> words_;
};

}  // namespace greenroom
