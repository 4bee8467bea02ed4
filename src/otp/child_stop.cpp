// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/child_stop.hpp"

#include <troupe/log.hpp>

namespace troupe::detail {

Async<ExitReason> stop_child(Process& self, Pid pid, ChildStop how) {
  const Ref ref = self.monitor(pid);
  const auto of_child = [ref](const Down& down) { return down.ref == ref; };
  const auto reason_of_down = [](Down down) { return std::move(down.reason); };
  ExitReason reason;
  if (how.brutal) {
    exit(pid, ExitReason{atoms::kill});
    reason = co_await self.receive(when(of_child, reason_of_down));
  } else {
    exit(pid, ExitReason{atoms::shutdown});
    bool ended = true;
    reason = co_await self.receive(when(of_child, reason_of_down), after(how.time, [&] {
                                     ended = false;
                                     return ExitReason{};
                                   }));
    if (!ended) {
      exit(pid, ExitReason{atoms::kill});
      reason = co_await self.receive(when(of_child, reason_of_down));
    }
  }
  // The EXIT, if the child was still linked, came before the DOWN, and may say more: a child that
  // had ended before it was monitored is `noproc` to the monitor.
  self.unlink(pid);
  co_await self.receive(when([pid](const Exit& exit) { return exit.from == pid; },
                             [&reason](Exit exit) { reason = std::move(exit.reason); }),
                        after(Duration::zero(), [] {}));
  co_return reason;
}

Async<> kill_late_start(Process& self, Pid pid, bool is_linked) {
  if (is_linked) self.unlink(pid);
  exit(pid, ExitReason{atoms::kill});
  co_await self.receive(when([pid](const Exit& exit) { return exit.from == pid; }, [](Exit) {}),
                        after(Duration::zero(), [] {}));
}

Async<> take_bequest(Process& self, Pid ended, WaitingMail& mail) {
  co_await self.receive(when([ended](const Bequest& bequest) { return bequest.from == ended; },
                             [&mail](Bequest bequest) { mail.append(std::move(bequest.mail)); }),
                        after(Duration::zero(), [] {}));
}

void report_stop(const Term& id, const ChildStop& how, const ExitReason& reason) {
  if (log::level() > log::Level::error) return;
  if (reason.is(atoms::shutdown) || (how.brutal && reason.is(atoms::killed))) return;
  if (reason.is_orderly() && how.restart != permanent) return;
  log::error("child {} ended with {} when it was told to shut down", id, reason);
}

void report_end(const Term& id, Restart restart, const ExitReason& reason) {
  // Asked first: a reason takes time to write out, and a supervisor may restart children by the
  // hundred thousand.
  if (log::level() > log::Level::error) return;
  if (reason.is_orderly() && restart != permanent) return;
  log::error("child {} ended: {}", id, reason);
}

}  // namespace troupe::detail
