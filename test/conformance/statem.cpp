// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// State machines (234 to 241).
#include <troupe/gen_statem.hpp>
#include <troupe/sys.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct GetLog {
  using Reply = Term;
};

// Prints each element of a log on a line of its own.
void print_steps(const Term& log) {
  for (std::size_t i = 0; i < log.size(); ++i) p("step_" + std::to_string(i + 1), log[i]);
}

// --- Calls, casts and plain messages.

enum class DoorState : std::uint8_t { closed, open, broken };

Term to_term(DoorState state) {
  constexpr const char* names[] = {"closed", "open", "broken"};
  return atom(names[static_cast<std::size_t>(state)]);
}

struct Door : GenStatem<Door, DoorState> {
  struct Open {
    using Reply = Term;
  };
  struct Close {};
  struct Kick {};
  struct Count {
    using Reply = Term;
  };
  using Info = Messages<Kick>;

  Answer<Term> handle_event(DoorState state, Open&) {
    if (state == DoorState::open) return {atom("already_open"), keep_state()};
    ++opened_;
    return {atom("opened"), next_state(DoorState::open)};
  }
  Transition handle_event(DoorState, Close&) { return next_state(DoorState::closed); }
  Transition handle_event(DoorState, Kick&) { return next_state(DoorState::broken); }
  Term handle_event(DoorState state, Count&) { return tuple({to_term(state), opened_}); }

 private:
  int opened_ = 0;
};

Async<> s234_statem_transitions(Process& self) {
  const auto door = co_await Door::start(self);
  p("open", co_await call(self, door, Door::Open{}));
  p("open_again", co_await call(self, door, Door::Open{}));
  p("cast", ok([&] { cast(door, Door::Close{}); }));
  p("count", co_await call(self, door, Door::Count{}));
  send(door, Door::Kick{});
  p("count", co_await call(self, door, Door::Count{}));
}

// --- Postponed events.

enum class Readiness : std::uint8_t { busy, ready };

Term to_term(Readiness state) { return atom(state == Readiness::busy ? "busy" : "ready"); }

struct Deferring : GenStatem<Deferring, Readiness> {
  struct Job {
    int number;
  };
  struct SameState {};
  struct Become {
    Readiness state;
  };

  Transition handle_event(Readiness state, Job& job) {
    log_.push_back(tuple({atom(state == Readiness::busy ? "postponed" : "done"), job.number}));
    return state == Readiness::busy ? postpone() : keep_state();
  }
  Transition handle_event(Readiness state, SameState&) {
    log_.push_back(atom("same_state"));
    return next_state(state);
  }
  Transition handle_event(Become& m) {
    log_.push_back(tuple({atom("become"), to_term(m.state)}));
    return next_state(m.state);
  }
  Term handle_event(GetLog&) { return list(log_); }

 private:
  std::vector<Term> log_;
};

Async<> s235_statem_postpone(Process& self) {
  const auto machine = co_await Deferring::start(self);
  co_await sys::suspend(self, machine.pid());
  cast(machine, Deferring::Job{1});
  cast(machine, Deferring::Job{2});
  cast(machine, Deferring::SameState{});
  cast(machine, Deferring::Become{Readiness::ready});
  cast(machine, Deferring::Job{3});
  co_await sys::resume(self, machine.pid());
  print_steps(co_await call(self, machine, GetLog{}));
}

// --- Timeouts.

enum class Letter : std::uint8_t { idle, s, a, b, c, t, u };

Term to_term(Letter letter) {
  constexpr const char* names[] = {"idle", "s", "a", "b", "c", "t", "u"};
  return atom(names[static_cast<std::size_t>(letter)]);
}

struct Expiring : GenStatem<Expiring, Letter> {
  struct Enter {
    Letter state;
    Duration time;
  };
  struct Poke {};
  struct Leave {
    Letter state;
  };
  struct Expired {
    Letter state;
  };

  explicit Expiring(Pid main) : main_{main} {}
  Transition handle_event(Enter& m) {
    return next_state(m.state).state_timeout(m.time, Expired{m.state});
  }
  void handle_event(Poke&) {}
  Transition handle_event(Leave& m) { return next_state(m.state); }
  void handle_event(Letter state, Expired& m) {
    send(main_, tuple({atom("state_timeout"), tuple({atom("expired"), to_term(m.state)}),
                       to_term(state)}));
  }

 private:
  Pid main_;
};

Async<> s236_statem_state_timeout(Process& self) {
  const auto machine = co_await Expiring::start(self, self.pid());
  cast(machine, Expiring::Enter{Letter::a, 100ms});
  for (int i = 0; i < 4; ++i) {
    cast(machine, Expiring::Poke{});
    co_await self.sleep(10ms);
  }
  p("poked_but_fired", co_await self.receive<Term>());
  cast(machine, Expiring::Enter{Letter::b, 60ms});
  cast(machine, Expiring::Leave{Letter::c});
  co_await self.sleep(200ms);
  p("left_in_time", co_await msgs(self));
}

struct Quiet : GenStatem<Quiet, Letter> {
  struct SetEventTimeout {
    Duration time;
    Term event;
  };
  struct SetNamedTimeout {
    Duration time;
  };
  struct CancelNamed {};
  struct Become {
    Letter state;
  };
  struct Fired {
    Term kind;
    Term event;
  };

  explicit Quiet(Pid main) : GenStatem{Letter::s}, main_{main} {}
  Transition handle_event(SetEventTimeout& m) {
    return keep_state().event_timeout(m.time, Fired{atom("timeout"), m.event});
  }
  Transition handle_event(SetNamedTimeout& m) {
    return keep_state().timeout("named", m.time,
                                Fired{tuple({atom("timeout"), atom("named")}), atom("tick")});
  }
  Transition handle_event(CancelNamed&) { return keep_state().cancel_timeout("named"); }
  Transition handle_event(Become& m) { return next_state(m.state); }
  void handle_event(Letter state, Fired& m) {
    send(main_, tuple({m.kind, m.event, to_term(state)}));
  }

 private:
  Pid main_;
};

Async<> s237_statem_event_timeout(Process& self) {
  const auto machine = co_await Quiet::start(self, self.pid());
  cast(machine, Quiet::SetEventTimeout{50ms, atom("quiet")});
  p("event_timeout", co_await self.receive<Term>());
  cast(machine, Quiet::SetEventTimeout{100ms, atom("never")});
  cast(machine, Quiet::Become{Letter::t});
  co_await self.sleep(250ms);
  p("cancelled_by_event", co_await msgs(self));
  cast(machine, Quiet::SetNamedTimeout{80ms});
  cast(machine, Quiet::Become{Letter::u});
  p("named", co_await self.receive<Term>());
  cast(machine, Quiet::SetNamedTimeout{80ms});
  cast(machine, Quiet::CancelNamed{});
  co_await self.sleep(200ms);
  p("named_cancelled", co_await msgs(self));
}

// --- Inserted events.

struct Inserts : GenStatem<Inserts, Letter> {
  struct Start {};
  struct Note {
    Term what;
  };
  struct Internal {
    Term what;
  };

  Inserts() : GenStatem{Letter::s} {}
  Transition handle_event(Letter, Start&) {
    log_.push_back(atom("start"));
    return next_state(Letter::t).next_event(Internal{1}).next_event(Internal{2});
  }
  Transition handle_event(Letter state, Note& m) {
    if (state == Letter::s) return postpone();
    log_.push_back(m.what);
    return keep_state();
  }
  Transition handle_event(Letter, Internal& m) {
    log_.push_back(m.what);
    if (m.what == Term{1}) return keep_state().next_event(Internal{atom("nested")});
    return keep_state();
  }
  Term handle_event(GetLog&) { return list(log_); }

 private:
  std::vector<Term> log_;
};

Async<> s238_statem_next_event(Process& self) {
  const auto machine = co_await Inserts::start(self);
  co_await sys::suspend(self, machine.pid());
  cast(machine, Inserts::Note{atom("postponed_1")});
  cast(machine, Inserts::Note{atom("postponed_2")});
  cast(machine, Inserts::Start{});
  cast(machine, Inserts::Note{atom("queued")});
  co_await sys::resume(self, machine.pid());
  p("log", co_await call(self, machine, GetLog{}));
}

// --- State enter calls.

struct Enters : GenStatem<Enters, Letter> {
  struct To {
    Letter state;
  };
  struct Keep {};
  struct Repeat {};
  struct Arrived {
    Letter state;
  };

  Enters() : GenStatem{Letter::a} {}
  void state_enter(Letter now, Letter old) {
    log_.push_back(tuple({atom("enter"), to_term(old), to_term(now)}));
  }
  Transition handle_event(To& m) { return next_state(m.state).next_event(Arrived{m.state}); }
  void handle_event(Keep&) { log_.push_back(atom("keep")); }
  Transition handle_event(Repeat&) {
    log_.push_back(atom("repeat"));
    return repeat_state();
  }
  void handle_event(Arrived& m) { log_.push_back(tuple({atom("arrived"), to_term(m.state)})); }
  Term handle_event(GetLog&) { return list(log_); }

 private:
  std::vector<Term> log_;
};

Async<> s239_statem_state_enter(Process& self) {
  const auto machine = co_await Enters::start(self);
  cast(machine, Enters::To{Letter::b});
  cast(machine, Enters::To{Letter::b});
  cast(machine, Enters::Keep{});
  cast(machine, Enters::Repeat{});
  cast(machine, Enters::To{Letter::a});
  print_steps(co_await call(self, machine, GetLog{}));
}

// --- How it ends.

enum class Phase : std::uint8_t { running, over };

Term to_term(Phase phase) { return atom(phase == Phase::running ? "running" : "over"); }

struct Ending : GenStatem<Ending, Phase> {
  struct StopCall {
    Term reason;
    using Reply = Term;
  };
  struct StopCast {
    Term reason;
  };
  struct Crash {};

  explicit Ending(Pid main) : main_{main} {}
  Answer<Term> handle_event(StopCall& m) { return {atom("bye"), Transition::stop(m.reason)}; }
  Transition handle_event(StopCast& m) {
    data_ = atom("new_data");
    return Transition::stop(m.reason);
  }
  void handle_event(Crash&) { throw ErrorException{atom("boom")}; }
  Async<> terminate(Process& self, ExitReason reason) {
    // Whoever called has its answer by now, and says so.
    if (reason.is(Atom{"over"})) co_await self.receive<Go>();
    send(main_, tuple({atom("terminate"), to_term(state()), data_}));
  }

 private:
  Pid main_;
  Term data_ = atom("data");
};

Async<> s240_statem_stop(Process& self) {
  const auto run = [&](auto do_it) -> Async<> {
    const auto machine = co_await Ending::start(self, self.pid());
    const Ref ref = self.monitor(machine.pid());
    co_await do_it(machine);
    const Term reason = co_await wait(self, ref);
    p("messages", co_await msgs(self));
    p("reason", reason);
  };
  co_await run([](ServerRef<Ending> machine) -> Async<> {
    cast(machine, Ending::StopCast{atom("normal")});
    co_return;
  });
  co_await run([](ServerRef<Ending> machine) -> Async<> {
    cast(machine, Ending::Crash{});
    co_return;
  });
  co_await run([&](ServerRef<Ending> machine) -> Async<> {
    const Term reply = co_await call(self, machine, Ending::StopCall{atom("over")});
    // A reply is no message here: it is put where it came.
    send(self.pid(), tuple({atom("tag"), reply}));
    send(machine.pid(), Go{});
  });
}

// --- A code lock.

struct Locked {
  std::vector<int> typed;
};
struct Unlocked {};

struct Lock : GenStatem<Lock, Locked, Unlocked> {
  struct Digit {
    int digit;
  };

  Lock(Pid main, std::vector<int> code) : main_{main}, code_{std::move(code)} {}
  void state_enter(Locked& locked) {
    locked.typed.clear();
    send(main_, atom("locked"));
  }
  Transition state_enter(Unlocked&) {
    send(main_, atom("open"));
    return keep_state().state_timeout(80ms);
  }
  Transition handle_event(Unlocked&, StateTimeout&) { return next_state(Locked{}); }
  void handle_event(Unlocked&, Digit&) {}
  Transition handle_event(Locked& locked, Digit& m) {
    locked.typed.push_back(m.digit);
    if (locked.typed == code_) return next_state(Unlocked{});
    if (locked.typed.size() == code_.size()) {
      locked.typed.clear();
      send(main_, atom("wrong"));
    }
    return keep_state();
  }

 private:
  Pid main_;
  std::vector<int> code_;
};

Async<> s241_statem_code_lock(Process& self) {
  const auto lock = co_await Lock::start(self, self.pid(), std::vector{1, 2, 3});
  for (const int digit : {1, 2, 9, 1, 2, 3, 7, 7, 7}) cast(lock, Lock::Digit{digit});
  std::vector<Term> events;
  for (int i = 0; i < 4; ++i) events.push_back(co_await self.receive<Term>());
  p("events", list(events));
}

constexpr Scenario scenarios[] = {
    {"234-statem-transitions", s234_statem_transitions},
    {"235-statem-postpone", s235_statem_postpone},
    {"236-statem-state-timeout", s236_statem_state_timeout},
    {"237-statem-event-timeout", s237_statem_event_timeout},
    {"238-statem-next-event", s238_statem_next_event},
    {"239-statem-state-enter", s239_statem_state_enter},
    {"240-statem-stop", s240_statem_stop},
    {"241-statem-code-lock", s241_statem_code_lock},
};

}  // namespace

std::span<const Scenario> statem_scenarios() { return scenarios; }

}  // namespace troupe::conformance
