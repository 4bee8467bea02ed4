// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/key_question.hpp"

#include <charconv>

namespace greenroom {

using namespace troupe;

Async<std::string> ask_key(Process& self, HouseRef house, CommandId command,
                           std::vector<std::string> words, std::uint8_t database) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  KeyRequest request{house, command_spec(command), views, database,
                     KeyRequest::Asker{0, RespVersion::resp2, false, true}};
  co_await request.send(self);
  co_return co_await request.reply(self);
}

std::int64_t integer_in(std::string_view reply) {
  std::int64_t number = 0;
  if (!reply.starts_with(':')) return 0;
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), number);
  return number;
}

std::string_view word_in(std::string_view reply) {
  if (!reply.starts_with('+')) return {};
  return reply.substr(1, reply.find('\r') - 1);
}

}  // namespace greenroom
