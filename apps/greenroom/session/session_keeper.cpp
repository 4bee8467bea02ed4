// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_keeper.hpp"

#include "session/for_each_session.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr Duration end_limit = 30s;

}  // namespace

Async<> SessionKeeper::init(Process& self) {
  if (house_->processes.load() != 0) co_await end_all(self);
}

void SessionKeeper::handle_info(SessionDied) {
  house_->counters.sessions_crashed.fetch_add(1, std::memory_order_relaxed);
}

Async<> SessionKeeper::terminate(Process& self, ExitReason) { co_await end_all(self); }

Async<> SessionKeeper::end_all(Process& self) {
  house_->is_ending = true;
  for (KeyTable* table : {&house_->sessions, &house_->absent}) {
    co_await for_each_session(self, *table, Pace{}, [](std::string_view, Pid session) {
      exit(session, ExitReason{atoms::shutdown});
    });
  }
  const Duration limit = self.monotonic_time() + end_limit;
  while (house_->processes.load() > 0 && self.monotonic_time() < limit) co_await self.sleep(1ms);
  // Not before they are gone: who sleeps has its key in the table.
  for (KeyTable* table : {&house_->sessions, &house_->absent}) {
    co_await for_each_session(self, *table, Pace{}, [table](std::string_view key, Pid session) {
      table->erase(key, session);
    });
  }
  house_->is_ending = false;
}

}  // namespace greenroom
