// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <troupe/detail/held_replies.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/stored_state.hpp>
#include <troupe/timer.hpp>

namespace troupe {

// When a persistent server writes its state.
struct SavePolicy {
  bool on_change = true;         // as soon as the handler that called changed() has returned
  Duration interval = infinity;  // else at the latest this long after the first change
  bool on_terminate = true;      // at its end, if something was not written; it traps exits for it
  // With on_change, what a handler answers is sent when all changes before it are saved. False: at
  // once, so that a crash can take back what a caller was told.
  bool answer_when_saved = true;
};

enum class BadState : std::uint8_t {
  refuse,     // the server does not start, with reason {bad_state, Kind, Text}
  set_aside,  // the bytes are kept under KEY.bad, an error is logged, the server starts afresh
};

// Where and how a persistent server keeps its state.
struct Persistence {
  storage::StorePool pool;
  std::string key;
  SavePolicy save = {};
  Duration max_age = infinity;  // a state saved longer ago is removed, and the server starts afresh
  BadState bad_state = BadState::refuse;
};

// A GenServer whose state outlives it: restored before it serves, saved by policy.
//
//     struct Cart : PersistentServer<Cart, CartState> {
//       explicit Cart(std::string user) : user_{std::move(user)} {}
//       Persistence persistence() const { return {StorePool{"carts", 4}, "cart:" + user_}; }
//
//       struct Add { std::string item; };
//       void handle_cast(Add m) { state.items.push_back(std::move(m.item)); changed(); }
//       ...
//     };
//
// CartState is any mapped type (struct_term.hpp). The constructor runs first and may give `state`
// its first value; then the stored one, if there is one, takes its place; then `void started()` or
// `started(Process&)`, if Cart has it, runs, and only then the start is answered.
//
// changed() marks the state, and the policy decides. By default the state is saved behind the calls
// that wait already, and what their handlers returned is sent only then: an answer that arrived is
// an answer that lasts, and many of them cost one save. While a server saves it serves nobody; in a
// pool, the saves of many servers become one fsync. A save that fails is logged and tried again,
// after 1 s, then longer, up to 30 s; the callers whose answers waited for it get a CallError whose
// reason is {not_saved, Kind, Text}, and what they changed stays in `state`.
//
// An answer through a From, or a policy of intervals, waits for nothing: a handler that wants it
// durable does `co_await saved(self)` first, and learns what went wrong.
//
// A state that an exception may have left half changed (state_is_torn) is never saved: the next
// server continues from what was saved before. Put the pool before its users in the supervisor.
//
// Versions: Cart::schema_version (1 unless it says otherwise) is stored with the state. When it
// grows, `static Migrations migrations()` lists a step for each older version; see check_stored.
//
// init and terminate are this class's own: use started() and `void stopping(ExitReason)`.
template <class S, class State>
class PersistentServer : public GenServer<S>, public detail::HoldsReplies {
 public:
  Async<Init> init(Process& self) {
    static_assert(std::is_same_v<decltype(&S::init), Async<Init> (PersistentServer::*)(Process&)> &&
                      std::is_same_v<decltype(&S::terminate),
                                     Async<> (PersistentServer::*)(Process&, ExitReason)>,
                  "a persistent server has no init and terminate of its own: use started() and "
                  "stopping(ExitReason)");
    self_ = self.pid();
    persistence_.emplace(server().persistence());
    schema_ = detail::schema_of<S>();
    if (persistence_->save.on_terminate) self.trap_exits();
    auto restored = co_await restore(self);
    if (!restored) {
      report(restored.error());
      co_return Init::stop(detail::bad_state(restored.error()));
    }
    if constexpr (requires(S& s) { s.started(self); }) {
      server().started(self);
    } else if constexpr (requires(S& s) { s.started(); }) {
      server().started();
    }
    co_return Init::ok();
  }

  Async<> terminate(Process& self, ExitReason reason) {
    if constexpr (requires(S& s) { s.stopping(reason); }) server().stopping(reason);
    if (!persistence_ || this->state_is_torn()) co_return;
    if (!persistence_->save.on_terminate && held_.empty()) co_return;
    auto done = co_await saved(self);
    if (!done) report(done.error());
  }

 protected:
  State state{};

  // Says that `state` is not what was saved. Costs a flag; the state is encoded when it is written.
  // Before the state is restored, in the constructor, it does nothing.
  void changed() {
    if (!persistence_) return;
    is_dirty_ = true;
    if (persistence_->save.on_change) {
      holds_ = persistence_->save.answer_when_saved;
      save_now();
    } else if (persistence_->save.interval != infinity) {
      save_within(persistence_->save.interval);
    }
  }

  // Writes what was changed; on success all changes so far are as durable as the pool's stores.
  [[nodiscard]] Async<storage::Result<void>> saved(Process& self) {
    storage::Result<void> done;
    if (is_dirty_) {
      done = co_await storage::put(self, persistence_->pool, persistence_->key,
                                   detail::encode_record(detail::state_kind, schema_.version,
                                                         self.system_time(), to_term(state)),
                                   infinity);
    }
    settle(done);
    co_return done;
  }

  // Removes what is stored, for a server whose subject is finished; what is changed afterwards is
  // saved again.
  [[nodiscard]] Async<storage::Result<void>> forget(Process& self) {
    is_dirty_ = false;
    auto done = co_await storage::remove(self, persistence_->pool, persistence_->key, infinity);
    settle(done);
    co_return done;
  }

  bool was_restored() const noexcept { return was_restored_; }

 private:
  static constexpr Duration first_pause = std::chrono::seconds{1};
  static constexpr Duration longest_pause = std::chrono::seconds{30};

  friend detail::ReplyHold;
  bool hold_reply(const detail::CallHead& head, detail::Envelope* reply) {
    if (!holds_) return false;
    held_.add(head, reply);
    return true;
  }
  // How an attempt to save has ended: what waited for it is answered.
  void settle(const storage::Result<void>& done) {
    holds_ = false;
    if (done) {
      is_dirty_ = false;
      held_.send_all();
    } else if (!held_.empty()) {
      held_.fail_all(detail::not_saved(done.error()));
    }
  }

  struct SaveDue {
    bool is_timed = false;
  };
  static void invoke_save_due(detail::ServerCore& core, detail::Envelope* envelope) {
    const SaveDue due = detail::take_value<SaveDue>(envelope);
    PersistentServer& server = detail::state_of<S>(core);
    (due.is_timed ? server.is_timed_ : server.is_due_) = false;
    detail::await_later(core, server.save_due(*core.self));
  }
  static detail::Envelope* make_save_due(SaveDue due) {
    static constexpr detail::RequestType type = detail::request_type<SaveDue, SaveDue>(
        detail::RequestRole::info, &detail::server_vtable<S>, &invoke_save_due);
    return detail::make_request<SaveDue>(type, due);
  }

  S& server() noexcept { return static_cast<S&>(*this); }

  Async<storage::Result<void>> restore(Process& self) {
    auto bytes = co_await storage::get(self, persistence_->pool, persistence_->key);
    if (!bytes) co_return std::unexpected(std::move(bytes.error()));
    if (!*bytes) co_return storage::Result<void>{};
    auto taken = take(**bytes, self.system_time());
    if (!taken && persistence_->bad_state == BadState::set_aside &&
        taken.error().kind != storage::ErrorKind::newer_version) {
      report(taken.error());
      co_return co_await detail::set_aside(self, persistence_->pool, persistence_->key,
                                           std::move(**bytes));
    }
    if (taken && !*taken) co_return co_await forget(self);
    if (!taken) co_return std::unexpected(std::move(taken.error()));
    co_return storage::Result<void>{};
  }

  // False: too old.
  storage::Result<bool> take(std::string_view bytes, Duration now) {
    auto record = detail::decode_record(detail::state_kind, bytes, persistence_->key);
    if (!record) return std::unexpected(std::move(record.error()));
    if (persistence_->max_age != infinity && now - record->saved_at > persistence_->max_age) {
      return false;
    }
    const bool is_old = record->version != schema_.version;
    auto term = detail::migrate(std::move(*record), schema_, persistence_->key);
    if (!term) return std::unexpected(std::move(term.error()));
    auto value = from_term<State>(*term);
    if (!value) return storage::detail::wrong_type(persistence_->key, value.error());
    state = std::move(*value);
    was_restored_ = true;
    if (is_old) changed();
    return true;
  }

  // Behind what waits in the mailbox. Also while a failed save waits to be tried again: whoever
  // changes something then should hear at once that it is not saved.
  void save_now() {
    if (std::exchange(is_due_, true)) return;
    detail::deliver(self_, make_save_due({.is_timed = false}));
  }
  void save_within(Duration delay) {
    if (std::exchange(is_timed_, true)) return;
    detail::start_timer(self_, delay, make_save_due({.is_timed = true}));
  }

  Async<> save_due(Process& self) {
    auto done = co_await saved(self);
    if (done) {
      pause_ = first_pause;
      co_return;
    }
    report(done.error());
    if (is_timed_) co_return;
    save_within(pause_);
    pause_ = std::min(pause_ * 2, longest_pause);
  }

  void report(const storage::StorageError& error) const {
    detail::report_state_error(persistence_->key, error);
  }

  std::optional<Persistence> persistence_;
  detail::Schema schema_;
  Pid self_;
  Duration pause_ = first_pause;
  detail::HeldReplies held_;  // answers that wait for the next save
  bool holds_ = false;        // a change is not saved, and nobody was told
  bool is_dirty_ = false;
  bool is_due_ = false;    // a save waits in the mailbox
  bool is_timed_ = false;  // and another for a timer
  bool was_restored_ = false;
};

}  // namespace troupe
