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

// The processes of a key, until one of them answers: the one that is there, a new one where there
// is none, and a successor where the one that was asked last did not answer because it has crashed.
class SessionSearch {
 public:
  SessionSearch(HouseRef house, const std::string& storage_key)
      : house_{house}, key_{storage_key} {}

  // The null pid: it is time to give up.
  Async<Pid> next(Process& self) {
    while (attempts_ < max_attempts && failed_starts_ < max_failed_starts) {
      if (++attempts_ > 3) co_await self.sleep(1ms);
      const FoundSession found = co_await look(self);
      if (!found) ++failed_starts_;
      if (!found || !*found) continue;
      last_ = *found;
      co_return last_;
    }
    co_return Pid{};
  }

 private:
  Async<FoundSession> look(Process& self) const {
    const Pid pid = house_->find(key_);
    if (!pid) co_return new_session(house_, key_);
    if (pid != last_) co_return pid;
    co_return co_await start_session(self, house_, key_);
  }

  HouseRef house_;
  const std::string& key_;
  Pid last_;
  int attempts_ = 0;
  int failed_starts_ = 0;
};

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
  SessionSearch search{house, storage_key};
  for (;;) {
    const Pid pid = co_await search.next(self);
    if (!pid) co_return false;
    auto pending = send_request(self, ServerRef<SessionServer>{pid}, SessionServer::Watch{});
    const auto answer = co_await pending.response(infinity);
    if (answer && *answer) co_return true;
  }
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
  SessionSearch search{house_, key};
  for (;;) {
    const Pid pid = co_await search.next(self_);
    if (!pid) co_return false;
    auto pending = send_request(self_, ServerRef<SessionServer>{pid}, SessionServer::Hold{});
    auto held = co_await pending.response(infinity);
    if (!held) continue;
    owners_.push_back(Owner{key, pid, held->was_touched});
    keys_.add(key, std::move(held->state));
    co_return true;
  }
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
    if (!key->changed && !key->was_written) {
      troupe::send(owner.pid, SessionServer::LetGo{self_.pid()});
      continue;
    }
    SessionServer::TakeOver change;
    if (key->changed) {
      change = {std::move(key->state), std::move(key->events), key->revoked};
    }
    pending.push_back(send_request(self_, ServerRef<SessionServer>{owner.pid}, std::move(change)));
  }
  owners_.clear();
  house_->together_done.fetch_add(1);
  has_begun_ = false;
  house_->counters.add(keys_.tally());
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
