// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/packed_command.hpp"

namespace greenroom {

PackedCommand pack_command(CommandId id, std::span<const std::string_view> words) {
  PackedCommand packed{.id = id, .words = static_cast<std::uint32_t>(words.size()), .bytes = {}};
  std::size_t total = words.size() * sizeof(std::uint32_t);
  for (std::string_view word : words) total += word.size();
  packed.bytes.reserve(total);
  std::uint32_t end = 0;
  for (std::string_view word : words) {
    end += static_cast<std::uint32_t>(word.size());
    char offset[sizeof end];
    std::memcpy(offset, &end, sizeof end);
    packed.bytes.append(offset, sizeof end);
  }
  for (std::string_view word : words) packed.bytes.append(word);
  return packed;
}

CommandWords::CommandWords(const PackedCommand& command) {
  std::span<std::string_view> words;
  if (command.words <= few_.size()) {
    words = std::span{few_}.first(command.words);
  } else {
    many_.resize(command.words);
    words = many_;
  }
  std::string_view text{command.bytes};
  text.remove_prefix(command.words * sizeof(std::uint32_t));
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::uint32_t end = 0;
    std::memcpy(&end, command.bytes.data() + i * sizeof end, sizeof end);
    words[i] = text.substr(begin, end - begin);
    begin = end;
  }
  words_ = words;
}

}  // namespace greenroom
