// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/memory_keeper.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <troupe/request.hpp>

#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// Of a sample, so many go at most before the next look at how much room there is.
constexpr std::size_t share_that_goes = 4;  // a quarter
constexpr Duration room_limit = 30s;

// Asks each session, all at once; the answers of those that have one.
template <class Ask>
Async<std::vector<std::pair<Pid, typename Ask::Reply>>> ask_all(
    Process& self, std::vector<std::pair<Pid, Ask>> questions) {
  std::deque<std::pair<Pid, PendingReply<typename Ask::Reply>>> pending;
  for (auto& [session, question] : questions) {
    pending.emplace_back(session, send_request(self, ServerRef<SessionServer>{session}, question));
  }
  std::vector<std::pair<Pid, typename Ask::Reply>> answers;
  for (auto& [session, reply] : pending) {
    auto answer = co_await reply.response(infinity);
    if (answer) answers.emplace_back(session, *answer);
  }
  co_return answers;
}

}  // namespace

// The next keys that a rule could call anonymous; none at the end of a round.
Async<std::vector<std::string>> MemoryKeeper::next_sample(Process& self) {
  SessionHouse& house = server_->house;
  std::vector<std::string> keys;
  do {
    cursor_ = house.sessions.scan(cursor_, sample_size, [&](std::string_view stored, Pid) {
      const PrefixRule* rule = house.rules.find(key_in(stored));
      if (rule && rule->knows_users() && !rule->is_lock(key_in(stored))) keys.emplace_back(stored);
    });
    co_await self.yield();  // there may be a million that are not anonymous
  } while (cursor_ != 0 && keys.size() < sample_size);
  co_return keys;
}

Async<std::size_t> MemoryKeeper::end_idlest(Process& self, std::vector<std::string> keys) {
  using Idleness = SessionServer::Idleness;
  std::vector<std::pair<Pid, SessionServer::TellIdleness>> questions;
  for (const std::string& key : keys) {
    if (const Pid session = server_->house.sessions.find(key)) {
      questions.emplace_back(session, SessionServer::TellIdleness{});
    }
  }
  std::vector<std::pair<Pid, Idleness>> told = co_await ask_all(self, std::move(questions));
  std::erase_if(told, [](const auto& each) { return !each.second.is_anonymous; });
  std::ranges::sort(told, {}, [](const auto& each) { return each.second.last_access_at_ms; });
  told.resize((told.size() + share_that_goes - 1) / share_that_goes);
  std::vector<std::pair<Pid, SessionServer::Evict>> ends;
  for (const auto& [session, idleness] : told) {
    ends.emplace_back(session, SessionServer::Evict{idleness.last_access_at_ms});
  }
  const auto ended = co_await ask_all(self, std::move(ends));
  co_return static_cast<std::size_t>(
      std::ranges::count_if(ended, [](const auto& each) { return each.second; }));
}

Async<bool> MemoryKeeper::handle_call(Process& self, MakeRoom) {
  SessionHouse& house = server_->house;
  if (!house.is_full()) co_return true;
  const Duration began = self.monotonic_time();
  if (began < rests_until_) co_return false;
  // Where no rule says who the users are, nobody is anonymous.
  if (std::ranges::none_of(house.rules.all(), &PrefixRule::knows_users)) co_return false;
  // From wherever the last one stopped to the end, and then once around.
  bool is_first_round = true;
  std::size_t ended_in_round = 0;
  for (;;) {
    std::vector<std::string> sample = co_await next_sample(self);
    ended_in_round += co_await end_idlest(self, std::move(sample));
    if (!house.is_full()) co_return true;
    if (cursor_ != 0) continue;
    if (!is_first_round && ended_in_round == 0) break;
    is_first_round = false;
    ended_in_round = 0;
  }
  const Duration took = self.monotonic_time() - began;
  rests_until_ = self.monotonic_time() + std::max(20 * took, shortest_rest);
  co_return false;
}

Async<bool> has_room(Process& self, ServerPtr server) {
  if (!server->house.is_full()) co_return true;
  const auto made = co_await try_call(self, named<MemoryKeeper>(Name{memory_keeper_name}),
                                      MemoryKeeper::MakeRoom{}, room_limit);
  co_return made.value_or(false);
}

}  // namespace greenroom
