// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/sleeping_session.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "session/packed_record.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;

SleepingSession* SleepingSession::allocate(const HouseRef& house, std::size_t record_bytes) {
  if (record_bytes >= waits_bit) throw std::bad_alloc{};
  // The object itself is padded behind its last byte, where the record begins already.
  void* memory = std::malloc(std::max(sizeof(SleepingSession), header_bytes + record_bytes));
  if (!memory) throw std::bad_alloc{};
  auto* session = ::new (memory) SleepingSession;
  session->kind = house->kind.get();
  session->size_ = static_cast<std::uint32_t>(record_bytes);
  return session;
}

DormantPtr SleepingSession::of_record(const HouseRef& house, std::string_view key,
                                      std::string_view record, const Traits& traits) {
  SleepingSession* session = allocate(house, record.size());
  session->set_traits(traits);
  if (!key.empty()) session->set_key(key);
  std::memcpy(session->record_bytes(), record.data(), record.size());
  return DormantPtr{session};
}

DormantPtr SleepingSession::of_new_key(const HouseRef& house, std::string_view key) {
  SleepingSession* session = allocate(house, key.size());
  std::memcpy(session->record_bytes(), key.data(), key.size());
  session->set_key({session->record_bytes(), key.size()});
  session->size_ = own_key_bit;
  return DormantPtr{session};
}

void SleepingSession::free(SleepingSession* session) noexcept { std::free(session); }

SessionHouse& SleepingSession::house() const {
  return static_cast<const SessionKind*>(kind)->house;
}

void SleepingSession::set_traits(const Traits& traits) {
  last_client_ = traits.last_client;
  reads_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(traits.reads, 255));
  // One beyond what there is room for, in the year 10889, is remembered as the last: whatever comes
  // before it still is entered in the clock.
  constexpr std::int64_t last_ms = (std::int64_t{1} << 48) - 1;
  const std::int64_t armed_ms = std::min(traits.armed_ms, last_ms);
  armed_low_ = static_cast<std::uint32_t>(armed_ms);
  armed_high_ = static_cast<std::uint16_t>(armed_ms >> 32);
}

namespace {

Async<> wake(Process& self, DormantPtr sleeper) {
  SessionHouse& house = static_cast<SleepingSession*>(sleeper.get())->house();
  return wake_server<SessionServer>(self, HouseRef{&house}, std::move(sleeper));
}

// Killed in its sleep: what it stood for in the counters and in the index of users goes with it.
void drop(Dormant* sleeper) noexcept {
  auto* session = static_cast<SleepingSession*>(sleeper);
  SessionHouse& house = session->house();
  if (!session->has_key()) return SleepingSession::free(session);  // never came to life
  const bool is_new = session->is_new();
  if (!is_new) {
    if (const auto facts = facts_of_record(session->record())) {
      const std::string_view key = session->key();
      house.counters.dataset_bytes.fetch_sub(bytes_asleep(key.size(), session->record().size()),
                                             std::memory_order_relaxed);
      if (facts->exists()) house.counters.forget(database_of(key), facts->ends_at_ms);
      if (!facts->user.empty()) house.users.unbind(facts->user, key);
    }
  }
  SleepingSession::free(session);
  if (is_new) {
    house.processes.fetch_sub(1, std::memory_order_relaxed);  // another one was faster
  } else {
    house.note_death();
  }
}

}  // namespace

SessionKind::SessionKind(SessionHouse& of) : house{of} {
  DormantKind::wake = &greenroom::wake;
  DormantKind::drop = &greenroom::drop;
  behaviour = &detail::server_vtable<SessionServer>;
}

}  // namespace greenroom
