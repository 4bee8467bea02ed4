// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_keeper.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// Visited in one go, then others have their turn.
constexpr std::size_t visited_at_once = 2'000;
constexpr Duration end_limit = 30s;

}  // namespace

Async<> SessionKeeper::init(Process& self) {
  if (house_->processes.load() != 0) co_await end_all(self);
}

void SessionKeeper::handle_info(SessionDied) {
  house_->counters.sessions_crashed.fetch_add(1, std::memory_order_relaxed);
}

Async<> SessionKeeper::terminate(Process& self, ExitReason) { co_await end_all(self); }

namespace {

using Visit = void (*)(KeyTable& table, const std::string& key, Pid session);

Async<> for_each_session(Process& self, KeyTable& table, Visit visit) {
  std::uint64_t cursor = 0;
  std::vector<std::pair<std::string, Pid>> some;
  do {
    some.clear();
    cursor = table.scan(cursor, visited_at_once, [&](std::string_view key, Pid session) {
      some.emplace_back(key, session);
    });
    for (const auto& [key, session] : some) visit(table, key, session);
    co_await self.yield();
  } while (cursor != 0);
}

}  // namespace

Async<> SessionKeeper::end_all(Process& self) {
  house_->is_ending = true;
  for (KeyTable* table : {&house_->sessions, &house_->absent}) {
    co_await for_each_session(self, *table, [](KeyTable&, const std::string&, Pid session) {
      exit(session, ExitReason{atoms::shutdown});
    });
  }
  const Duration limit = self.monotonic_time() + end_limit;
  while (house_->processes.load() > 0 && self.monotonic_time() < limit) co_await self.sleep(1ms);
  // Not before they are gone: who sleeps has its key in the table.
  for (KeyTable* table : {&house_->sessions, &house_->absent}) {
    co_await for_each_session(self, *table, [](KeyTable& of, const std::string& key, Pid session) {
      of.erase(key, session);
    });
  }
  house_->is_ending = false;
}

}  // namespace greenroom
