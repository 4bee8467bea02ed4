// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Dynamic supervisors (186 to 192).
#include <troupe/dynamic_supervisor.hpp>

#include "conformance/scenario.hpp"
#include "conformance/worker.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

using Dynamic = ServerRef<DynamicSupervisor>;

auto counts(Process& self, Dynamic sup) { return DynamicSupervisor::count_children(self, sup); }

Async<> s187_dynsup_start_and_terminate(Process& self) {
  self.register_name("main");
  const auto sup = co_await DynamicSupervisor::start_link(self);
  const auto at_start = co_await DynamicSupervisor::which_children(self, sup);
  p("at_start", list(std::vector<Term>(at_start.size())));
  std::vector<Pid> pids;
  for (const char* id : {"a", "b"}) {
    pids.push_back((co_await DynamicSupervisor::start_child(self, sup, worker(id))).value().pid);
  }
  std::vector<Term> all;
  for (const ChildInfo& info : co_await DynamicSupervisor::which_children(self, sup)) {
    const bool known = info.pid == pids[0] || info.pid == pids[1];
    all.push_back(tuple({info.id, known, to_term(info.type)}));
  }
  p("ids", list(all));
  p("terminate", to_term(co_await DynamicSupervisor::terminate_child(self, sup, pids[0])));
  p("again", to_term(co_await DynamicSupervisor::terminate_child(self, sup, pids[0])));
  p("counts", to_term(co_await counts(self, sup)));
  co_await stop(self, sup);
}

Async<> s188_dynsup_max_children(Process& self) {
  self.register_name("main");
  const auto sup = co_await DynamicSupervisor::start_link(self, {.max_children = 2});
  const auto start = [&](const char* id) -> Async<Term> {
    const auto started =
        co_await DynamicSupervisor::start_child(self, sup, worker(id).restart(temporary));
    co_return started ? Term{atoms::ok} : to_term(started.error());
  };
  std::vector<Term> results;
  for (const char* id : {"a", "b", "c"}) results.push_back(co_await start(id));
  p("results", list(results));
  co_await DynamicSupervisor::terminate_child(self, sup, whereis("a"));
  p("after_terminate", co_await start("d"));
  p("full_again", co_await start("e"));
  end_worker("b", atom("normal"));
  co_await until(self, [&]() -> Async<bool> { co_return (co_await counts(self, sup)).specs == 1; });
  p("after_normal_end", co_await start("f"));
  co_await DynamicSupervisor::terminate_child(self, sup, whereis("d"));
  co_await DynamicSupervisor::terminate_child(self, sup, whereis("f"));
}

Async<> s189_dynsup_restart_types(Process& self) {
  self.register_name("main");
  const auto sup = co_await DynamicSupervisor::start_link(self, {.max_restarts = 100});
  struct Type {
    const char* name;
    Restart restart;
  };
  for (const auto& [name, restart] :
       {Type{"permanent", permanent}, Type{"transient", transient}, Type{"temporary", temporary}}) {
    for (const Term& reason : {atom("normal"), tuple({atoms::shutdown, atom("x")}), atom("boom")}) {
      const Pid pid =
          (co_await DynamicSupervisor::start_child(self, sup, worker("w").restart(restart)))
              .value()
              .pid;
      co_await ups(self, 1);
      end_worker("w", reason);
      co_await until(self, [&]() -> Async<bool> {
        if (whereis("w") == pid) co_return false;
        co_return (co_await counts(self, sup)).specs == 0 || whereis("w");
      });
      const auto left = co_await DynamicSupervisor::which_children(self, sup);
      p("restarted", tuple({atom(name), reason, left.size()}));
      for (const ChildInfo& info : left) {
        co_await DynamicSupervisor::terminate_child(self, sup, info.pid);
      }
      co_await msgs(self);
    }
  }
}

Async<> s190_dynsup_start_failures(Process& self) {
  const auto sup = co_await DynamicSupervisor::start_link(self);
  struct Case {
    const char* name;
    Async<ChildStartResult> (*start)(Process&);
  };
  const Case cases[] = {
      {"ignore", [](Process&) -> Async<ChildStartResult> { co_return ChildStarted{Pid{}}; }},
      {"error",
       [](Process&) -> Async<ChildStartResult> { co_return std::unexpected(ExitReason{"no"}); }},
      {"crash", [](Process&) -> Async<ChildStartResult> { throw ErrorException{atom("boom")}; }},
      {"exit", [](Process& me) -> Async<ChildStartResult> { me.exit("out"); }},
      // The only way to give back a value that is no answer.
      {"other", [](Process&) -> Async<ChildStartResult> { throw ThrownException{atom("odd")}; }},
  };
  for (const auto& [name, start] : cases) {
    const auto started = co_await DynamicSupervisor::start_child(self, sup, child("f", start));
    if (!started) {
      p(name, tuple({atoms::error, norm(started.error().reason)}));
    } else {
      p(name, started->pid ? atom("started") : Term{atoms::ignore});
    }
  }
  const auto left = co_await DynamicSupervisor::which_children(self, sup);
  p("children", list(std::vector<Term>(left.size())));
}

struct Started {
  Term with;
  Pid pid;
};

struct Extended : GenServer<Extended> {
  Extended(Process& self, Atom x, Atom y, int own) {
    send("main", Started{tuple({x, y, own}), self.pid()});
  }
};

Async<> s191_dynsup_extra_arguments(Process& self) {
  self.register_name("main");
  const auto sup =
      co_await DynamicSupervisor::start_link(self, {.extra_arguments = {Atom{"x"}, Atom{"y"}}});
  const auto started =
      co_await DynamicSupervisor::start_child(self, sup, child_with_extra<Extended, Atom, Atom>(1));
  const Started first = co_await self.receive<Started>();
  p("started_with", first.pid == started.value().pid ? first.with : atom("somebody_else"));
  exit(first.pid, atoms::kill);
  const Started again = co_await self.receive<Started>();
  p("restarted_with", tuple({again.with, again.pid != first.pid}));
}

Async<> s192_dynsup_intensity(Process& self) {
  self.register_name("main");
  self.trap_exits();
  const auto sup = co_await DynamicSupervisor::start_link(self);
  for (const char* id : {"a", "b"}) {
    (co_await DynamicSupervisor::start_child(self, sup, worker(id))).value();
  }
  co_await ups(self, 2);
  for (const char* id : {"a", "b", "a"}) {
    end_worker(id, atom("boom"));
    co_await ups(self, 1);
  }
  end_worker("b", atom("the_fourth"));
  p("supervisor", co_await exit_of(self, sup.pid()));
}

constexpr Scenario scenarios[] = {
    {"186-restart-simple-one-for-one", nullptr, "a DynamicSupervisor is in its place"},
    {"187-dynsup-start-and-terminate", s187_dynsup_start_and_terminate},
    {"188-dynsup-max-children", s188_dynsup_max_children},
    {"189-dynsup-restart-types", s189_dynsup_restart_types},
    {"190-dynsup-start-failures", s190_dynsup_start_failures},
    {"191-dynsup-extra-arguments", s191_dynsup_extra_arguments},
    {"192-dynsup-intensity", s192_dynsup_intensity},
};

}  // namespace

std::span<const Scenario> dynsup_scenarios() { return scenarios; }

}  // namespace troupe::conformance
