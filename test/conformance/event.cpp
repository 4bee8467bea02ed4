// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Event managers (242, 243).
#include <troupe/gen_event.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

namespace {

Term added(const GenEvent::Result& result) {
  return result ? Term{atoms::ok} : tuple({atoms::error, result.error().term()});
}

Async<Term> handler_ids(Process& self, ServerRef<GenEvent> manager) {
  std::vector<Term> ids;
  for (const EventHandlerInfo& info : co_await GenEvent::which_handlers(self, manager)) {
    ids.push_back(info.id);
  }
  co_return list(ids);
}

struct Occurred {
  Term what;
};
struct Count {};

struct Counts {
  using Events = Messages<Occurred>;
  Counts(Term id, Pid main) : id_{std::move(id)}, main_{main} {}
  void handle_event(const Occurred& event) {
    send(main_, tuple({id_, event.what}));
    ++count_;
  }
  int handle_call(Count) const { return count_; }
  Term terminate(const Term& why) { return tuple({id_, count_, why}); }

 private:
  Term id_;
  Pid main_;
  int count_ = 0;
};

Async<> s242_statem_event_handlers(Process& self) {
  const auto manager = co_await GenEvent::start(self);
  const Term a = atom("a");
  const Term b = atom("b");
  for (const Term& id : {a, b}) {
    p("add", added(co_await GenEvent::add_handler<Counts>(self, manager, EventHandlerId{id}, id,
                                                          self.pid())));
  }
  p("which", co_await handler_ids(self, manager));
  const Term notified =
      co_await catch_exit([&] { return sync_notify(self, manager, Occurred{atom("e1")}); });
  p("sync_notify", notified[1]);
  p("received", co_await msgs(self));
  p("notify", ok([&] { notify(manager, Occurred{atom("e2")}); }));
  p("count", (co_await GenEvent::call<Counts>(self, manager, Count{}, a)).value());
  p("received", co_await msgs(self));
  p("delete",
    (co_await GenEvent::delete_handler<Counts>(self, manager, atom("enough"), a)).value());
  const auto deleted = co_await GenEvent::call<Counts>(self, manager, Count{}, a);
  p("call_deleted", deleted ? Term{*deleted} : tuple({atoms::error, deleted.error().term()}));
  co_await sync_notify(self, manager, Occurred{atom("e3")});
  p("received", co_await msgs(self));
}

struct Crash {
  Term whose;
};
struct Leave {
  Term who;
};

struct Fragile {
  using Events = Messages<Crash, Leave>;
  Fragile(Term id, Pid main) : id_{std::move(id)}, main_{main} {}
  void handle_event(const Crash& event) {
    if (event.whose == id_) throw ErrorException{atom("boom")};
    send(main_, tuple({id_, tuple({atom("crash"), event.whose})}));
  }
  Handled handle_event(const Leave& event) {
    if (event.who == id_) return Handled::remove;
    send(main_, tuple({id_, tuple({atom("leave"), event.who})}));
    return Handled::keep;
  }
  void terminate(const Term& why) {
    const Term how = why.is_tagged(atoms::error) ? Term{atoms::error} : why;
    send(main_, tuple({atom("terminate"), id_, how}));
  }

 private:
  Term id_;
  Pid main_;
};

Async<> s243_statem_event_handler_crash(Process& self) {
  const auto manager = co_await GenEvent::start(self);
  for (const char* id : {"a", "b", "c"}) {
    (void)co_await GenEvent::add_handler<Fragile>(self, manager, EventHandlerId{id}, atom(id),
                                                  self.pid());
  }
  co_await sync_notify(self, manager, Crash{atom("b")});
  p("received", co_await msgs(self));
  p("left", co_await handler_ids(self, manager));
  co_await sync_notify(self, manager, Leave{atom("c")});
  p("received", co_await msgs(self));
  p("left", co_await handler_ids(self, manager));
  p("manager_alive", co_await is_alive(self, manager.pid()));
}

constexpr Scenario scenarios[] = {
    {"242-statem-event-manager", s242_statem_event_handlers},
    {"243-statem-event-handler-crash", s243_statem_event_handler_crash},
};

}  // namespace

std::span<const Scenario> event_scenarios() { return scenarios; }

}  // namespace troupe::conformance
