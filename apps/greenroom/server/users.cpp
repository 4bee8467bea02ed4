// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/users.hpp"

#include "resp/error_text.hpp"
#include "resp/letters.hpp"

namespace greenroom {

using namespace troupe;

namespace {

using Words = std::span<const std::string_view>;

void list(const SessionHouse& house, std::string_view user, const Login& login,
          ReplyWriter& reply) {
  auto sessions = house.users.sessions_of(user);
  std::erase_if(sessions, [&](const UserIndex::Entry& session) {
    return !login.may_use_key(key_in(session.key), KeyUse::read);
  });
  reply.array(sessions.size());
  for (const UserIndex::Entry& session : sessions) {
    reply.array(3);
    reply.bulk(key_in(session.key));
    reply.integer(database_of(session.key));
    reply.integer(session.created_at_ms);
  }
}

Async<std::int64_t> revoke(Process& self, HouseRef house, std::string_view user,
                           std::string_view except, KeyRequest::Asker asker, const Login& login) {
  const CommandSpec& destroy = command_spec(CommandId::sess_destroy);
  std::int64_t count = 0;
  asker.version = RespVersion::resp2;
  for (const UserIndex::Entry& session : house->users.sessions_of(user)) {
    const std::string_view key = key_in(session.key);
    if (!except.empty() && key == except) continue;
    if (!login.may_use_key(key, KeyUse::write)) continue;
    const std::string_view words[] = {destroy.name, key};
    KeyRequest request{house, destroy, words, database_of(session.key), asker};
    co_await request.send(self);
    const std::string answer = co_await request.reply(self);
    if (answer == ":1\r\n") ++count;
  }
  co_return count;
}

}  // namespace

Async<std::string> answer_users(Process& self, HouseRef house, const CommandSpec& command,
                                Words words, KeyRequest::Asker asker, const Login& login) {
  std::string out;
  ReplyWriter reply{out, asker.version};
  switch (command.id) {
    case CommandId::sess_user_list:
      list(*house.house, words[1], login, reply);
      break;
    default: {
      const bool has_exception = words.size() == 4 && same_word(words[2], "except");
      if (words.size() != 2 && !has_exception) {
        reply.error(error_text::syntax);
        break;
      }
      const std::string_view except = has_exception ? words[3] : std::string_view{};
      const std::int64_t count = co_await revoke(self, house, words[1], except, asker, login);
      reply.integer(count);
    }
  }
  co_return out;
}

}  // namespace greenroom
