// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// In which order a state machine takes its events, and how it ends. States are an enumeration here,
// and the machine notes what happens to it; gen_statem_types_test.cpp has states that are types.
#include <troupe/gen_statem.hpp>
#include <troupe/request.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

enum class Phase { idle, busy, ready, done };
using enum Phase;

using Notes = std::vector<std::string>;

const char* name_of(Phase phase) {
  constexpr const char* names[] = {"idle", "busy", "ready", "done"};
  return names[static_cast<int>(phase)];
}

// Does as it is told, and notes it.
struct Recorder : GenStatem<Recorder, Phase> {
  struct Become {
    Phase phase;
  };
  struct Job {
    int number;
  };
  struct Insert {
    Phase then;
    int first;
    int second;
  };
  struct Arrived {
    int number;
  };
  struct Poke {};
  struct Again {};
  struct Arm {  // sets a timeout of some kind
    enum Kind { state, event, named, cancel_state, cancel_named } kind;
    Duration time;
  };
  struct ArmMany {  // all of them with time zero
    bool inserts;
  };
  struct Fired {
    std::string what;
  };
  struct Crash {};
  struct StopWith {
    std::string reason;
  };
  struct GetNotes {
    using Reply = Notes;
  };
  struct WaitReady {
    using Reply = Phase;
  };
  struct StopAndReply {
    std::string reason;
    using Reply = std::string;
  };
  struct Tell {
    std::string what;
  };

  explicit Recorder(Pid observer = {}) : observer_{observer} {}

  Transition handle_event(Phase, const Become& m) {
    note("become {}", m.phase);
    return next_state(m.phase);
  }
  Transition handle_event(Phase phase, const Job& job) {
    if (phase == busy) {
      note("postponed", job.number);
      return postpone();
    }
    note("done", job.number);
    return keep_state();
  }
  Transition handle_event(const Insert& m) {
    return next_state(m.then).next_event(Arrived{m.first}).next_event(Arrived{m.second});
  }
  Transition handle_event(const Arrived& m) {
    note("arrived", m.number);
    if (m.number == 1) return keep_state().next_event(Arrived{10});
    return keep_state();
  }
  void handle_event(const Poke&) { note("poke"); }
  Transition handle_event(const Again&) { return repeat_state(); }
  Transition handle_event(const Arm& m) {
    switch (m.kind) {
      case Arm::state:
        return keep_state().state_timeout(m.time, Fired{"state"});
      case Arm::event:
        return keep_state().event_timeout(m.time, Fired{"event"});
      case Arm::named:
        return keep_state().timeout("named", m.time, Fired{"named"});
      case Arm::cancel_state:
        return keep_state().cancel_state_timeout();
      case Arm::cancel_named:
        return keep_state().cancel_timeout("named");
    }
    std::unreachable();
  }
  Transition handle_event(const ArmMany& m) {
    Transition all = keep_state()
                         .event_timeout(0s, Fired{"event"})
                         .timeout("named", 0s, Fired{"named"})
                         .state_timeout(0s, Fired{"state"});
    return m.inserts ? std::move(all).next_event(Arrived{5}) : std::move(all);
  }
  void handle_event(Phase phase, const Fired& m) {
    note(m.what + " fired in " + name_of(phase));
    if (observer_) send(observer_, Tell{m.what});
  }
  void handle_event(const Crash&) { throw ErrorException{Atom{"boom"}}; }
  Transition handle_event(const StopWith& m) {
    return Transition::stop(ExitReason{Atom{m.reason}});
  }

  Notes handle_event(const GetNotes&) { return notes_; }
  // Answered when the machine is ready, whoever waits.
  Answer<Phase> handle_event(Phase phase, const WaitReady&) {
    if (phase != ready) return postpone();
    return {phase, next_state(done)};
  }
  Answer<std::string> handle_event(const StopAndReply& m) {
    return {"bye", Transition::stop(ExitReason{Atom{m.reason}})};
  }

  void state_enter(Phase now, Phase old) {
    note(std::string("enter ") + name_of(now) + " from " + name_of(old));
  }
  void terminate(const ExitReason&) {
    if (observer_) send(observer_, Tell{std::string("terminate in ") + name_of(state())});
  }

 private:
  void note(std::string text) { notes_.push_back(std::move(text)); }
  void note(const std::string& text, int number) { note(text + " " + std::to_string(number)); }
  void note(const char*, Phase phase) { note(std::string("become ") + name_of(phase)); }

  Pid observer_;
  Notes notes_;
};
using Arm = Recorder::Arm;

class GenStatemTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

// It takes all of them without a pause in between, in which a timeout of the first could fire.
template <class... Events>
Async<> cast_together(Process& self, ServerRef<Recorder> machine, Events... events) {
  co_await sys::suspend(self, machine.pid());
  (cast(machine, std::move(events)), ...);
  co_await sys::resume(self, machine.pid());
}

Async<> expect_notes(Process& self, ServerRef<Recorder> machine, Notes expected) {
  EXPECT_EQ(co_await call(self, machine, Recorder::GetNotes{}), expected);
}

TEST_F(GenStatemTest, postponed_events_come_back_in_order_when_the_state_has_changed) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    cast(machine, Recorder::Become{busy});
    for (int i = 1; i <= 2; ++i) cast(machine, Recorder::Job{i});
    cast(machine, Recorder::Become{busy});  // no change
    cast(machine, Recorder::Become{ready});
    cast(machine, Recorder::Job{3});
    co_await expect_notes(self, machine,
                          {"enter idle from idle", "become busy", "enter busy from idle",
                           "postponed 1", "postponed 2", "become busy", "become ready",
                           "enter ready from busy", "done 1", "done 2", "done 3"});
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, inserted_events_come_before_postponed_ones_and_those_before_the_mailbox) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    co_await sys::suspend(self, machine.pid());
    cast(machine, Recorder::Become{busy});
    cast(machine, Recorder::Job{1});
    cast(machine, Recorder::Job{2});
    cast(machine, Recorder::Insert{ready, 1, 2});
    cast(machine, Recorder::Poke{});
    co_await sys::resume(self, machine.pid());
    co_await expect_notes(self, machine,
                          {"enter idle from idle", "become busy", "enter busy from idle",
                           "postponed 1", "postponed 2", "enter ready from busy", "arrived 1",
                           "arrived 10", "arrived 2", "done 1", "done 2", "poke"});
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, entering_a_state_is_told_once_for_each_change_and_each_repetition) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    cast(machine, Recorder::Become{busy});
    cast(machine, Recorder::Become{busy});
    cast(machine, Recorder::Again{});
    cast(machine, Recorder::Become{idle});
    co_await expect_notes(
        self, machine,
        {"enter idle from idle", "become busy", "enter busy from idle", "become busy",
         "enter busy from busy", "become idle", "enter idle from busy"});
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, a_state_timeout_survives_events_and_ends_with_its_state) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self, self.pid());
    cast(machine, Arm{Arm::state, 40ms});
    for (int i = 0; i < 3; ++i) cast(machine, Recorder::Poke{});
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "state");
    co_await cast_together(self, machine, Arm{Arm::state, 20ms}, Recorder::Become{busy});
    EXPECT_FALSE((co_await self.receive<Recorder::Tell>(60ms)).has_value());
    co_await cast_together(self, machine, Arm{Arm::state, 20ms}, Arm{Arm::cancel_state, {}});
    EXPECT_FALSE((co_await self.receive<Recorder::Tell>(60ms)).has_value());
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, an_event_timeout_ends_with_any_event_and_a_named_one_with_none) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self, self.pid());
    cast(machine, Arm{Arm::event, 10ms});
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "event");
    co_await cast_together(self, machine, Arm{Arm::event, 20ms}, Recorder::Become{busy});
    EXPECT_FALSE((co_await self.receive<Recorder::Tell>(60ms)).has_value());
    cast(machine, Arm{Arm::named, 20ms});
    cast(machine, Recorder::Become{ready});
    // Asking from outside is no event, and does not delay it.
    for (int i = 0; i < 5; ++i) (void)co_await sys::get_state(self, machine.pid());
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "named");
    // The second replaces the first.
    co_await cast_together(self, machine, Arm{Arm::named, 10ms}, Arm{Arm::named, 20ms},
                           Arm{Arm::cancel_named, {}});
    EXPECT_FALSE((co_await self.receive<Recorder::Tell>(60ms)).has_value());
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, timeouts_of_zero_come_in_order_and_before_the_mailbox) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    co_await sys::suspend(self, machine.pid());
    cast(machine, Recorder::ArmMany{false});
    cast(machine, Recorder::Poke{});
    cast(machine, Recorder::ArmMany{true});  // the inserted event ends the event timeout
    co_await sys::resume(self, machine.pid());
    co_await expect_notes(
        self, machine,
        {"enter idle from idle", "event fired in idle", "named fired in idle",
         "state fired in idle", "poke", "arrived 5", "named fired in idle", "state fired in idle"});
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, a_postponed_call_is_answered_when_its_time_comes) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    for (int i = 0; i < 3; ++i) {
      spawn(
          [](Process& asker, ServerRef<Recorder> asked, Pid tell) -> Async<> {
            send(tell, co_await call(asker, asked, Recorder::WaitReady{}));
          },
          machine, self.pid());
    }
    // The first one answered makes it done, which the others wait through.
    for (int i = 0; i < 3; ++i) {
      cast(machine, Recorder::Become{ready});
      EXPECT_EQ(co_await self.receive<Phase>(), ready);
      cast(machine, Recorder::Become{idle});
    }
    // A caller that has given up is answered into the void.
    const auto late = co_await try_call(self, machine, Recorder::WaitReady{}, 10ms);
    EXPECT_EQ(late.error().code, CallError::Code::timeout);
    cast(machine, Recorder::Become{ready});
    EXPECT_EQ((co_await call(self, machine, Recorder::GetNotes{})).back(), "enter done from ready");
    co_await stop(self, machine.pid());
  });
  EXPECT_EQ(log_.count("reply"), 0);
}

TEST_F(GenStatemTest, stopping_replies_first_and_then_terminates) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [machine, ref] = co_await Recorder::start_monitor(self, self.pid());
    EXPECT_EQ(co_await call(self, machine, Recorder::StopAndReply{"over"}), "bye");
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "terminate in idle");
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"over"});

    const auto [second, second_ref] = co_await Recorder::start_monitor(self, self.pid());
    cast(second, Recorder::Become{busy});
    cast(second, Recorder::Job{1});  // postponed for ever
    cast(second, Recorder::StopWith{"enough"});
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "terminate in busy");
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"enough"});
  });
}

TEST_F(GenStatemTest, a_failing_handler_ends_the_machine_and_whoever_waits_is_told) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [machine, ref] = co_await Recorder::start_monitor(self, self.pid());
    auto waiting = send_request(self, machine, Recorder::WaitReady{});
    cast(machine, Recorder::Crash{});
    EXPECT_EQ((co_await waiting.response()).error().reason.term()[0], atom("boom"));
    EXPECT_EQ((co_await self.receive<Recorder::Tell>()).what, "terminate in idle");
    EXPECT_EQ((co_await self.receive<Down>()).reason.term()[0], atom("boom"));
  });
}

TEST_F(GenStatemTest, its_state_can_be_asked_for_by_name) {
  on_every_executor([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    cast(machine, Recorder::Become{busy});
    cast(machine, Arm{Arm::named, 10s});
    const Term state = co_await sys::get_state(self, machine.pid());
    EXPECT_EQ(*state.find(Atom{"state"}), atom("busy"));
    EXPECT_EQ(*state.find(Atom{"timeouts"}), Term{1});
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTest, a_hundred_thousand_events_are_postponed_and_come_back_in_order) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto machine = co_await Recorder::start(self);
    cast(machine, Recorder::Become{busy});
    for (int i = 0; i < 100'000; ++i) cast(machine, Recorder::Job{i});
    cast(machine, Recorder::Become{ready});
    const Notes notes = co_await call(self, machine, Recorder::GetNotes{}, infinity);
    EXPECT_EQ(notes.size(), 200'005u);
    EXPECT_EQ(notes.at(100'005), "done 0");
    EXPECT_EQ(notes.back(), "done 99999");
    co_await stop(self, machine.pid());
  });
}

// Whatever the schedule, every job is done once, and in the order of its sender.
TEST_F(GenStatemTest, no_event_is_lost_or_doubled_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto machine = co_await Recorder::start(self);
        for (int sender = 0; sender < 3; ++sender) {
          spawn_link(
              [](Process& me, ServerRef<Recorder> to, int from) -> Async<> {
                for (int i = 0; i < 10; ++i) {
                  cast(to, Recorder::Job{from * 10 + i});
                  if (i % 3 == 0) cast(to, Recorder::Become{i % 2 == 0 ? busy : ready});
                  co_await me.yield();
                }
              },
              machine, sender);
        }
        Notes done_jobs;
        while (done_jobs.size() < 30) {
          cast(machine, Recorder::Become{ready});
          done_jobs = co_await call(self, machine, Recorder::GetNotes{});
          std::erase_if(done_jobs,
                        [](const std::string& note) { return !note.starts_with("done "); });
          co_await self.sleep(1ms);
        }
        EXPECT_EQ(done_jobs.size(), 30u);
        for (int sender = 0; sender < 3; ++sender) {
          int expected = sender * 10;
          for (const std::string& note : done_jobs) {
            const int number = std::stoi(note.substr(5));
            if (number / 10 == sender) {
              EXPECT_EQ(number, expected++);
            }
          }
          EXPECT_EQ(expected, sender * 10 + 10);
        }
        co_await stop(self, machine.pid());
      },
      100);
}

}  // namespace
}  // namespace troupe
