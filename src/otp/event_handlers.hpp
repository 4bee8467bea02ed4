// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <list>

#include <troupe/gen_event.hpp>

#include "base/flat_map.hpp"
#include "otp/term_hash.hpp"

namespace troupe::detail {

// The handlers of one event manager, the latest added first; found by type and id, and by the
// process that watches over them, in constant time.
class EventHandlers {
 public:
  struct Handler {
    const EventHandlerType* type;
    void* state;
    Term id;
    Pid watcher;
  };
  using Place = std::list<Handler>::iterator;

  EventHandlers() = default;
  EventHandlers(const EventHandlers&) = delete;
  ~EventHandlers();

  const std::list<Handler>& all() const noexcept { return handlers_; }

  // Null if there is none.
  Place* find(const EventHandlerType* type, const Term& id);
  // Takes the state over, also where it refuses because one is there.
  bool add(Process& self, NewEventHandler handler);
  // Runs terminate(why), takes the handler out, and tells its watcher with `told`, unless that is
  // nothing. What terminate returned; if it threw, {EXIT, Reason}.
  Term remove(Process& self, Place place, const Term& why, const std::optional<ExitReason>& told);

  void notify(Process& self, const MessageType* message, bool is_plain, const void* event,
              bool* is_taken);
  void watcher_ended(Process& self, const Exit& exit);
  void terminate(Process& self);
  // A handler's function threw.
  ExitReason crashed(Process& self, Place place, std::exception_ptr failure);

 private:
  struct Key {
    const EventHandlerType* type;
    Term id;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    using Query = Key;
    std::uint64_t operator()(const Key& key) const noexcept {
      return mix64(reinterpret_cast<std::uintptr_t>(key.type)) ^ TermHash {}(key.id);
    }
  };

  std::list<Handler> handlers_;
  FlatMap<Key, Place, KeyHash> by_key_;
  FlatMap<Pid, std::uint32_t> watched_;  // how many handlers each watcher has
};

}  // namespace troupe::detail
