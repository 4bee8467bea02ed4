// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/key_locks.hpp"

#include <algorithm>
#include <optional>

#include "session/sleeping_session.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// How often a key's process may turn out to be gone before the client is told.
constexpr int max_attempts = 1'000;

// The process of a key that is to be asked: the one that is there, a new one where there is none,
// or a successor where `before`, which was asked a moment ago and did not answer, has crashed.
Async<FoundSession> session_to_ask(Process& self, HouseRef house, const std::string& storage_key,
                                   Pid before) {
  const Pid pid = house->find(storage_key);
  if (!pid) co_return new_session(house, storage_key);
  if (pid != before) co_return pid;
  co_return co_await start_session(self, house, storage_key);
}

}  // namespace

Async<FoundSession> start_session(Process& self, HouseRef house, const std::string& storage_key) {
  auto started = co_await SessionServer::try_start(self, house, storage_key);
  if (started) co_return started->pid();
  // Somebody else was faster: theirs serves as well.
  if (started.error().code == StartError::Code::ignored) co_return house->find(storage_key);
  co_return std::unexpected(NoSession{});
}

FoundSession new_session(HouseRef house, const std::string& storage_key) {
  house->processes.fetch_add(1, std::memory_order_relaxed);
  Pid pid;
  try {
    pid = spawn_dormant(SleepingSession::of_new_key(house, storage_key));
  } catch (const ErrorException& failure) {
    log::error("no process for a new session: {}", failure.what());
    return std::unexpected(NoSession{});
  }
  if (pid && house->absent.insert(storage_key, pid)) return pid;
  // Somebody else was faster: theirs serves as well.
  if (pid) exit(pid, ExitReason{atoms::kill});
  return house->find(storage_key);
}

Async<bool> watch_key(Process& self, HouseRef house, std::string storage_key) {
  Pid before;
  int failed_starts = 0;
  for (int attempt = 0; attempt < max_attempts && failed_starts < max_failed_starts; ++attempt) {
    if (attempt > 2) co_await self.sleep(1ms);
    const FoundSession pid = co_await session_to_ask(self, house, storage_key, before);
    if (!pid) ++failed_starts;
    if (!pid || !*pid) continue;
    auto pending = send_request(self, ServerRef<SessionServer>{*pid}, SessionServer::Watch{});
    const auto answer = co_await pending.response(infinity);
    if (answer && *answer) co_return true;
    before = *pid;
  }
  co_return false;
}

KeyLocks::~KeyLocks() {
  for (const Owner& owner : owners_) send(owner.pid, SessionServer::LetGo{self_.pid()});
  if (has_begun_) house_->together_done.fetch_add(1);
}

Async<bool> KeyLocks::hold(std::vector<std::string> storage_keys) {
  std::ranges::sort(storage_keys);
  storage_keys.erase(std::ranges::unique(storage_keys).begin(), storage_keys.end());
  if (!has_begun_) {
    has_begun_ = true;
    house_->together_begun.fetch_add(1);
  }
  for (const std::string& key : storage_keys) {
    const bool held = co_await hold_one(key);
    if (!held) co_return false;
  }
  co_return true;
}

Async<bool> KeyLocks::hold_one(const std::string& key) {
  Pid before;
  int failed_starts = 0;
  for (int attempt = 0; attempt < max_attempts && failed_starts < max_failed_starts; ++attempt) {
    if (attempt > 2) co_await self_.sleep(1ms);
    const FoundSession pid = co_await session_to_ask(self_, house_, key, before);
    if (!pid) ++failed_starts;
    if (!pid || !*pid) continue;
    auto pending = send_request(self_, ServerRef<SessionServer>{*pid}, SessionServer::Hold{});
    auto held = co_await pending.response(infinity);
    if (held) {
      owners_.push_back(Owner{key, *pid, held->was_touched});
      keys_.add(key, std::move(held->state));
      co_return true;
    }
    before = *pid;
  }
  co_return false;
}

bool KeyLocks::was_touched(std::string_view storage_key) const {
  for (const Owner& owner : owners_)
    if (owner.key == storage_key) return owner.was_touched;
  return true;
}

Async<std::string> KeyLocks::commit() {
  std::deque<PendingReply<std::string>> pending;
  for (const Owner& owner : owners_) {
    HeldKey* key = keys_.find(owner.key);
    if (!key->changed) {
      troupe::send(owner.pid, SessionServer::LetGo{self_.pid()});
      continue;
    }
    pending.push_back(send_request(
        self_, ServerRef<SessionServer>{owner.pid},
        SessionServer::TakeOver{std::move(key->state), std::move(key->events), key->revoked}));
  }
  owners_.clear();
  house_->together_done.fetch_add(1);
  has_begun_ = false;
  std::string error;
  for (auto& each : pending) {
    auto answer = co_await each.response(infinity);
    if (!answer) {
      error = "-ERR a session's process crashed while it took the change over\r\n";
    } else if (!answer->empty()) {
      error = std::move(*answer);
    }
  }
  co_return error;
}

}  // namespace greenroom
