// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Supervisors: start, stop and child specifications (143 to 163).
#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

Async<> s143_sup_start_and_stop_order(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a", "b", "c"}));
  p("started");
  p("stop", co_await ok(stop(self, sup)));
  p("alive", co_await is_alive(self, sup.pid()));
}

Term shutdown_term(const ChildSpec& spec) {
  if (spec.is_brutal()) return atom("brutal_kill");
  if (spec.shutdown() == infinity) return atom("infinity");
  return std::chrono::duration_cast<std::chrono::milliseconds>(spec.shutdown()).count();
}

Term restart_term(Restart restart) {
  return atom(restart == permanent   ? "permanent"
              : restart == transient ? "transient"
                                     : "temporary");
}

Async<> s144_sup_spec_defaults(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a"), worker("b").type(ChildType::supervisor),
                     worker("c").restart(transient).shutdown(brutal_kill)));
  for (const char* id : {"a", "b", "c"}) {
    const ChildSpec spec = (co_await Supervisor::get_childspec(self, sup, id)).value();
    p("spec", list({spec.id(), restart_term(spec.restart()), shutdown_term(spec),
                    to_term(spec.type()), spec.is_significant()}));
  }
  p("unknown", to_term((co_await Supervisor::get_childspec(self, sup, "nope")).error()));
  co_await stop(self, sup);
}

Async<ChildStartResult> bad_start(Process&, bool with_error) {
  if (with_error) co_return std::unexpected(ExitReason{"no_disk"});
  // A start function can return only what its type says; a thrown term stands for the value, as in
  // Erlang, where the supervisor catches it.
  throw ThrownException{atom("what")};
}

Async<> s145_sup_failing_child_at_start(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto start = [&](bool with_error) -> Async<Term> {
    const auto started = co_await Supervisor::try_start_link(
        self, children(worker("a"), worker("b"), child("bad", bad_start, with_error), worker("c")));
    const Term why = started.error().term();
    const auto [from, reason] = co_await self.receive<Exit>();
    p("exit_is_same_reason", reason.term() == why);
    co_return why;
  };
  p("error", co_await start(true));
  p("other_value", co_await start(false));
}

Async<> s146_sup_child_init_crash_at_start(Process& self) {
  self.trap_exits();
  const InitIs::How outcomes[] = {
      [](Process&) { return Init::stop("no_config"); },
      [](Process&) -> Init { throw ErrorException{atom("boom")}; },
      [](Process& me) -> Init { me.exit("left"); },
  };
  for (const InitIs::How how : outcomes) {
    const auto started =
        co_await Supervisor::try_start_link(self, children(child<InitIs>(how).id("c")));
    const Term why = started.error().term()[1];
    p("error", tuple({why[0], why[1], norm(why[2])}));
  }
}

Async<ChildStartResult> ignore(Process&) { co_return ChildStarted{Pid{}}; }

Async<> s147_sup_ignored_child(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(child("i1", ignore), worker("a"), child("i2", ignore).restart(temporary),
                     child("i3", ignore).restart(transient)));
  std::vector<Term> all;
  for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
    all.push_back(tuple({info.id, state_term(info)}));
  }
  p("children", sorted(all));
  p("restart_ignored", to_term(co_await Supervisor::restart_child(self, sup, "i1")));
  p("start_ignored", to_term(co_await Supervisor::start_child(self, sup, child("i4", ignore))));
  p("start_ignored_temporary",
    to_term(co_await Supervisor::start_child(self, sup, child("i5", ignore).restart(temporary))));
  const Term ids = co_await child_ids(self, sup);
  p("ids", sorted({ids.elements().begin(), ids.elements().end()}));
  co_await stop(self, sup);
}

struct Stubborn : GenServer<Stubborn> {
  explicit Stubborn(Process& self) { self.trap_exits(); }
  Async<> terminate(Process& self, ExitReason reason) {
    p("stubborn_asked", reason.term());
    co_await self.sleep(60s);
    p("stubborn_finished");
  }
};

Async<> s148_sup_shutdown_timeout(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self,
      children(worker("a"), child<Stubborn>().named("stubborn").shutdown(150ms), worker("b")));
  const Ref ref = self.monitor("stubborn");
  const Duration start = self.monotonic_time();
  p("stop", co_await ok(stop(self, sup)));
  const bool waited = has_passed(self, start, 150ms) && !has_passed(self, start, 30s);
  p("stubborn", co_await wait(self, ref));
  p("waited_for_shutdown_time", waited);
}

struct SlowEnd : GenServer<SlowEnd> {
  explicit SlowEnd(Process& self) { self.trap_exits(); }
  Async<> terminate(Process& self, ExitReason reason) {
    co_await self.sleep(300ms);
    p("slow_finished", reason.term());
  }
};

Async<> s149_sup_shutdown_infinity(Process& self) {
  const auto sup = co_await Supervisor::start_link(
      self, children(child<SlowEnd>().named("slow").shutdown(infinity)));
  const Ref ref = self.monitor("slow");
  p("stop", co_await ok(stop(self, sup)));
  p("slow", co_await wait(self, ref));
}

Async<> s150_sup_brutal_kill(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a").shutdown(brutal_kill), worker("b")));
  const Ref refs[] = {self.monitor("a"), self.monitor("b")};
  p("stop", co_await ok(stop(self, sup)));
  std::vector<Term> reasons;
  for (const Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("reasons", list(reasons));
}

struct Plain : GenServer<Plain> {
  void terminate(const ExitReason& reason) { p("terminate", reason.term()); }
};

Async<> s151_sup_untrapping_child_shutdown(Process& self) {
  const auto sup = co_await Supervisor::start_link(
      self, children(child<Plain>().named("plain").shutdown(infinity)));
  const Ref ref = self.monitor("plain");
  p("stop", co_await ok(stop(self, sup)));
  p("reason", co_await wait(self, ref));
}

Async<> s152_sup_nested_stop_order(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a"), supervisor("inner", workers({"b1", "b2"})), worker("c")));
  p("stop", co_await ok(stop(self, sup)));
}

Async<> s153_sup_which_and_count(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a"), supervisor("sub", Children{}), worker("b")));
  const auto print_children = [&]() -> Async<> {
    std::vector<Term> all;
    for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
      all.push_back(tuple({info.id, Term{static_cast<bool>(info.pid)}, to_term(info.type)}));
    }
    p("children", list(all));
  };
  co_await print_children();
  p("counts", to_term(co_await Supervisor::count_children(self, sup)));
  co_await Supervisor::terminate_child(self, sup, "a");
  co_await print_children();
  p("counts", to_term(co_await Supervisor::count_children(self, sup)));
  co_await Supervisor::start_child(self, sup, worker("c"));
  co_await print_children();
  co_await stop(self, sup);
}

Async<> s154_sup_child_administration(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a"}));
  p("start_b", to_term(co_await Supervisor::start_child(self, sup, worker("b"))));
  p("start_b_again", to_term(co_await Supervisor::start_child(self, sup, worker("b"))));
  p("delete_running", to_term(co_await Supervisor::delete_child(self, sup, "b")));
  p("restart_running", to_term(co_await Supervisor::restart_child(self, sup, "b")));
  p("terminate", to_term(co_await Supervisor::terminate_child(self, sup, "b")));
  p("terminate_twice", to_term(co_await Supervisor::terminate_child(self, sup, "b")));
  p("start_present", to_term(co_await Supervisor::start_child(self, sup, worker("b"))));
  p("restart", to_term(co_await Supervisor::restart_child(self, sup, "b")));
  p("terminate", to_term(co_await Supervisor::terminate_child(self, sup, "b")));
  p("delete", to_term(co_await Supervisor::delete_child(self, sup, "b")));
  p("delete_again", to_term(co_await Supervisor::delete_child(self, sup, "b")));
  p("restart_deleted", to_term(co_await Supervisor::restart_child(self, sup, "b")));
  p("terminate_unknown", to_term(co_await Supervisor::terminate_child(self, sup, "zzz")));
  co_await stop(self, sup);
}

Async<> s155_sup_terminate_temporary(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("permanent"), worker("transient").restart(transient),
                     worker("temporary").restart(temporary)));
  for (const char* id : {"permanent", "transient", "temporary"}) {
    p("terminate", to_term(co_await Supervisor::terminate_child(self, sup, id)));
  }
  std::vector<Term> left;
  for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
    left.push_back(tuple({info.id, state_term(info)}));
  }
  p("left", sorted(left));
  p("restart_temporary", to_term(co_await Supervisor::restart_child(self, sup, "temporary")));
  co_await stop(self, sup);
}

Async<> s156_sup_start_child_failure(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a"}));
  const auto unlucky = co_await Supervisor::start_child(
      self, sup, child("x", [](Process&) -> Async<ChildStartResult> {
        co_return std::unexpected(ExitReason{"out_of_luck"});
      }));
  p("error", unlucky.error().reason.term());
  const auto crash = co_await Supervisor::start_child(
      self, sup,
      child("x", [](Process&) -> Async<ChildStartResult> { throw ErrorException{atom("boom")}; }));
  const Term why = crash.error().reason.term();
  p("crash", why.is_tagged(atoms::EXIT) ? norm(why[1]) : why);
  p("ids", co_await child_ids(self, sup));
  co_await stop(self, sup);
}

Async<ChildStartResult> start_with_port(Process& self, Atom id) {
  const auto started = co_await Worker::start_link(self, StartOptions{.name = id}, id);
  co_return ChildStarted{started.pid(), tuple({atom("port"), 4000})};
}

Async<> s157_sup_extra_info(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, Children{});
  const auto started =
      co_await Supervisor::start_child(self, sup, child("x", start_with_port, Atom{"x"}));
  p("start", tuple({Term{static_cast<bool>(started->pid)}, started->info}));
  co_await Supervisor::terminate_child(self, sup, "x");
  p("restart", (co_await Supervisor::restart_child(self, sup, "x")).value().info);
  co_await stop(self, sup);
}

struct Introduce {
  ServerRef<Supervisor> supervisor;
};

Async<> s159_sup_parent_exit(Process& self) {
  self.register_name("main");
  const Pid parent = spawn(
      [](Process& me, Pid main) -> Async<> {
        send(main, Introduce{co_await Supervisor::start_link(me, workers({"a", "b"}))});
        me.exit((co_await me.receive<ExitWith>()).reason);
      },
      self.pid());
  const auto [sup] = co_await self.receive<Introduce>();
  const Ref ref = self.monitor(sup.pid());
  send(parent, ExitWith{atom("parent_crashed")});
  p("supervisor", co_await wait(self, ref));
}

Async<> s160_sup_killed_supervisor(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a"), child<Ends>().id("p").named("plain")));
  const Ref refs[] = {self.monitor("a"), self.monitor("plain")};
  exit(sup.pid(), atoms::kill);
  std::vector<Term> reasons;
  for (const Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("children", list(reasons));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

Async<> s161_sup_named(Process& self) {
  self.register_name("main");
  const SupervisorOptions options{.name = "boss"};
  const auto sup = co_await Supervisor::start_link(self, workers({"a"}), options);
  p("whereis", whereis("boss") == sup.pid());
  const auto second = co_await Supervisor::try_start_link(self, workers({"b"}), options);
  const Term error = second.error().term();
  p("second", tuple({error[0], error[1] == Term{sup.pid()}}));
  p("ids", co_await child_ids(self, named<Supervisor>("boss")));
  p("stop", co_await ok(stop(self, "boss")));
  p("whereis", or_nil(whereis("boss")));
}

Async<> s162_sup_stop_reason(Process& self) {
  self.register_name("main");
  self.trap_exits();
  for (const Term& reason : {atom("normal"), atom("shutdown"), atom("because")}) {
    const auto sup = co_await Supervisor::start_link(self, workers({"a"}));
    p("stop", co_await ok(stop(self, sup, reason)));
    p("supervisor", co_await exit_of(self, sup.pid()));
  }
}

struct SlowlyStops : GenServer<SlowlyStops> {
  SlowlyStops(Process& self, int id) : id_{id} { self.trap_exits(); }
  Async<> terminate(Process& self, ExitReason) {
    p("begin", id_);
    co_await self.sleep(60ms);
    p("end", id_);
  }

 private:
  int id_;
};

Async<> s163_sup_sequential_shutdown(Process& self) {
  Children all;
  for (int id = 1; id <= 3; ++id) all.push_back(child<SlowlyStops>(id).id(id));
  const auto sup = co_await Supervisor::start_link(self, all);
  const Duration start = self.monotonic_time();
  p("stop", co_await ok(stop(self, sup)));
  p("sum_of_times", has_passed(self, start, 180ms));
}

constexpr Scenario scenarios[] = {
    {"143-sup-start-and-stop-order", s143_sup_start_and_stop_order},
    {"144-sup-spec-defaults", s144_sup_spec_defaults},
    {"145-sup-failing-child-at-start", s145_sup_failing_child_at_start},
    {"146-sup-child-init-crash-at-start", s146_sup_child_init_crash_at_start},
    {"147-sup-ignored-child", s147_sup_ignored_child},
    {"148-sup-shutdown-timeout", s148_sup_shutdown_timeout},
    {"149-sup-shutdown-infinity", s149_sup_shutdown_infinity},
    {"150-sup-brutal-kill", s150_sup_brutal_kill},
    {"151-sup-untrapping-child-shutdown", s151_sup_untrapping_child_shutdown},
    {"152-sup-nested-stop-order", s152_sup_nested_stop_order},
    {"153-sup-which-and-count", s153_sup_which_and_count},
    {"154-sup-child-administration", s154_sup_child_administration},
    {"155-sup-terminate-temporary", s155_sup_terminate_temporary},
    {"156-sup-start-child-failure", s156_sup_start_child_failure},
    {"157-sup-extra-info", s157_sup_extra_info},
    {"158-sup-bad-specs", nullptr, "a specification without id or start does not compile"},
    {"159-sup-parent-exit", s159_sup_parent_exit},
    {"160-sup-killed-supervisor", s160_sup_killed_supervisor},
    {"161-sup-named", s161_sup_named},
    {"162-sup-stop-reason", s162_sup_stop_reason},
    {"163-sup-sequential-shutdown", s163_sup_sequential_shutdown},
};

}  // namespace

std::span<const Scenario> sup_scenarios() { return scenarios; }

}  // namespace troupe::conformance
