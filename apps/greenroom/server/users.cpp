// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/users.hpp"

#include <deque>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"

namespace greenroom {

using namespace troupe;

namespace {

using Words = std::span<const std::string_view>;

// Of a user's sessions that are ended: so many share the commits of their shards. One after the
// other, ten thousand took four seconds.
constexpr std::size_t max_under_way = 512;

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
  auto sessions = house->users.sessions_of(user);
  std::erase_if(sessions, [&](const UserIndex::Entry& session) {
    const std::string_view key = key_in(session.key);
    return (!except.empty() && key == except) || !login.may_use_key(key, KeyUse::write);
  });
  std::int64_t count = 0;
  asker.version = RespVersion::resp2;
  std::deque<KeyRequest> under_way;
  for (std::size_t next = 0; next < sessions.size() || !under_way.empty();) {
    if (next < sessions.size() && under_way.size() < max_under_way) {
      const std::string& key = sessions[next++].key;
      const std::string_view words[] = {destroy.name, key_in(key)};
      under_way.emplace_back(house, destroy, words, database_of(key), asker);
      co_await under_way.back().send(self);
      continue;
    }
    const std::string answer = co_await under_way.front().reply(self);
    if (answer == ":1\r\n") ++count;
    under_way.pop_front();
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
