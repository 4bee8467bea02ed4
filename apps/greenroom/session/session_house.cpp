// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/session_house.hpp"

#include "session/session_server.hpp"
#include "session/sleeping_session.hpp"

namespace greenroom {

SessionHouse::SessionHouse() : kind{std::make_unique<const SessionKind>(*this)} {}
SessionHouse::~SessionHouse() = default;

void SessionHouse::bind_user(std::string_view user, std::string_view storage_key,
                             std::int64_t created_at_ms, const PrefixRule* rule) {
  const auto too_many = users.bind(user, storage_key, created_at_ms, rule ? rule->cap : 0);
  if (!too_many) return;
  if (const troupe::Pid oldest = find(*too_many)) {
    troupe::send(oldest, SessionServer::Revoke{std::string{user}});
  }
}

void SessionHouse::note_death() noexcept {
  processes.fetch_sub(1, std::memory_order_relaxed);
  if (is_ending.load(std::memory_order_relaxed)) return;
  try {
    if (const troupe::Pid keeper = troupe::whereis(sessions_name)) {
      troupe::send(keeper, SessionDied{});
    }
  } catch (...) {
    // Without memory for a message, or after the last process: a statistic is lost.
  }
}

namespace {

void publish_event(const SessionHouse& house, std::uint32_t flags, std::string_view storage_key,
                   std::string_view name) {
  const std::string database = std::to_string(database_of(storage_key));
  const std::string_view key = key_in(storage_key);
  if ((flags & event_keyspace) != 0)
    house.channels.publish("__keyspace@" + database + "__:" + std::string{key}, name);
  if ((flags & event_keyevent) != 0)
    house.channels.publish("__keyevent@" + database + "__:" + std::string{name}, key);
}

}  // namespace

void publish_events(const SessionHouse& house, std::string_view storage_key,
                    std::span<const Event> events, bool is_new) {
  const std::uint32_t flags = house.event_flags.load(std::memory_order_relaxed);
  if (flags == 0 || house.channels.is_quiet()) return;
  if (is_new && (flags & event_new) != 0) publish_event(house, flags, storage_key, "new");
  for (const Event& event : events)
    if ((flags & event.kind) != 0) publish_event(house, flags, storage_key, event.name);
}

}  // namespace greenroom
