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

std::int64_t now_ms(Process& self) { return self.system_time() / 1ms; }

// How long a restarted session waits for its value; the writer may be busy with a batch.
constexpr Duration fetch_limit = 30s;
constexpr Duration first_rest = 5s;

// Told the key of each session that was revoked, by SESS.DESTROY, SESS.USER.REVOKE or a cap.
constexpr std::string_view revoked_channel = "__greenroom__:revoked";

}  // namespace

SessionServer::SessionServer(HouseRef house, std::string storage_key)
    : house_{house}, storage_key_{std::move(storage_key)}, has_left_{true} {}

SessionServer::SessionServer(Process&, HouseRef house, DormantPtr sleeper) : house_{house} {
  auto* asleep = static_cast<SleepingSession*>(sleeper.get());
  storage_key_ = asleep->key();
  armed_ms_ = asleep->traits().armed_ms;
  is_new_ = asleep->is_new();
  if (!is_new_) {
    unpack(asleep->record());
    kept_key_ = asleep->key();
    state_.session.set_reads(asleep->traits().reads);
    state_.session.set_last_client(asleep->traits().last_client);
    is_listed_ = counted_ = state_.session.exists();
    counted_expiry_ = counted_ && state_.session.expires_at_ms() != 0;
  }
  asleep_.reset(static_cast<SleepingSession*>(sleeper.release()));
  if (is_new_) asleep_.reset();
}

SessionServer::~SessionServer() {
  if (has_left_) return;
  if (counted_) house_->counters.forget(database_of(storage_key_), counted_expiry_);
  if (!state_.user().empty()) house_->users.unbind(state_.user(), storage_key_);
  house_->note_death();
}

void SessionServer::unpack(std::string_view record) {
  auto state = unpack_record(record, house_->dictionaries);
  if (!state) throw ExitException{ExitReason{"damaged_value"}};
  state_ = std::move(*state);
  stored_revision_ = state_.session.revision();
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
    if (fetched->value) {
      auto state = unpack_record(*fetched->value, house_->dictionaries);
      if (!state) {
        house_->absent.erase(storage_key_, self.pid());
        co_return Init::stop(ExitReason{"damaged_value"});
      }
      state_ = std::move(*state);
      stored_revision_ = state_.session.revision();
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
  if (house_->absent.find(storage_key_) == self.pid() && !house_->sessions.find(storage_key_)) {
    return false;
  }
  return true;
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
  const auto generation = static_cast<std::uint32_t>(house_->rules.generation());
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
  if (const bool expires = state_.session.exists() && state_.session.expires_at_ms() != 0;
      expires != counted_expiry_) {
    counters.keys_with_expiry[database].fetch_add(expires ? 1 : -1, std::memory_order_relaxed);
    counted_expiry_ = expires;
  }
}

// Sends the newest value to the writer, unless one is under way already: that one's answer does.
void SessionServer::store(Process& self) {
  if (under_way_ != 0 || stored_revision_ == state_.session.revision()) return;
  under_way_ = state_.session.revision();
  under_way_since_ms_ = now_ms(self);
  StoreValue request{self.pid(), state_.session.revision(), storage_key_, std::nullopt};
  if (state_.session.exists() || state_.dead_until_ms() != 0) request.value = packed();
  const Pid writer = whereis(house_->writer_for(storage_key_));
  if (!writer) {
    under_way_ = 0;  // between two incarnations of the writer; the next says WriterStarted
    return;
  }
  send(writer, std::move(request));
}

// Answers those who waited for this revision or an earlier one.
void SessionServer::release(std::uint64_t revision, const std::string* error) {
  if (!company_) return;
  std::deque<LateReply>& late = company_->late;
  while (!late.empty() && late.front().revision <= revision) {
    LateReply reply = std::move(late.front());
    late.pop_front();
    std::move(reply.from)
        .reply(error ? "-MISCONF Errors writing to disk, the change is not durable: " + *error +
                           "\r\n"
                     : std::move(reply.reply));
  }
}

SessionServer::Company& SessionServer::company() {
  if (!company_) company_ = std::make_unique<Company>();
  return *company_;
}

const std::string& SessionServer::packed() {
  if (packed_revision_ != state_.session.revision()) {
    packed_ = pack_record(state_, key(), house_->dictionaries);
    packed_revision_ = state_.session.revision();
    if (house_->dictionaries.has_new_training()) {
      if (const Pid trainer = whereis(trainer_name)) send(trainer, TrainingDue{});
    }
  }
  return packed_;
}

// Whether there is nothing but what a record can hold.
bool SessionServer::can_rest() const {
  if (company_ || under_way_ != 0 || stored_revision_ != state_.session.revision()) return false;
  if (state_.extra && (!state_.extra->bases.empty() || !state_.extra->saw_gone.empty())) {
    return false;
  }
  return state_.session.memory_bytes() <= largest_asleep && storage_key_.size() <= UINT16_MAX;
}

Next SessionServer::rest(Process& self) {
  const Session& session = state_.session;
  const std::int64_t due_ms = session.exists() ? session.expires_at_ms() : state_.dead_until_ms();
  if (due_ms != 0 && (armed_ms_ == 0 || due_ms < armed_ms_)) {
    armed_ms_ = due_ms;
    house_->expiry.arm(due_ms, self.pid());
  }
  if (kept_key_.empty()) {
    const KeyTable& table = is_listed_ ? house_->sessions : house_->absent;
    kept_key_ = table.kept_key(storage_key_, self.pid());
    if (kept_key_.empty()) return Next::noreply();  // somebody took it for dead: it is not found
  }
  const SleepingSession::Traits traits{session.last_client(), session.reads(), armed_ms_};
  DormantPtr sleeper;
  if (asleep_ && packed_revision_ == 0) {
    asleep_->set_traits(traits);
    asleep_->set_key(kept_key_);
    sleeper = DormantPtr{asleep_.release()};
  } else {
    sleeper = SleepingSession::of_record(house_, kept_key_, packed(), traits);
  }
  if (session.exists()) {
    auto* asleep = static_cast<SleepingSession*>(sleeper.get());
    set_last_access(asleep->record_bytes(), session.last_access_at_ms());
  }
  has_left_ = true;
  sleep_as(self, std::move(sleeper));
  return Next::noreply();
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
  if (company_ && company_->is_gone()) company_.reset();
  if (is_held()) return Next::noreply();
  std::int64_t wake_ms =
      state_.session.exists() ? state_.session.expires_at_ms() : state_.dead_until_ms();
  if (!state_.session.exists() && wake_ms == 0) {
    const bool is_busy =
        under_way_ != 0 || company_ || stored_revision_ != state_.session.revision();
    if (!is_busy) return end(self);
  } else if (can_rest()) {
    return rest(self);
  }
  if (company_ && !company_->lock_waiters.empty()) {
    const std::int64_t until = company_->lock_waiters.front().until_ms;
    if (wake_ms == 0 || until < wake_ms) wake_ms = until;
  }
  if (wake_ms == 0) return Next::noreply();
  const std::int64_t left = wake_ms - now_ms(self);
  return Next::timeout(std::chrono::milliseconds{left > 0 ? left : 0});
}

// After every change: revisions only grow, watchers are touched, listeners are told.
void SessionServer::note_change(std::uint64_t revision_before, std::span<const Event> events,
                                bool is_new) {
  state_.session.set_revision(std::max(state_.session.revision(), revision_before + 1));
  asleep_.reset();
  if (house_->writers.empty()) stored_revision_ = state_.session.revision();
  if (company_) {
    for (Watcher& watcher : company_->watchers) watcher.touched = true;
  }
  publish_events(*house_.house, storage_key_, events, is_new);
}

// Sends the reply when what it reports is as durable as was asked for.
void SessionServer::answer(Process& self, bool changed, std::string reply, From<std::string> from) {
  if (house_->writers.empty() || !changed) {
    std::move(from).reply(std::move(reply));
    return;
  }
  store(self);
  const bool overdue = under_way_ != 0 && now_ms(self) - under_way_since_ms_ >= relaxed_limit_ms;
  if (house_->durability == storage::Durability::relaxed && !overdue) {
    std::move(from).reply(std::move(reply));
  } else {
    company().late.push_back(
        LateReply{state_.session.revision(), std::move(from), std::move(reply)});
  }
}

// Keeps the index of users up to date, and ends the user's oldest session if there are too many.
void SessionServer::note_user(const std::string& before) {
  const std::string_view now = state_.user();
  if (!before.empty() && before != now) house_->users.unbind(before, storage_key_);
  if (now.empty()) return;
  const PrefixRule* all = rule();
  const auto too_many =
      house_->users.bind(now, storage_key_, state_.session.created_at_ms(), all ? all->cap : 0);
  if (!too_many) return;
  if (const Pid oldest = house_->find(*too_many)) send(oldest, Revoke{});
}

// Everything that follows from a command, before it is answered.
void SessionServer::note_outcome(Process& self, const KeyOutcome& outcome,
                                 std::uint64_t revision_before, const std::string& user_before) {
  Counters& counters = house_->counters;
  count(outcome.expired);
  if (outcome.refused) counters.dead_writes.fetch_add(1, std::memory_order_relaxed);
  if (outcome.merged) counters.merged_saves.fetch_add(1, std::memory_order_relaxed);
  if (outcome.conflicted) counters.merge_conflicts.fetch_add(1, std::memory_order_relaxed);
  if (outcome.must_store() || outcome.deleted || outcome.created) {
    note_change(revision_before, outcome.events, outcome.created);
  }
  place(self);
  if (outcome.user_changed) note_user(user_before);
}

void SessionServer::serve(Process& self, Apply message, From<std::string> from) {
  if (waits_for_lock(message, now_ms(self))) {
    house_->counters.lock_waits.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t until = now_ms(self) + rule_->lock_wait_ms;
    const Ref monitor = self.monitor(from.caller());
    company().lock_waiters.push_back(
        LockWaiter{std::move(message), std::move(from), until, monitor});
    return;
  }
  const CommandWords words{message.command};
  const CommandSpec& command = command_spec(message.command.id);
  const ApplyContext context{.now_ms = now_ms(self),
                             .version = message.version,
                             .max_string_bytes = house_->max_value_bytes,
                             .counts_as_access = message.counts_as_access,
                             .client = message.client,
                             .leaves_tombstone = message.leaves_tombstone,
                             .random = command.has(flag_random) ? self.random() : 0};
  const std::uint64_t revision = state_.session.revision();
  const std::string user{state_.user()};
  std::string reply;
  const KeyOutcome outcome = perform(state_, rule(), key(), command, words.view(), context, reply);
  if (command.has(flag_readonly)) {
    auto& counter = outcome.hit ? house_->counters.hits : house_->counters.misses;
    counter.fetch_add(1, std::memory_order_relaxed);
  }
  note_outcome(self, outcome, revision, user);
  if (command.id == CommandId::sess_destroy && outcome.deleted) {
    house_->counters.sessions_revoked.fetch_add(1, std::memory_order_relaxed);
    house_->channels.publish(revoked_channel, key());
  }
  const bool changed = outcome.must_store() || outcome.deleted || outcome.created;
  answer(self, changed, std::move(reply), std::move(from));
}

Next SessionServer::handle_call(Process& self, Apply message, From<std::string> from) {
  if (is_superfluous(self)) {
    // Kept to the end, which answers it.
    company().waiting.push_back(Waiting{std::move(message), std::move(from), std::nullopt});
    return end(self);
  }
  if (is_held()) {
    company_->waiting.push_back(Waiting{std::move(message), std::move(from), std::nullopt});
  } else {
    serve(self, std::move(message), std::move(from));
    hand_lock_on(self);
  }
  return next(self);
}

Next SessionServer::handle_info(Process& self, Revoke) {
  if (is_held() || !state_.session.exists()) return next(self);
  const CommandSpec& destroy = command_spec(CommandId::sess_destroy);
  const std::string_view words[] = {destroy.name, key()};
  const std::uint64_t revision = state_.session.revision();
  const std::string user{state_.user()};
  std::string unused;
  const KeyOutcome outcome =
      perform(state_, rule(), key(), destroy, words, ApplyContext{.now_ms = now_ms(self)}, unused);
  note_outcome(self, outcome, revision, user);
  house_->counters.sessions_revoked.fetch_add(1, std::memory_order_relaxed);
  house_->channels.publish(revoked_channel, key());
  if (!house_->writers.empty()) store(self);
  return next(self);
}

// --- Locks that are waited for.

// Whether a command is SET NX PX on a lock that another connection has, where the rule lets it
// wait. The same connection is refused at once, as by Redis: its own release may stand behind.
bool SessionServer::waits_for_lock(const Apply& message, std::int64_t now_ms) {
  const PrefixRule* all = rule();
  if (all == nullptr || all->lock_wait_ms == 0 || message.command.id != CommandId::set)
    return false;
  if (!state_.session.exists() || state_.session.is_due(now_ms) || !all->is_lock(key()))
    return false;
  if (state_.session.last_client() == static_cast<std::uint32_t>(message.client)) return false;
  const CommandWords words{message.command};
  if (words.view().size() < 5) return false;
  const auto options = parse_string_options(words.view().subspan(3), StringOptions::For::set);
  return options && options->expiry && !options->returns_old &&
         options->condition == StringOptions::Condition::if_absent;
}

// The next in line gets the lock, if it is free; who has waited too long gets null.
void SessionServer::hand_lock_on(Process& self) {
  while (company_ && !is_held() && !company_->lock_waiters.empty()) {
    const bool is_free = !state_.session.exists();
    if (!is_free && company_->lock_waiters.front().until_ms > now_ms(self)) return;
    LockWaiter next = std::move(company_->lock_waiters.front());
    company_->lock_waiters.pop_front();
    (void)self.demonitor(next.monitor, Flush::yes);
    if (is_free) {
      serve(self, std::move(next.command), std::move(next.from));
    } else {
      house_->counters.lock_timeouts.fetch_add(1, std::memory_order_relaxed);
      std::string reply;
      ReplyWriter{reply, next.command.version}.null();
      std::move(next.from).reply(std::move(reply));
    }
  }
}

// --- Holding and watching.

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
  const std::uint64_t revision = state_.session.revision();
  const std::string user{state_.user()};
  const KeyOutcome outcome = expire_key(state_, rule(), key(), now_ms(self));
  if (outcome.must_store()) {
    note_outcome(self, outcome, revision, user);
    if (!house_->writers.empty()) store(self);
    for (const Watcher& watcher : all.watchers) touched |= watcher.pid == holder;
  }
  std::move(from).reply(Held{state_.clone(), touched});
}

Next SessionServer::handle_call(Process& self, Hold, From<Held> from) {
  if (is_superfluous(self)) {
    company().waiting.push_back(Waiting{std::nullopt, std::nullopt, std::move(from)});
    return end(self);
  }
  if (is_held()) {
    company_->waiting.push_back(Waiting{std::nullopt, std::nullopt, std::move(from)});
  } else {
    grant(self, std::move(from));
  }
  return next(self);
}

// Serves what has waited, up to the next holder.
void SessionServer::let_go(Process& self) {
  (void)self.demonitor(company_->holder_monitor, Flush::yes);
  company_->holder = Pid{};
  while (!is_held() && !company_->waiting.empty()) {
    Waiting waiting = std::move(company_->waiting.front());
    company_->waiting.pop_front();
    if (waiting.holder) {
      grant(self, std::move(*waiting.holder));
    } else {
      serve(self, std::move(*waiting.command), std::move(*waiting.from));
    }
  }
  hand_lock_on(self);
}

Next SessionServer::handle_call(Process& self, TakeOver message, From<std::string> from) {
  if (!is_held() || company_->holder != from.caller()) {
    std::move(from).reply("-ERR the key is not held by this connection\r\n");
    return next(self);
  }
  const std::uint64_t revision = state_.session.revision();
  const bool existed = state_.session.exists();
  const std::string user{state_.user()};
  state_ = std::move(message.state);
  count(false);
  note_change(revision, message.events, !existed && state_.session.exists());
  place(self);
  if (user != state_.user()) note_user(user);
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
  if (company_) {
    std::erase_if(company_->lock_waiters, [&](LockWaiter& waiter) {
      if (waiter.from.caller() != message.pid) return false;
      std::move(waiter.from).reply({});  // nobody is there to hear it
      return true;
    });
  }
  if (is_held() && company_->holder == message.pid) let_go(self);
  return next(self);
}

Next SessionServer::handle_call(Process&, Panic, From<std::string> from) {
  (void)from;
  throw std::runtime_error("DEBUG PANIC asked this session to crash");
}

Next SessionServer::handle_info(Process& self, Stored message) {
  if (message.revision == under_way_) {
    under_way_ = 0;
    stored_revision_ = message.revision;
    release(message.revision, nullptr);
    store(self);
  }
  return next(self);
}

Next SessionServer::handle_info(Process& self, StoreFailed message) {
  if (message.revision != under_way_) return next(self);
  under_way_ = 0;
  release(message.revision, &message.text);
  // The value in memory stands. Whoever changed it since waits for an attempt of their own;
  // otherwise there is one every now and then.
  if (company_ && !company_->late.empty()) {
    store(self);
  } else {
    send_after(self.pid(), retry_interval, StoreAgain{});
  }
  return next(self);
}

Next SessionServer::handle_info(Process& self, WriterStarted) {
  under_way_ = 0;
  store(self);
  return next(self);
}

Next SessionServer::handle_info(Process& self, StoreAgain) {
  store(self);
  return next(self);
}

void SessionServer::expire(Process& self) {
  const std::uint64_t revision = state_.session.revision();
  const std::string user{state_.user()};
  const KeyOutcome outcome = expire_key(state_, rule(), key(), now_ms(self));
  if (outcome.must_store()) {
    note_outcome(self, outcome, revision, user);
    if (!house_->writers.empty()) store(self);
  }
}

Next SessionServer::handle_timeout(Process& self) {
  expire(self);
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

Next SessionServer::handle_info(Process& self, PackAgain) {
  if (asleep_ && packed_revision_ == 0) {
    const auto facts = facts_of_record(asleep_->record());
    if (facts && facts->exists && !facts->is_packed) asleep_.reset();
  }
  return next(self);
}

}  // namespace greenroom
