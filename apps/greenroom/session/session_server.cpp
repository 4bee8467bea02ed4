// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_server.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "session/codec.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

std::int64_t now_ms(Process& self) { return self.system_time() / 1ms; }

// How long a restarted session waits for its value; the writer may be busy with a batch.
constexpr Duration fetch_limit = 30s;

}  // namespace

SessionServer::SessionServer(HouseRef house, std::string storage_key, std::string stored)
    : house_{house}, storage_key_{std::move(storage_key)}, stored_{std::move(stored)} {}

SessionServer::~SessionServer() {
  Counters& counters = house_->counters;
  const std::uint8_t database = database_of(storage_key_);
  if (counted_) counters.keys[database].fetch_sub(1, std::memory_order_relaxed);
  if (counted_expiry_) {
    counters.keys_with_expiry[database].fetch_sub(1, std::memory_order_relaxed);
  }
}

Async<Init> SessionServer::init(Process& self) {
  const Pid before = house_->sessions.find(storage_key_);
  if (before) {
    const bool lives = co_await is_alive(self, before);
    if (lives) co_return Init::ignore();
  }
  if (!house_->sessions.replace(storage_key_, before, self.pid())) co_return Init::ignore();
  if (before && !house_->writers.empty()) {
    // The process before this one crashed: what was stored is the truth.
    send(house_->writer_for(storage_key_), FetchValue{self.pid(), storage_key_});
    auto fetched = co_await self.receive<Fetched>(fetch_limit);
    if (!fetched || !fetched->error.empty()) {
      house_->sessions.erase(storage_key_, self.pid());
      co_return Init::stop(ExitReason{"storage_unavailable"});
    }
    if (fetched->value) stored_ = std::move(*fetched->value);
  }
  if (!stored_.empty()) {
    auto session = decode_session(stored_);
    if (!session) {
      house_->sessions.erase(storage_key_, self.pid());
      co_return Init::stop(ExitReason{"damaged_value"});
    }
    session_ = std::move(*session);
    stored_revision_ = session_.revision();
    stored_ = {};
    count(false);
  }
  if (!session_.exists()) co_return Init::timeout(first_command_limit);
  co_return Init{next(self)};
}

// Keeps the database's number of keys, and of those that expire, up to date.
void SessionServer::count(bool expired) {
  Counters& counters = house_->counters;
  const std::uint8_t database = database_of(storage_key_);
  if (expired) counters.expired.fetch_add(1, std::memory_order_relaxed);
  if (const bool exists = session_.exists(); exists != counted_) {
    counters.keys[database].fetch_add(exists ? 1 : -1, std::memory_order_relaxed);
    counted_ = exists;
  }
  if (const bool expires = session_.exists() && session_.expires_at_ms() != 0;
      expires != counted_expiry_) {
    counters.keys_with_expiry[database].fetch_add(expires ? 1 : -1, std::memory_order_relaxed);
    counted_expiry_ = expires;
  }
}

// Sends the newest value to the writer, unless one is under way already: that one's answer does.
void SessionServer::store(Process& self) {
  if (under_way_ != 0 || stored_revision_ == session_.revision()) return;
  under_way_ = session_.revision();
  under_way_since_ms_ = now_ms(self);
  StoreValue request{self.pid(), session_.revision(), storage_key_, std::nullopt};
  if (session_.exists()) request.value = encode_session(session_);
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

Next SessionServer::next(Process& self) {
  if (company_ && company_->is_gone()) company_.reset();
  if (is_held()) return Next::noreply();
  if (!session_.exists()) {
    if (under_way_ != 0 || company_ || stored_revision_ != session_.revision()) {
      return Next::noreply();
    }
    // Nobody looks this process up any more; a call that is already under way finds nobody and
    // looks again.
    house_->sessions.erase(storage_key_, self.pid());
    return Next::stop();
  }
  if (session_.expires_at_ms() == 0) return Next::noreply();
  const std::int64_t left = session_.expires_at_ms() - now_ms(self);
  return Next::timeout(std::chrono::milliseconds{left > 0 ? left : 0});
}

// After every change: revisions only grow, watchers are touched, listeners are told.
void SessionServer::note_change(std::uint64_t revision_before, std::span<const Event> events,
                                bool is_new) {
  session_.set_revision(std::max(session_.revision(), revision_before + 1));
  if (house_->writers.empty()) stored_revision_ = session_.revision();
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
    company().late.push_back(LateReply{session_.revision(), std::move(from), std::move(reply)});
  }
}

void SessionServer::serve(Process& self, Apply message, From<std::string> from) {
  const CommandWords words{message.command};
  const CommandSpec& command = command_spec(message.command.id);
  const ApplyContext context{.now_ms = now_ms(self),
                             .version = message.version,
                             .max_string_bytes = house_->max_value_bytes,
                             .counts_as_access = message.counts_as_access,
                             .random = command.has(flag_random) ? self.random() : 0};
  const std::uint64_t revision = session_.revision();
  std::string reply;
  const Outcome outcome = apply(session_, command, words.view(), context, reply);
  count(outcome.expired);
  if (command.has(flag_readonly)) {
    auto& counter = outcome.hit ? house_->counters.hits : house_->counters.misses;
    counter.fetch_add(1, std::memory_order_relaxed);
  }
  const bool changed = outcome.must_store() || outcome.deleted || outcome.created;
  if (changed) note_change(revision, outcome.events, outcome.created);
  answer(self, changed, std::move(reply), std::move(from));
}

Next SessionServer::handle_call(Process& self, Apply message, From<std::string> from) {
  if (is_held()) {
    company_->waiting.push_back(Waiting{std::move(message), std::move(from), std::nullopt});
  } else {
    serve(self, std::move(message), std::move(from));
  }
  return next(self);
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
  const std::uint64_t revision = session_.revision();
  const Outcome outcome = expire_if_due(session_, now_ms(self));
  if (outcome.expired) {
    count(true);
    note_change(revision, outcome.events, false);
    store(self);
    for (const Watcher& watcher : all.watchers) touched |= watcher.pid == holder;
  }
  std::move(from).reply(Held{session_.clone(), touched});
}

Next SessionServer::handle_call(Process& self, Hold, From<Held> from) {
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
}

Next SessionServer::handle_call(Process& self, TakeOver message, From<std::string> from) {
  if (!is_held() || company_->holder != from.caller()) {
    std::move(from).reply("-ERR the key is not held by this connection\r\n");
    return next(self);
  }
  const std::uint64_t revision = session_.revision();
  const bool existed = session_.exists();
  session_ = std::move(message.session);
  count(false);
  note_change(revision, message.events, !existed && session_.exists());
  answer(self, true, {}, std::move(from));
  let_go(self);
  return next(self);
}

Next SessionServer::handle_info(Process& self, LetGo message) {
  if (is_held() && company_->holder == message.holder) let_go(self);
  return next(self);
}

Next SessionServer::handle_call(Process& self, Watch, From<bool> from) {
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

Next SessionServer::handle_timeout(Process& self) {
  const std::uint64_t revision = session_.revision();
  const Outcome outcome = expire_if_due(session_, now_ms(self));
  if (outcome.expired) {
    count(true);
    note_change(revision, outcome.events, false);
    store(self);
  }
  return next(self);
}

}  // namespace greenroom
