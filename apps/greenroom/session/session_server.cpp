// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_server.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "session/expiry_options.hpp"
#include "session/packed_record.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// How long a restarted session waits for its value; the writer may be busy with a batch.
constexpr Duration fetch_limit = 30s;
constexpr Duration first_rest = 5s;

// A session's process, its server and its places in the tables, beside key and value. An estimate;
// the performance document has the measurements.
constexpr std::size_t process_bytes = 640;

// Every so many reads a session tells the statistics.
constexpr std::uint32_t reads_told_at_once = 16;

// Told the key of each session that was revoked, by SESS.DESTROY, SESS.USER.REVOKE or a cap.
constexpr std::string_view revoked_channel = "__greenroom__:revoked";

}  // namespace

SessionServer::SessionServer(HouseRef house, std::string storage_key)
    : house_{house}, storage_key_{std::move(storage_key)}, has_left_{true} {}

SessionServer::~SessionServer() {
  if (has_left_) return;
  if (counted_) house_->counters.forget(database_of(storage_key_), counted_expiry_ms_);
  house_->counters.dataset_bytes.fetch_sub(counted_bytes_, std::memory_order_relaxed);
  if (!state_.user().empty()) house_->users.unbind(state_.user(), storage_key_);
  house_->note_death();
}

// A process in the place of one that crashed.
Async<Init> SessionServer::init(Process& self) {
  // Whoever lives in either table is the key's process, and this one is not needed. The tables are
  // looked at in the order in which a process that loses its value moves, and the first once more
  // after the claim, because one that gets a value moves the other way.
  const Pid listed = house_->sessions.find(storage_key_);
  if (listed) {
    const bool lives = co_await is_alive(self, listed);
    if (lives) co_return Init::ignore();
  }
  const Pid before = house_->absent.find(storage_key_);
  if (before) {
    const bool lives = co_await is_alive(self, before);
    if (lives) co_return Init::ignore();
  }
  if (!house_->absent.replace(storage_key_, before, self.pid())) co_return Init::ignore();
  if (house_->sessions.find(storage_key_) != listed) {
    house_->absent.erase(storage_key_, self.pid());
    co_return Init::ignore();
  }
  if ((listed || before) && !house_->writers.empty()) {
    // The process before this one crashed: what was stored is the truth.
    send(house_->writer_for(storage_key_), FetchValue{self.pid(), storage_key_});
    auto fetched = co_await self.receive<Fetched>(fetch_limit);
    if (!fetched || !fetched->error.empty()) {
      house_->absent.erase(storage_key_, self.pid());
      co_return Init::stop(ExitReason{"storage_unavailable"});
    }
    if (fetched->value && !unpack(*fetched->value)) {
      house_->absent.erase(storage_key_, self.pid());
      co_return Init::stop(ExitReason{"damaged_value"});
    }
  }
  has_left_ = false;
  house_->processes.fetch_add(1, std::memory_order_relaxed);
  count(false);
  note_user({});
  if (listed) house_->sessions.erase(storage_key_, listed);
  place(self);
  // It may fall asleep, or end, when whoever started it knows that it is there and has had its
  // turn.
  co_return Init::timeout(first_rest);
}

// The first look around of a process that was made for a new key: whether it is the key's process
// at all. The tables in the same order as in init. Its caller looks again when it ends.
bool SessionServer::is_superfluous(Process& self) {
  if (!std::exchange(is_new_, false)) return false;
  return house_->absent.find(storage_key_) != self.pid() || house_->sessions.find(storage_key_);
}

// Into the table of keys with a value, or the other; first in, then out.
void SessionServer::place(Process& self) {
  const bool exists = state_.session.exists();
  if (exists == is_listed_) return;
  KeyTable& to = exists ? house_->sessions : house_->absent;
  KeyTable& from = exists ? house_->absent : house_->sessions;
  to.insert(storage_key_, self.pid());
  from.erase(storage_key_, self.pid());
  kept_key_ = {};
  is_listed_ = exists;
}

const PrefixRule* SessionServer::rule() {
  static_assert(PrefixRules::max_changes < UINT16_MAX);
  const auto generation = static_cast<std::uint16_t>(house_->rules.generation());
  if (generation != rules_seen_) {
    rules_seen_ = generation;
    rule_ = house_->rules.find(key());
  }
  return rule_;
}

// Keeps the database's number of keys, and of those that expire, up to date.
void SessionServer::count(bool expired) {
  Counters& counters = house_->counters;
  const std::uint8_t database = database_of(storage_key_);
  if (expired) counters.expired.fetch_add(1, std::memory_order_relaxed);
  if (const bool exists = state_.session.exists(); exists != counted_) {
    counters.keys[database].fetch_add(exists ? 1 : -1, std::memory_order_relaxed);
    counted_ = exists;
  }
  const std::int64_t expires_at_ms = counted_ ? state_.session.expires_at_ms() : 0;
  if (expires_at_ms != counted_expiry_ms_) {
    counters.move_expiry(database, counted_expiry_ms_, expires_at_ms);
    counted_expiry_ms_ = expires_at_ms;
  }
  count_bytes();
}

// What it takes: also as a tombstone, and of a session that is not there at all, its locks.
void SessionServer::count_bytes() {
  Counters& counters = house_->counters;
  std::size_t bytes = lock_bytes();
  if (counted_ || state_.dead_until_ms() != 0) bytes += state_.session.memory_bytes();
  if (bytes != 0) bytes += process_bytes + storage_key_.size();
  const auto bounded = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX));
  if (bounded == counted_bytes_) return;
  counters.dataset_bytes.fetch_add(std::int64_t{bounded} - counted_bytes_,
                                   std::memory_order_relaxed);
  counted_bytes_ = bounded;
}

// A session of a user that has not logged in. Where no rule says who the users are, nobody is.
bool SessionServer::is_anonymous() {
  return state_.session.exists() && rule() != nullptr && rule_->knows_users() && !is_lock() &&
         state_.user().empty();
}

SessionServer::Company& SessionServer::company() {
  if (!company_) company_ = std::make_unique<Company>();
  return *company_;
}

// Nobody looks this process up any more; a call that is already under way finds nobody and looks
// again.
Next SessionServer::end(Process& self) {
  house_->absent.erase(storage_key_, self.pid());
  has_left_ = true;
  house_->processes.fetch_sub(1, std::memory_order_relaxed);
  return Next::stop();
}

Next SessionServer::next(Process& self) {
  if (company_) {
    if (company_->is_gone()) company_.reset();
    count_bytes();  // locks come and go without a change of the value
  }
  if (is_held()) return Next::noreply();
  const std::int64_t due_ms =
      state_.session.exists() ? state_.session.expires_at_ms() : state_.dead_until_ms();
  if (!state_.session.exists() && due_ms == 0) {
    const bool is_busy =
        under_way_ != 0 || company_ || stored_revision_ != state_.session.revision();
    if (!is_busy) return end(self);
  } else if (can_rest()) {
    return rest(self);
  }
  arm(self, due_ms);
  const std::int64_t lock_end_ms = company_ ? next_lock_end_ms() : 0;
  if (lock_end_ms == 0) return Next::noreply();
  const std::int64_t left = std::max<std::int64_t>(lock_end_ms - monotonic_ms(self), 0);
  return Next::timeout(std::chrono::milliseconds{left});
}

// Sees to it that the clock tells this process by then (0: never). No timer of its own, awake or
// not: deadlines are moments of the calendar, and only the clock notices that somebody sets it.
void SessionServer::arm(Process& self, std::int64_t due_ms) {
  if (due_ms == 0 || (armed_ms_ != 0 && armed_ms_ <= due_ms)) return;
  armed_ms_ = due_ms;
  house_->expiry.arm(due_ms, self.pid());
}

// After every change: revisions only grow, watchers are touched, listeners are told.
void SessionServer::note_change(std::uint64_t revision_before, std::span<const Event> events,
                                bool is_new) {
  state_.session.set_revision(std::max(state_.session.revision(), revision_before + 1));
  asleep_.reset();
  if (house_->writers.empty()) stored_revision_ = state_.session.revision();
  tell(events, is_new);
}

// Whoever watches the key or listens to its events.
void SessionServer::tell(std::span<const Event> events, bool is_new) {
  if (company_) {
    for (Watcher& watcher : company_->watchers) watcher.touched = true;
  }
  publish_events(*house_.house, storage_key_, events, is_new);
}

// Keeps the index of users up to date.
void SessionServer::note_user(const std::string& before) {
  const std::string_view now = state_.user();
  if (!before.empty() && before != now) house_->users.unbind(before, storage_key_);
  if (now.empty()) return;
  house_->bind_user(now, storage_key_, state_.session.created_at_ms(), rule());
}

// Everything that follows from a command, before it is answered.
void SessionServer::note_outcome(Process& self, const KeyOutcome& outcome, const Before& before) {
  count(outcome.expired);
  if (outcome.must_store() || outcome.deleted || outcome.created) {
    note_change(before.revision, outcome.events, outcome.created);
    record_event(self, outcome);
  } else if (outcome.events.size() > 0) {
    tell(outcome.events, false);
  }
  if (!state_.session.exists()) forget_lock_setter(self);
  place(self);
  if (outcome.user_changed) note_user(before.user);
}

void SessionServer::record_event(Process& self, const KeyOutcome& outcome) {
  using Kind = SessionEvent::Kind;
  Counters& counters = house_->counters;
  if (outcome.created) counters.created.fetch_add(1, std::memory_order_relaxed);
  if (outcome.evicted) {
    counters.evicted.fetch_add(1, std::memory_order_relaxed);
  } else if (outcome.deleted && !outcome.expired) {
    counters.deleted.fetch_add(1, std::memory_order_relaxed);
  }
  if (outcome.revoked) {
    counters.sessions_revoked.fetch_add(1, std::memory_order_relaxed);
    house_->channels.publish(revoked_channel, key());
  }
  if (is_lock()) return;
  const auto tell = [&](Kind kind) { house_->event_ring.add(kind, storage_key_, now_ms(self)); };
  if (outcome.expired) {
    tell(Kind::expired);
  } else if (outcome.deleted) {
    tell(outcome.evicted ? Kind::evicted : outcome.revoked ? Kind::revoked : Kind::deleted);
  }
  if (outcome.created) {
    tell(Kind::created);
  } else if (outcome.value_changed && state_.session.exists()) {
    tell(Kind::updated);
  }
}

void SessionServer::serve(Process& self, Apply message, From<std::string> from) {
  if (message.command.id == CommandId::sess_lock)
    return take_own_lock(self, message, std::move(from));
  if (message.command.id == CommandId::sess_unlock) return unlock(self, message, std::move(from));
  if (waits_for_lock(message, now_ms(self))) {
    house_->counters.lock_waits.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t until = monotonic_ms(self) + rule_->lock_wait_ms;
    const Ref monitor = self.monitor(from.caller());
    WaitingClients::Wait wait{house_->waiting_clients, message.client};
    Company& all = company();
    all.lock_waiters.push_back(
        LockWaiter{std::move(message), std::move(from), until, monitor, std::move(wait)});
    all.lock_waiters_bytes += all.lock_waiters.back().bytes();
    return;
  }
  const CommandWords words{message.command};
  const CommandSpec& command = command_spec(message.command.id);
  const Duration now = self.system_time();
  const ApplyContext context{.now_ms = now / 1ms,
                             .now_us = now / 1us,
                             .version = message.version,
                             .max_string_bytes = house_->max_value_bytes,
                             .counts_as_access = message.counts_as_access,
                             .client = message.client,
                             .leaves_tombstone = message.leaves_tombstone,
                             .random = command.has(flag_random) ? self.random() : 0};
  const Before before = this->before();
  std::string reply;
  const KeyOutcome outcome = perform(state_, rule(), key(), command, words.view(), context, reply);
  KeyTally tally;
  tally.note(command, outcome);
  house_->counters.add(tally);
  if (outcome.hit && command.has(flag_readonly)) tell_popular(command);
  note_outcome(self, outcome, before);
  if (outcome.created) note_lock_setter(self, from.caller());
  const bool changed = outcome.must_store() || outcome.deleted || outcome.created;
  answer(self, changed || command.has(flag_write), std::move(reply), std::move(from));
}

// Of a session that was read, every now and then.
void SessionServer::tell_popular(const CommandSpec& command) {
  if (command.has(flag_quiet) || state_.session.reads() % reads_told_at_once != 0) return;
  if (const Pid statistics = whereis(house_->statistics)) {
    send(statistics, SessionWasRead{storage_key_, reads_told_at_once});
  }
}

Next SessionServer::handle_call(Process& self, Apply message, From<std::string> from) {
  if (is_superfluous(self)) {
    // Kept to the end, which answers it.
    company().waiting.push_back(Waiting{std::move(message), std::move(from)});
    return end(self);
  }
  if (is_held()) {
    company_->waiting.push_back(Waiting{std::move(message), std::move(from)});
  } else {
    hand_lock_on(self);
    serve(self, std::move(message), std::move(from));
    hand_lock_on(self);
  }
  return next(self);
}

// Ends the session without anybody's command.
void SessionServer::end(Process& self, SessionEvent::Kind ending) {
  const bool is_eviction = ending == SessionEvent::Kind::evicted;
  const CommandSpec& destroy = command_spec(CommandId::sess_destroy);
  const std::string_view words[] = {destroy.name, key()};
  const Before before = this->before();
  std::string unused;
  KeyOutcome outcome =
      perform(state_, rule(), key(), destroy, words,
              ApplyContext{.now_ms = now_ms(self), .leaves_tombstone = !is_eviction}, unused);
  outcome.revoked &= ending == SessionEvent::Kind::revoked;
  outcome.evicted = is_eviction;
  if (is_eviction) {
    outcome.events = {};
    outcome.events.add(event_evicted, "evicted");
  }
  note_outcome(self, outcome, before);
  store(self);
}

void SessionServer::revoke(Process& self, const Revoke& message) {
  if (!state_.session.exists() || state_.user() != message.user) return;
  end(self, SessionEvent::Kind::revoked);
}

Next SessionServer::handle_info(Process& self, Revoke message) {
  if (is_held()) {
    company_->waiting.push_back(Waiting{.revoke = std::move(message)});
  } else {
    revoke(self, message);
  }
  return next(self);
}

Next SessionServer::handle_call(Process& self, TellIdleness, From<Idleness> from) {
  const Session& session = state_.session;
  std::move(from).reply(Idleness{is_anonymous() && !company_, session.last_access_at_ms()});
  return next(self);
}

Next SessionServer::handle_call(Process& self, Evict message, From<bool> from) {
  const bool may_go = is_anonymous() && !company_ &&
                      state_.session.last_access_at_ms() == message.last_access_at_ms;
  if (may_go) end(self, SessionEvent::Kind::evicted);
  std::move(from).reply(bool{may_go});
  return next(self);
}

Next SessionServer::handle_call(Process&, Panic, From<std::string> from) {
  (void)from;
  throw std::runtime_error("DEBUG PANIC asked this session to crash");
}

bool SessionServer::expire(Process& self) {
  const Before before = this->before();
  const KeyOutcome outcome = expire_key(state_, rule(), key(), now_ms(self));
  if (!outcome.must_store()) return false;
  note_outcome(self, outcome, before);
  store(self);
  return true;
}

Next SessionServer::handle_timeout(Process& self) {
  end_overdue_locks(self);
  hand_lock_on(self);
  return next(self);
}

// A moment that was entered and is not the one that counts has been overtaken by an earlier one.
Next SessionServer::handle_info(Process& self, ExpiryClock::Due message) {
  if (message.due_ms == armed_ms_) armed_ms_ = 0;
  if (!is_held()) expire(self);
  hand_lock_on(self);
  return next(self);
}

}  // namespace greenroom
