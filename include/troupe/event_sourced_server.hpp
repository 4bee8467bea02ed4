// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/gen_server.hpp>
#include <troupe/stored_state.hpp>

namespace troupe {

inline constexpr std::size_t keep_all_events = std::numeric_limits<std::size_t>::max();

// Where and how an event-sourced server keeps its events: KEY/event/NUMBER and, for quick starts,
// KEY/state.
struct EventLog {
  storage::StorePool pool;
  std::string key;
  std::size_t snapshot_every = 100;  // events between two snapshots of the state
  // Retention: this many events stay beside those that follow the snapshot, for history().
  std::size_t keep_events = 0;
};

namespace detail {

std::string event_key(const std::string& key, std::uint64_t number);

struct StoredEvents {
  std::optional<StoredRecord> snapshot;  // whose value is {Number of its last event, State}
  std::uint64_t snapshot_number = 0;
  std::vector<Term> events;  // that follow it
};
// `corrupt` if an event between two others is missing.
Async<storage::Result<StoredEvents>> load_events(Process& self, EventLog log, Schema schema,
                                                 Schema event_schema);
// The events that are kept, oldest first, and the number of the last.
Async<storage::Result<std::vector<Term>>> load_history(Process& self, EventLog log,
                                                       Schema event_schema);
// Writes a snapshot, then removes the events that need not be kept. Failures are logged: the events
// say all that the snapshot says.
Async<bool> write_snapshot(Process& self, EventLog log, unsigned version, std::uint64_t number,
                           Term state);

template <class S>
Schema event_schema_of() {
  Schema schema;
  if constexpr (requires { S::event_version; }) schema.version = S::event_version;
  if constexpr (requires { S::event_migrations(); }) schema.migrations = S::event_migrations();
  return schema;
}

}  // namespace detail

// A GenServer whose state is what its events made of it: every event is stored before it takes
// effect, and a start replays them.
//
//     struct Account : EventSourcedServer<Account, Balance, std::variant<Deposited, Withdrawn>> {
//       explicit Account(std::string id) : id_{std::move(id)} {}
//       EventLog event_log() const { return {StorePool{"accounts", 4}, "account:" + id_}; }
//       static void apply(Balance& balance, const Event& event);  // no more than that
//
//       struct Deposit { int amount; using Reply = bool; };
//       Async<bool> handle_call(Process& self, Deposit m) {
//         co_return (co_await commit(self, Deposited{m.amount})).has_value();
//       }
//     };
//
// State and Event are mapped types. `apply` must depend on nothing but its arguments: it runs again
// at every start. commit() returns when the event is durable and applied; when it fails the state
// is as before, and if the error is `unavailable` the event may nevertheless be in the store, where
// the next commit overwrites it.
//
// Every snapshot_every events the state is stored, and of the events before it keep_events remain.
// Versions and migrations of the state are those of PersistentServer; events have event_version and
// event_migrations() likewise. A missing or damaged event refuses the start, as bad_state.
//
// init is this class's own: use started() for what comes after the replay.
template <class S, class State, class Event_>
class EventSourcedServer : public GenServer<S> {
 public:
  using Event = Event_;

  Async<Init> init(Process& self) {
    static_assert(std::is_same_v<decltype(&S::init), Async<Init> (EventSourcedServer::*)(Process&)>,
                  "an event-sourced server has no init of its own: use started()");
    log_.emplace(server().event_log());
    schema_ = detail::schema_of<S>();
    event_schema_ = detail::event_schema_of<S>();
    auto replayed = co_await replay(self);
    if (!replayed) {
      detail::report_state_error(log_->key, replayed.error());
      co_return Init::stop(detail::bad_state(replayed.error()));
    }
    if constexpr (requires(S& s) { s.started(self); }) {
      server().started(self);
    } else if constexpr (requires(S& s) { s.started(); }) {
      server().started();
    }
    co_return Init::ok();
  }

 protected:
  const State& state() const noexcept { return state_; }
  // Of the last event; 0: there was none.
  std::uint64_t event_number() const noexcept { return number_; }

  // Stores the event, then applies it.
  [[nodiscard]] Async<storage::Result<void>> commit(Process& self, Event event) {
    auto stored =
        co_await storage::put(self, log_->pool, detail::event_key(log_->key, number_ + 1),
                              detail::encode_record(detail::event_kind, event_schema_.version,
                                                    self.system_time(), to_term(event)),
                              infinity);
    if (!stored) co_return stored;
    ++number_;
    S::apply(state_, event);
    if (number_ - snapshot_number_ >= log_->snapshot_every) co_await snapshot(self);
    co_return storage::Result<void>{};
  }

  // Stores the state now, and removes events that need not be kept. False: that failed, and was
  // logged; nothing is lost.
  Async<bool> snapshot(Process& self) {
    const bool done =
        co_await detail::write_snapshot(self, *log_, schema_.version, number_, to_term(state_));
    if (done) snapshot_number_ = number_;
    co_return done;
  }

  // The events that are kept, oldest first.
  [[nodiscard]] Async<storage::Result<std::vector<Event>>> history(Process& self) {
    auto terms = co_await detail::load_history(self, *log_, event_schema_);
    if (!terms) co_return std::unexpected(std::move(terms.error()));
    std::vector<Event> events;
    for (const Term& term : *terms) {
      auto event = from_term<Event>(term);
      if (!event) co_return storage::detail::wrong_type(log_->key, event.error());
      events.push_back(std::move(*event));
    }
    co_return events;
  }

 private:
  S& server() noexcept { return static_cast<S&>(*this); }

  Async<storage::Result<void>> replay(Process& self) {
    auto stored = co_await detail::load_events(self, *log_, schema_, event_schema_);
    if (!stored) co_return std::unexpected(std::move(stored.error()));
    if (stored->snapshot) {
      auto state = from_term<State>(stored->snapshot->value);
      if (!state) co_return storage::detail::wrong_type(log_->key, state.error());
      state_ = std::move(*state);
    }
    number_ = snapshot_number_ = stored->snapshot_number;
    for (const Term& term : stored->events) {
      auto event = from_term<Event>(term);
      if (!event) {
        co_return storage::detail::wrong_type(detail::event_key(log_->key, number_ + 1),
                                              event.error());
      }
      S::apply(state_, *event);
      ++number_;
    }
    co_return storage::Result<void>{};
  }

  std::optional<EventLog> log_;
  detail::Schema schema_;
  detail::Schema event_schema_;
  State state_{};
  std::uint64_t number_ = 0;
  std::uint64_t snapshot_number_ = 0;
};

}  // namespace troupe
