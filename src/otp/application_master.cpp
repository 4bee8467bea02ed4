// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/application_master.hpp"

#include <algorithm>

#include <troupe/log.hpp>

#include "otp/child_stop.hpp"

namespace troupe::detail {

namespace {

std::string_view name_of(StopPhase phase) {
  switch (phase) {
    case StopPhase::prep_stop:
      return "prep_stop";
    case StopPhase::tree:
      return "stopping its tree";
    case StopPhase::stop:
      return "stop";
  }
  std::unreachable();
}

}  // namespace

Async<> application_master(Process& self, Application application, Pid controller) {
  const Atom name = application.name.atom;
  self.set_label("application " + std::string{name.text()});
  self.trap_exits();
  Pid tree;
  Term state;
  if (application.tree) {
    StartOutcome outcome;
    std::exception_ptr thrown;
    try {
      outcome = co_await application.tree->start()->start(self, application.tree->name());
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) {
      outcome.pid = {};
      outcome.error.reason = ExitReason::from_exception(thrown);
    }
    if (!outcome.pid) {
      send(controller, MasterStarted{name, ExitReason{outcome.error.term()}});
      co_return;
    }
    tree = outcome.pid;
    state = std::move(outcome.info);
  }
  send(controller, MasterStarted{name, std::nullopt});

  bool ended = false;
  while (!ended) {
    std::optional<StopPhase> phase;
    Pid asker;
    ExitReason reason;
    co_await self.receive(
        [&](MasterDo m) {
          phase = m.phase;
          asker = m.asker;
        },
        when([&](const Exit& exit) { return exit.from == tree || exit.from == controller; },
             [&](Exit exit) {
               reason = std::move(exit.reason);
               ended = true;
               if (exit.from == tree) tree = {};
             }));
    if (ended || *phase == StopPhase::tree) {
      if (tree) {
        (void)co_await stop_child(self, tree, ChildStop{infinity, false, permanent});
        tree = {};
      }
    } else if (*phase == StopPhase::prep_stop && application.prep_stop) {
      state = co_await application.prep_stop(self, state);
    }
    if (ended || *phase == StopPhase::stop) {
      if (application.stop) co_await application.stop(self, state);
    }
    if (ended) {
      send(controller, MasterEnded{name, std::move(reason)});
    } else {
      send(asker, MasterDone{*phase});
      ended = *phase == StopPhase::stop;
    }
  }
}

Async<> stop_master(Process& self, Atom name, Pid master, Duration phase_deadline,
                    Duration time_left) {
  const Ref ref = self.monitor(master);
  const auto ends = [ref](const Down& down) { return down.ref == ref; };
  const Duration begin = self.monotonic_time();
  for (const StopPhase phase : {StopPhase::prep_stop, StopPhase::tree, StopPhase::stop}) {
    const Duration left =
        time_left == infinity
            ? infinity
            : std::max(Duration::zero(), time_left - (self.monotonic_time() - begin));
    enum class Outcome : std::uint8_t { done, gone, late };
    send(master, MasterDo{phase, self.pid()});
    const Outcome outcome =
        co_await self.receive(when([phase](const MasterDone& done) { return done.phase == phase; },
                                   [](MasterDone) { return Outcome::done; }),
                              when(ends, [](Down) { return Outcome::gone; }),
                              after(std::min(phase_deadline, left), [] { return Outcome::late; }));
    if (outcome == Outcome::gone) co_return;
    if (outcome == Outcome::late) {
      log::error("application {} was late: {} took longer than {} ms, so it is killed", name.text(),
                 name_of(phase), std::min(phase_deadline, left) / std::chrono::milliseconds{1});
      // Its tree, linked to it, follows; what is below is told to shut down by its own parent.
      exit(master, ExitReason{atoms::kill});
      break;
    }
  }
  co_await self.receive(when(ends, [](Down) {}));
}

}  // namespace troupe::detail
