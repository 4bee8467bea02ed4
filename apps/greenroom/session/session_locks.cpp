// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Locks on sessions: SET NX on keys that are locks, as frameworks have them, and SESS.LOCK. Both
// are handed on in the order of asking.
#include <algorithm>
#include <expected>
#include <utility>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "session/expiry_options.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;

namespace {

constexpr std::int64_t default_hold_ms = 30'000;
constexpr std::int64_t max_hold_ms = 3'600'000;
// A connection that waits does nothing else.
constexpr std::int64_t max_own_lock_wait_ms = 60'000;

std::string null_in(RespVersion version) {
  std::string reply;
  ReplyWriter{reply, version}.null();
  return reply;
}

// SESS.LOCK key [WAIT milliseconds] [PX milliseconds].
struct LockWish {
  std::int64_t wait_ms = 0;
  std::int64_t hold_ms = default_hold_ms;
};

std::expected<LockWish, std::string> parse_lock(std::span<const std::string_view> words) {
  LockWish wish;
  if (words.size() % 2 != 0) return std::unexpected(std::string{error_text::syntax});
  for (std::size_t i = 2; i < words.size(); i += 2) {
    const bool is_wait = same_word(words[i], "wait");
    if (!is_wait && !same_word(words[i], "px"))
      return std::unexpected(std::string{error_text::syntax});
    const auto number = parse_integer(words[i + 1]);
    if (!number) return std::unexpected(std::string{error_text::not_an_integer});
    const std::int64_t most = is_wait ? max_own_lock_wait_ms : max_hold_ms;
    if (*number < (is_wait ? 0 : 1) || *number > most)
      return std::unexpected("ERR " + upper_case(words[i]) + " is at most " + std::to_string(most) +
                             " ms");
    (is_wait ? wish.wait_ms : wish.hold_ms) = *number;
  }
  return wish;
}

}  // namespace

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

// The next in line gets the lock, if it is free; who has waited too long gets null. Before whoever
// has come later is served, too.
void SessionServer::hand_lock_on(Process& self) {
  while (company_ && !is_held() && !company_->lock_waiters.empty()) {
    (void)expire(self);  // the lock may be over, and the clock on its way to say so
    const bool is_free = !state_.session.exists();
    if (!is_free && company_->lock_waiters.front().until_ms > monotonic_ms(self)) return;
    LockWaiter next = std::move(company_->lock_waiters.front());
    company_->lock_waiters.pop_front();
    company_->lock_waiters_bytes -= next.bytes();
    (void)self.demonitor(next.monitor, Flush::yes);
    next.wait.end();
    if (is_free) {
      serve(self, std::move(next.command), std::move(next.from));
    } else {
      house_->counters.lock_timeouts.fetch_add(1, std::memory_order_relaxed);
      std::move(next.from).reply(null_in(next.command.version));
    }
  }
}

// Remembers who has taken a lock that ends with its connection.
void SessionServer::note_lock_setter(Process& self, Pid client) {
  forget_lock_setter(self);
  if (!is_lock() || !rule_->lock_ends_with_connection) return;
  company().lock_setter = client;
  company_->lock_setter_monitor = self.monitor(client);
}

void SessionServer::forget_lock_setter(Process& self) {
  if (!company_ || !company_->lock_setter) return;
  (void)self.demonitor(company_->lock_setter_monitor, Flush::yes);
  company_->lock_setter = Pid{};
}

// --- SESS.LOCK.

void SessionServer::take_own_lock(Process& self, const Apply& message, From<std::string> from) {
  const CommandWords words{message.command};
  const auto wish = parse_lock(words.view());
  if (!wish) {
    std::move(from).reply("-" + wish.error() + "\r\n");
    return;
  }
  if (!company().own_lock) company_->own_lock = std::make_unique<OwnLock>();
  OwnLock& lock = *company_->own_lock;
  const std::int64_t now = monotonic_ms(self);
  const bool is_free = lock.token == 0 || (lock.until_ms <= now && lock.waiting.empty());
  // The same connection is refused at once: its own unlock may stand behind.
  const bool may_wait = wish->wait_ms > 0 && lock.client != message.client;
  if (!is_free && !may_wait) {
    std::move(from).reply(null_in(message.version));
    return;
  }
  const Ref monitor = self.monitor(from.caller());
  OwnLock::Waiting next{std::move(from),
                        message.version,
                        message.client,
                        now + wish->wait_ms,
                        wish->hold_ms,
                        monitor,
                        {}};
  if (is_free) {
    if (lock.token != 0) (void)self.demonitor(lock.monitor, Flush::yes);
    give_own_lock(self, std::move(next));
  } else {
    house_->counters.lock_waits.fetch_add(1, std::memory_order_relaxed);
    next.wait = WaitingClients::Wait{house_->waiting_clients, message.client};
    lock.waiting.push_back(std::move(next));
  }
}

void SessionServer::give_own_lock(Process& self, OwnLock::Waiting to) {
  OwnLock& lock = *company_->own_lock;
  lock.token = house_->last_lock_token.fetch_add(1) + 1;
  lock.client = to.client;
  lock.owner = to.from.caller();
  lock.monitor = to.monitor;
  lock.until_ms = monotonic_ms(self) + to.hold_ms;
  to.wait.end();
  std::move(to.from).reply(":" + std::to_string(lock.token) + "\r\n");
}

// Takes the lock from whoever has it; the next in line gets it.
void SessionServer::free_own_lock(Process& self) {
  OwnLock& lock = *company_->own_lock;
  (void)self.demonitor(lock.monitor, Flush::yes);
  if (lock.waiting.empty()) {
    company_->own_lock.reset();
    return;
  }
  OwnLock::Waiting next = std::move(lock.waiting.front());
  lock.waiting.pop_front();
  give_own_lock(self, std::move(next));
}

void SessionServer::unlock(Process& self, const Apply& message, From<std::string> from) {
  const CommandWords words{message.command};
  const auto token = parse_integer(words.view()[2]);
  if (!token) {
    std::move(from).reply("-" + std::string{error_text::not_an_integer} + "\r\n");
    return;
  }
  end_overdue_locks(self);
  const bool has_it = company_ && company_->own_lock &&
                      company_->own_lock->token == static_cast<std::uint64_t>(*token);
  if (has_it) free_own_lock(self);
  std::move(from).reply(has_it ? ":1\r\n" : ":0\r\n");
}

// Locks that were held for too long go on to the next in line; who has waited too long gets null.
void SessionServer::end_overdue_locks(Process& self) {
  if (!company_ || !company_->own_lock) return;
  OwnLock& lock = *company_->own_lock;
  const std::int64_t now = monotonic_ms(self);
  std::erase_if(lock.waiting, [&](OwnLock::Waiting& waiting) {
    if (waiting.until_ms > now) return false;
    house_->counters.lock_timeouts.fetch_add(1, std::memory_order_relaxed);
    (void)self.demonitor(waiting.monitor, Flush::yes);
    waiting.wait.end();
    std::move(waiting.from).reply(null_in(waiting.version));
    return true;
  });
  if (lock.until_ms <= now) free_own_lock(self);
}

// A connection has ended: what it had goes on, and what it waited for it does not want any more.
void SessionServer::forget_locks_of(Process& self, Pid client) {
  std::erase_if(company_->lock_waiters, [&](LockWaiter& waiter) {
    if (waiter.from.caller() != client) return false;
    company_->lock_waiters_bytes -= waiter.bytes();
    std::move(waiter.from).reply({});  // nobody is there to hear it
    return true;
  });
  if (OwnLock* lock = company_->own_lock.get()) {
    std::erase_if(lock->waiting, [&](OwnLock::Waiting& waiting) {
      if (waiting.from.caller() != client) return false;
      std::move(waiting.from).reply({});
      return true;
    });
    if (lock->owner == client) free_own_lock(self);
  }
  end_lock_of(self, client);
}

// Of a rule that says so. One that is held still ends when it is let go.
void SessionServer::end_lock_of(Process& self, Pid client) {
  if (!client || company_->lock_setter != client) return;
  if (is_held()) {
    company_->waiting.push_back(Waiting{.gone_owner = client});
    return;
  }
  company_->lock_setter = Pid{};
  if (!state_.session.exists()) return;
  end(self, SessionEvent::Kind::deleted);
  hand_lock_on(self);
}

// When one of the locks, or of the waits for them, is over; 0: never.
std::int64_t SessionServer::next_lock_end_ms() const {
  std::int64_t first = 0;
  const auto consider = [&](std::int64_t at_ms) {
    if (at_ms != 0 && (first == 0 || at_ms < first)) first = at_ms;
  };
  if (!company_->lock_waiters.empty()) consider(company_->lock_waiters.front().until_ms);
  if (const OwnLock* lock = company_->own_lock.get()) {
    consider(lock->until_ms);
    for (const OwnLock::Waiting& waiting : lock->waiting) consider(waiting.until_ms);
  }
  return first;
}

std::size_t SessionServer::lock_bytes() const {
  if (!company_) return 0;
  std::size_t bytes = company_->lock_waiters_bytes;
  if (const OwnLock* lock = company_->own_lock.get()) {
    bytes += sizeof(Company) + sizeof(OwnLock) + lock->waiting.size() * sizeof(OwnLock::Waiting);
  }
  return bytes;
}

}  // namespace greenroom
