// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Supervisors: restart (164 to 178).
#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

Async<> s164_restart_permanent(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a"}), {.max_restarts = 10});
  co_await ups(self, 1);
  for (const Term& reason :
       {atom("normal"), atom("shutdown"), tuple({atoms::shutdown, atom("x")}), atom("boom")}) {
    const Pid old = whereis("a");
    end_worker("a", reason);
    co_await ups(self, 1);
    p("new_process", whereis("a") != old);
  }
  co_await stop(self, sup);
}

Async<> s165_restart_transient(Process& self) {
  self.register_name("main");
  for (const Term& reason : {atom("normal"), atom("shutdown"), tuple({atoms::shutdown, atom("x")}),
                             atom("boom"), atom("killed")}) {
    const auto sup =
        co_await Supervisor::start_link(self, children(worker("a").restart(transient)));
    co_await ups(self, 1);
    const Ref ref = self.monitor("a");
    end_worker("a", reason);
    co_await wait(self, ref);
    if (reason.is_atom("boom") || reason.is_atom("killed")) {
      co_await ups(self, 1);
    } else {
      co_await until(self, [&]() -> Async<bool> {
        const auto all = co_await Supervisor::which_children(self, sup);
        co_return all.size() == 1 && all[0].id == atom("a") && !all[0].pid && !all[0].restarting;
      });
      p("kept_but_not_running", reason);
      (co_await Supervisor::restart_child(self, sup, "a")).value();
      co_await ups(self, 1);
    }
    co_await stop(self, sup);
  }
}

Async<> s166_restart_temporary(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, Children{});
  for (const Term& reason : {atom("normal"), atom("shutdown"), atom("boom")}) {
    (co_await Supervisor::start_child(self, sup, worker("t").restart(temporary))).value();
    end_worker("t", reason);
    co_await until(self, [&]() -> Async<bool> {
      co_return (co_await Supervisor::which_children(self, sup)).empty();
    });
    p("forgotten_after", reason);
  }
  p("restart", to_term(co_await Supervisor::restart_child(self, sup, "t")));
  co_await stop(self, sup);
}

std::vector<Pid> holders(std::initializer_list<const char*> names) {
  std::vector<Pid> pids;
  for (const char* name : names) pids.push_back(whereis(name));
  return pids;
}

// [{Id, IsTheSameProcessAsBefore}]
Term same_process(std::initializer_list<const char*> names, const std::vector<Pid>& before) {
  std::vector<Term> same;
  for (const char* name : names) {
    same.push_back(tuple({atom(name), whereis(name) == before[same.size()]}));
  }
  return list(same);
}

Async<> s167_restart_one_for_one(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a", "b", "c"}));
  co_await ups(self, 3);
  const auto before = holders({"a", "b", "c"});
  end_worker("b", atom("boom"));
  co_await ups(self, 1);
  co_await Supervisor::count_children(self, sup);
  p("same_process", same_process({"a", "b", "c"}, before));
  co_await stop(self, sup);
}

Async<> s168_restart_one_for_all(Process& self) {
  self.register_name("main");
  const auto sup =
      co_await Supervisor::start_link(self, workers({"a", "b", "c"}), {.strategy = one_for_all});
  co_await ups(self, 3);
  const auto before = holders({"a", "b", "c"});
  p("crash", atom("b"));
  end_worker("b", atom("boom"));
  co_await ups(self, 3);
  co_await Supervisor::count_children(self, sup);
  const auto now = holders({"a", "b", "c"});
  p("all_new", now[0] != before[0] && now[1] != before[1] && now[2] != before[2]);
  co_await stop(self, sup);
}

Async<> s169_restart_rest_for_one(Process& self) {
  self.register_name("main");
  const auto sup = co_await Supervisor::start_link(self, workers({"a", "b", "c", "d"}),
                                                   {.strategy = rest_for_one});
  co_await ups(self, 4);
  const auto before = holders({"a", "b", "c", "d"});
  p("crash", atom("b"));
  end_worker("b", atom("boom"));
  co_await ups(self, 3);
  co_await Supervisor::count_children(self, sup);
  p("same_process", same_process({"a", "b", "c", "d"}, before));
  p("stopping");
  co_await stop(self, sup);
}

Async<> s170_restart_rest_for_one_ends(Process& self) {
  self.register_name("main");
  const auto sup =
      co_await Supervisor::start_link(self, workers({"a", "b", "c"}), {.strategy = rest_for_one});
  co_await ups(self, 3);
  p("crash", atom("c"));
  end_worker("c", atom("boom"));
  co_await ups(self, 1);
  co_await Supervisor::count_children(self, sup);
  p("crash", atom("a"));
  end_worker("a", atom("boom"));
  co_await ups(self, 3);
  co_await Supervisor::count_children(self, sup);
  p("stopping");
  co_await stop(self, sup);
}

Async<> s171_restart_orderly_end_spares_siblings(Process& self) {
  self.register_name("main");
  const auto sup =
      co_await Supervisor::start_link(self,
                                      children(worker("a"), worker("b").restart(transient),
                                               worker("t").restart(temporary), worker("c")),
                                      {.strategy = one_for_all});
  co_await ups(self, 4);
  end_worker("b", atom("normal"));
  co_await until_active(self, sup, 3);
  end_worker("t", atom("crashed_but_temporary"));
  co_await until_active(self, sup, 2);
  std::vector<Term> all;
  for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
    all.push_back(tuple({info.id, Term{static_cast<bool>(info.pid)}}));
  }
  p("children", list(all));
  co_await stop(self, sup);
}

Async<> s172_restart_intensity(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(self, workers({"a", "b"}),
                                                   {.max_restarts = 3, .max_seconds = 60s});
  co_await ups(self, 2);
  for (int n = 1; n <= 4; ++n) {
    p("crash", n);
    end_worker("b", atom("boom"));
    if (n < 4) co_await ups(self, 1);
  }
  p("supervisor", co_await exit_of(self, sup.pid()));
  p("names", tuple({or_nil(whereis("a")), or_nil(whereis("b"))}));
}

// Ends worker a again and again; {restarts, N, Reason} when its supervisor has given up.
Async<Term> count_restarts(Process& self, ServerRef<Supervisor> sup) {
  co_await ups(self, 1);
  for (int restarts = 0;; ++restarts) {
    end_worker("a", atom("normal"));
    const Term reason = co_await self.receive(
        [](Up) { return Term{}; }, when([sup](const Exit& m) { return m.from == sup.pid(); },
                                        [](Exit m) { return m.reason.term(); }));
    if (!reason.is_atom(atoms::nil)) co_return tuple({atom("restarts"), restarts, reason});
  }
}

Async<> s173_restart_intensity_default(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(self, workers({"a"}));
  p("default", co_await count_restarts(self, sup));
  const auto low =
      co_await Supervisor::start_link(self, workers({"a"}), SupervisorOptions::of_erlang());
  p("low_level_default", co_await count_restarts(self, low));
}

Async<> s174_restart_intensity_zero(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a").restart(transient), worker("t").restart(temporary), worker("b")),
      {.max_restarts = 0});
  co_await ups(self, 3);
  end_worker("a", atom("normal"));
  co_await until_active(self, sup, 2);
  end_worker("t", atom("boom"));
  co_await until_active(self, sup, 1);
  p("supervisor_alive", co_await is_alive(self, sup.pid()));
  end_worker("b", atom("normal"));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

Async<> s175_restart_intensity_counts_all_children(Process& self) {
  self.register_name("main");
  self.trap_exits();
  for (const Strategy strategy : {one_for_one, one_for_all}) {
    const auto sup = co_await Supervisor::start_link(
        self, workers({"a", "b", "c"}),
        {.strategy = strategy, .max_restarts = 2, .max_seconds = 60s});
    co_await ups(self, 3);
    for (const char* id : {"a", "b"}) {
      p("crash", atom(id));
      end_worker(id, atom("boom"));
      co_await ups(self, strategy == one_for_all ? 3 : 1);
    }
    co_await Supervisor::count_children(self, sup);
    p("crash", atom("c"));
    end_worker("c", atom("boom"));
    p("supervisor", co_await exit_of(self, sup.pid()));
  }
}

Async<> s176_restart_intensity_window(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup =
      co_await Supervisor::start_link(self, workers({"a"}), {.max_restarts = 1, .max_seconds = 1s});
  co_await ups(self, 1);
  for (int n = 1; n <= 3; ++n) {
    end_worker("a", n);
    co_await ups(self, 1);
    co_await self.sleep(2100ms);
  }
  p("alive", co_await is_alive(self, sup.pid()));
  end_worker("a", atom("first_of_two"));
  co_await ups(self, 1);
  end_worker("a", atom("second_of_two"));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

Async<> s177_restart_escalation(Process& self) {
  self.register_name("main");
  const auto top = co_await Supervisor::start_link(
      self, children(worker("a"), supervisor("inner", workers({"x", "y"}),
                                             {.max_restarts = 1, .max_seconds = 60s})));
  co_await ups(self, 3);
  const Pid a = whereis("a");
  for (int n = 1; n <= 3; ++n) {
    p("crash", n);
    end_worker("x", atom("boom"));
    co_await ups(self, n == 2 ? 2 : 1);
  }
  p("a_untouched", whereis("a") == a);
  p("stopping");
  co_await stop(self, top);
}

Async<> s178_restart_escalation_to_the_top(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const SupervisorOptions none{.max_restarts = 0};
  const auto top = co_await Supervisor::start_link(
      self,
      children(
          worker("a"),
          supervisor("middle",
                     children(worker("m"), supervisor("inner", workers({"x", "y"}), none)), none),
          worker("z")),
      none);
  co_await ups(self, 5);
  end_worker("x", atom("boom"));
  p("top", co_await exit_of(self, top.pid()));
}

constexpr Scenario scenarios[] = {
    {"164-restart-permanent", s164_restart_permanent},
    {"165-restart-transient", s165_restart_transient},
    {"166-restart-temporary", s166_restart_temporary},
    {"167-restart-one-for-one", s167_restart_one_for_one},
    {"168-restart-one-for-all", s168_restart_one_for_all},
    {"169-restart-rest-for-one", s169_restart_rest_for_one},
    {"170-restart-rest-for-one-ends", s170_restart_rest_for_one_ends},
    {"171-restart-orderly-end-spares-siblings", s171_restart_orderly_end_spares_siblings},
    {"172-restart-intensity", s172_restart_intensity},
    {"173-restart-intensity-default", s173_restart_intensity_default},
    {"174-restart-intensity-zero", s174_restart_intensity_zero},
    {"175-restart-intensity-counts-all-children", s175_restart_intensity_counts_all_children},
    {"176-restart-intensity-window", s176_restart_intensity_window},
    {"177-restart-escalation", s177_restart_escalation},
    {"178-restart-escalation-to-the-top", s178_restart_escalation_to_the_top},
};

}  // namespace

std::span<const Scenario> restart_scenarios() { return scenarios; }

}  // namespace troupe::conformance
