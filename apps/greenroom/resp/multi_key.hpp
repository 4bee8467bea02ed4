// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"

namespace greenroom {

// One key's share of a multi-key command: the same command with that key alone.
class KeyPart {
 public:
  // Part number `index` < count_keys() of a request that the command accepts.
  KeyPart(const CommandSpec& command, std::span<const std::string_view> words, std::size_t index);

  std::string_view key() const { return words_[1]; }
  std::span<const std::string_view> words() const { return {words_.data(), size_}; }

 private:
  std::array<std::string_view, 3> words_;
  std::size_t size_;
};

// Collects the replies of the parts, in any order of arrival, and makes the one reply that the
// client gets. A part that failed makes the whole reply its error, the first key's first.
//
// The keys belong to different processes, so unlike in Redis another client may see MSET half done.
class MergedReply {
 public:
  MergedReply(Merge merge, std::size_t parts) : merge_{merge}, replies_(parts), missing_{parts} {}

  // Adds the reply bytes of part `index`; each part once.
  void add(std::size_t index, std::string reply);

  bool complete() const { return missing_ == 0; }

  // Appends the client's reply. Requires complete().
  void finish(std::string& out, RespVersion version) const;

 private:
  Merge merge_;
  std::vector<std::string> replies_;
  std::size_t missing_;
};

}  // namespace greenroom
