// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_server.hpp"

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

std::string storage_key(std::uint8_t database, std::string_view key) {
  std::string result;
  result.reserve(key.size() + 1);
  result += static_cast<char>(database);
  result += key;
  return result;
}

std::uint8_t database_of(std::string_view storage_key) {
  return static_cast<std::uint8_t>(storage_key.front());
}

std::string_view key_in(std::string_view storage_key) { return storage_key.substr(1); }

SessionServer::SessionServer(HouseRef house, std::string storage_key, std::string stored)
    : house_{house}, storage_key_{std::move(storage_key)}, stored_{std::move(stored)} {}

SessionServer::~SessionServer() {
  Counters& counters = house_->counters;
  const std::uint8_t database = database_of(storage_key_);
  if (counted_) counters.keys[database].fetch_sub(1, std::memory_order_relaxed);
  if (counted_expiry_) {
    counters.keys_with_expiry[database].fetch_sub(1, std::memory_order_relaxed);
  }
  delete held_;
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
    revision_ = stored_revision_ = session_.revision();
    stored_ = {};
    Outcome nothing;
    count(nothing);
  }
  if (!session_.exists()) co_return Init::timeout(first_command_limit);
  co_return Init{next(self)};
}

// Keeps the database's number of keys, and of those that expire, up to date.
void SessionServer::count(const Outcome& outcome) {
  Counters& counters = house_->counters;
  const std::uint8_t database = database_of(storage_key_);
  if (outcome.expired) counters.expired.fetch_add(1, std::memory_order_relaxed);
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
  if (under_way_ != 0 || stored_revision_ == revision_) return;
  under_way_ = revision_;
  under_way_since_ms_ = now_ms(self);
  session_.set_revision(revision_);
  StoreValue request{self.pid(), revision_, storage_key_, std::nullopt};
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
  if (!held_) return;
  while (!held_->empty() && held_->front().revision <= revision) {
    Held held = std::move(held_->front());
    held_->pop_front();
    std::move(held.from).reply(
        error ? "-MISCONF Errors writing to disk, the change is not durable: " + *error + "\r\n"
              : std::move(held.reply));
  }
  if (held_->empty()) delete std::exchange(held_, nullptr);
}

Next SessionServer::next(Process& self) {
  if (!session_.exists()) {
    if (under_way_ != 0 || held_ || stored_revision_ != revision_) return Next::noreply();
    // Nobody looks this process up any more; a call that is already under way finds nobody and
    // looks again.
    house_->sessions.erase(storage_key_, self.pid());
    return Next::stop();
  }
  if (session_.expires_at_ms() == 0) return Next::noreply();
  const std::int64_t left = session_.expires_at_ms() - now_ms(self);
  return Next::timeout(std::chrono::milliseconds{left > 0 ? left : 0});
}

Next SessionServer::handle_call(Process& self, Apply message, From<std::string> from) {
  const CommandWords words{message.command};
  const ApplyContext context{.now_ms = now_ms(self),
                             .version = message.version,
                             .max_string_bytes = house_->max_value_bytes,
                             .counts_as_access = message.counts_as_access};
  std::string reply;
  const Outcome outcome =
      apply(session_, command_spec(message.command.id), words.view(), context, reply);
  count(outcome);
  if (command_spec(message.command.id).has(flag_readonly)) {
    auto& counter = outcome.hit ? house_->counters.hits : house_->counters.misses;
    counter.fetch_add(1, std::memory_order_relaxed);
  }
  const bool changed = outcome.must_store() || outcome.deleted || outcome.created;
  if (changed) ++revision_;
  if (house_->writers.empty() || !changed) {
    if (house_->writers.empty()) stored_revision_ = revision_;
    std::move(from).reply(std::move(reply));
    return next(self);
  }
  store(self);
  const bool overdue = under_way_ != 0 && context.now_ms - under_way_since_ms_ >= relaxed_limit_ms;
  if (house_->durability == storage::Durability::relaxed && !overdue) {
    std::move(from).reply(std::move(reply));
  } else {
    if (!held_) held_ = new std::deque<Held>;
    held_->push_back(Held{revision_, std::move(from), std::move(reply)});
  }
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
  if (held_) {
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
  const Outcome outcome = expire_if_due(session_, now_ms(self));
  count(outcome);
  if (outcome.deleted || outcome.expired) {
    ++revision_;
    if (house_->writers.empty()) {
      stored_revision_ = revision_;
    } else {
      store(self);
    }
  }
  return next(self);
}

}  // namespace greenroom
