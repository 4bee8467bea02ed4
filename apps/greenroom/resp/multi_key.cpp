// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/multi_key.hpp"

#include <cstdint>

#include "resp/number.hpp"

namespace greenroom {
namespace {

// The number in a ":n\r\n" reply; what is no such reply counts nothing.
std::int64_t integer_reply(std::string_view reply) {
  if (reply.size() < 3 || reply.front() != ':') return 0;
  return parse_integer(reply.substr(1, reply.size() - 3)).value_or(0);
}

}  // namespace

KeyPart::KeyPart(const CommandSpec& command, std::span<const std::string_view> words,
                 std::size_t index) {
  std::size_t at = command.key_at(index);
  words_[0] = words[0];
  words_[1] = words[at];
  size_ = 2;
  if (command.key_step > 1) words_[size_++] = words[at + 1];
}

void MergedReply::add(std::size_t index, std::string reply) {
  replies_[index] = std::move(reply);
  --missing_;
}

void MergedReply::finish(std::string& out, RespVersion version) const {
  for (const std::string& reply : replies_)
    if (reply.starts_with('-')) {
      out.append(reply);
      return;
    }
  ReplyWriter writer{out, version};
  std::int64_t sum = 0;
  switch (merge_) {
    case Merge::sum:
      for (const std::string& reply : replies_) sum += integer_reply(reply);
      return writer.integer(sum);
    case Merge::array:
      writer.array(replies_.size());
      for (const std::string& reply : replies_) out.append(reply);
      return;
    case Merge::ok:
    case Merge::none:
      return writer.ok();
  }
}

}  // namespace greenroom
