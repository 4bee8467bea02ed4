// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Sessions that are held still for somebody (server/key_locks.hpp), or watched.
#include <algorithm>
#include <utility>

#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;

void SessionServer::grant(Process& self, From<Held> from) {
  Company& all = company();
  const Pid holder = from.caller();
  all.holder = holder;
  all.holder_monitor = self.monitor(holder);
  bool touched = true;
  for (const Watcher& watcher : all.watchers) {
    if (watcher.pid == holder) touched = watcher.touched;
  }
  // What is due is gone for the holder too, and tells so.
  if (expire(self)) {
    for (const Watcher& watcher : all.watchers) touched |= watcher.pid == holder;
  }
  std::move(from).reply(Held{state_.clone(), touched});
}

Next SessionServer::handle_call(Process& self, Hold, From<Held> from) {
  if (is_superfluous(self)) {
    company().waiting.push_back(Waiting{.holder = std::move(from)});
    return end(self);
  }
  if (is_held()) {
    company_->waiting.push_back(Waiting{.holder = std::move(from)});
  } else {
    grant(self, std::move(from));
  }
  return next(self);
}

// Serves what has waited, up to the next holder.
void SessionServer::let_go(Process& self) {
  (void)self.demonitor(company_->holder_monitor, Flush::yes);
  company_->holder = Pid{};
  hand_lock_on(self);
  while (!is_held() && !company_->waiting.empty()) {
    Waiting waiting = std::move(company_->waiting.front());
    company_->waiting.pop_front();
    if (waiting.holder) {
      grant(self, std::move(*waiting.holder));
    } else if (waiting.revoke) {
      revoke(self, *waiting.revoke);
    } else if (waiting.gone_owner) {
      end_lock_of(self, waiting.gone_owner);
    } else {
      serve(self, std::move(*waiting.command), std::move(*waiting.from));
    }
    hand_lock_on(self);
  }
}

Next SessionServer::handle_call(Process& self, TakeOver message, From<std::string> from) {
  if (!is_held() || company_->holder != from.caller()) {
    std::move(from).reply("-ERR the key is not held by this connection\r\n");
    return next(self);
  }
  if (!message.state) {
    answer(self, true, {}, std::move(from));
    let_go(self);
    return next(self);
  }
  const Before before = this->before();
  KeyOutcome outcome;
  const bool existed = state_.session.exists();
  state_ = std::move(*message.state);
  const bool exists = state_.session.exists();
  outcome.created = exists && !existed;
  outcome.deleted = existed && !exists;
  outcome.value_changed = true;
  outcome.revoked = message.was_revoked;
  bool is_anew = false;  // though it was there before, perhaps
  for (const Event& event : message.events) {
    outcome.expired |= event.kind == event_expired;
    is_anew |= event.kind == event_new;
  }
  if (!exists) forget_lock_setter(self);
  if (exists && is_anew) note_lock_setter(self, from.caller());
  count(outcome.expired);
  // Among the events is that it is new, at its place: it may have come, gone and come again.
  note_change(before.revision, message.events, false);
  record_event(self, outcome);
  place(self);
  if (before.user != state_.user()) note_user(before.user);
  answer(self, true, {}, std::move(from));
  let_go(self);
  return next(self);
}

Next SessionServer::handle_info(Process& self, LetGo message) {
  if (is_held() && company_->holder == message.holder) let_go(self);
  return next(self);
}

Next SessionServer::handle_call(Process& self, Watch, From<bool> from) {
  if (is_superfluous(self)) {
    std::move(from).reply(false);
    return end(self);
  }
  const Pid watcher = from.caller();
  bool known = false;
  for (const Watcher& other : company().watchers) known |= other.pid == watcher;
  // Who watches twice keeps the first moment, as in Redis.
  if (!known) company_->watchers.push_back(Watcher{watcher, self.monitor(watcher), false});
  std::move(from).reply(true);
  return next(self);
}

void SessionServer::forget_watcher(Process& self, Pid pid) {
  if (!company_) return;
  std::erase_if(company_->watchers, [&](const Watcher& watcher) {
    if (watcher.pid != pid) return false;
    (void)self.demonitor(watcher.monitor, Flush::yes);
    return true;
  });
}

Next SessionServer::handle_info(Process& self, Unwatch message) {
  forget_watcher(self, message.watcher);
  return next(self);
}

// A connection has ended: it holds nothing and watches nothing any more.
Next SessionServer::handle_info(Process& self, Down message) {
  forget_watcher(self, message.pid);
  if (is_held() && company_->holder == message.pid) let_go(self);
  if (company_) forget_locks_of(self, message.pid);
  return next(self);
}

}  // namespace greenroom
