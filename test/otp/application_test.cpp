// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <csignal>
#include <unistd.h>

#include <troupe/application.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"
#include "support/worker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::journal;
using test::Line;
using test::on_every_executor;
using test::Worker;
using Apps = ApplicationController;
using Code = ApplicationError::Code;

class ApplicationTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<ChildStartResult> start_noted(Process& self, std::string name, Pid tell) {
  send(tell, Line{"start " + name});
  const auto sup = co_await Supervisor::start_link(self, {}, {.name = "sup_" + name});
  co_return ChildStarted{sup.pid(), Term{tell}};
}

Application noted(std::string name, Pid tell, std::vector<Name> needs = {}) {
  Application application{.name = name, .needs = std::move(needs)};
  application.tree = child("tree", start_noted, name, tell);
  application.stop = [](Process&, Term state) -> Async<> {
    send(*state.as_pid(), Line{"stop"});
    co_return;
  };
  return application;
}

TEST_F(ApplicationTest, applications_start_after_what_they_need) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    (void)co_await Apps::load(self, noted("base", self.pid()));
    (void)co_await Apps::load(self, noted("store", self.pid(), {"base"}));
    (void)co_await Apps::load(self, noted("web", self.pid(), {"store", "base"}));
    EXPECT_EQ((co_await Apps::load(self, noted("web", self.pid()))).error().code,
              Code::already_loaded);
    EXPECT_EQ(to_erlang((co_await Apps::start(self, "web")).error().term()), "{not_started,store}");
    const auto first = co_await Apps::ensure_all_started(self, "web");
    EXPECT_EQ(*first, (std::vector{Atom{"base"}, Atom{"store"}, Atom{"web"}}));
    EXPECT_EQ(co_await journal(self), "start base; start store; start web");
    EXPECT_TRUE((co_await Apps::ensure_all_started(self, "web"))->empty());
    EXPECT_EQ(to_erlang((co_await Apps::start(self, "web")).error().term()),
              "{already_started,web}");
    EXPECT_EQ((co_await Apps::start(self, "none")).error().code, Code::not_loaded);
    co_await stop(self, "application_controller");
    EXPECT_EQ(co_await journal(self), "stop; stop; stop");
  });
}

TEST_F(ApplicationTest, a_circle_of_needs_is_an_error) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    (void)co_await Apps::load(self, noted("hen", self.pid(), {"egg"}));
    (void)co_await Apps::load(self, noted("egg", self.pid(), {"hen"}));
    EXPECT_EQ((co_await Apps::ensure_all_started(self, "hen")).error().code, Code::not_started);
    co_await stop(self, "application_controller");
  });
}

Async<ChildStartResult> start_demo(Process& self, Pid tell) {
  const auto sup = co_await Supervisor::start_link(
      self, children(child<Worker>("a", tell), child<Worker>("b", tell).id("b")));
  co_return ChildStarted{sup.pid(), tuple({atom("state"), Term{tell}})};
}

TEST_F(ApplicationTest, a_stop_runs_prep_stop_then_the_tree_then_stop) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    Application demo{.name = "demo", .tree = child("tree", start_demo, self.pid())};
    demo.prep_stop = [](Process&, Term state) -> Async<Term> {
      send(*state[1].as_pid(), Line{"prep_stop " + to_erlang(state[0])});
      co_return tuple({atom("prepared"), state[1]});
    };
    demo.stop = [](Process&, Term state) -> Async<> {
      send(*state[1].as_pid(), Line{"stop " + to_erlang(state[0])});
      co_return;
    };
    (void)co_await Apps::load(self, std::move(demo));
    EXPECT_TRUE((co_await Apps::start(self, "demo")).has_value());
    EXPECT_EQ((co_await Apps::started(self)).size(), 1u);
    EXPECT_TRUE((co_await Apps::stop(self, "demo")).has_value());
    EXPECT_EQ(co_await journal(self),
              "start a; start b; prep_stop state; stop b shutdown; stop a shutdown; stop prepared");
    EXPECT_EQ(to_erlang((co_await Apps::stop(self, "demo")).error().term()), "{not_started,demo}");
    EXPECT_TRUE((co_await Apps::started(self)).empty());
    EXPECT_TRUE((co_await Apps::start(self, "demo")).has_value());
    co_await stop(self, "application_controller");
  });
}

Async<ChildStartResult> start_if_fixed(Process& self) {
  if (!co_await Apps::get_env(self, "flaky", Atom{"fixed"})) {
    co_return std::unexpected(ExitReason{"no_database"});
  }
  co_return ChildStarted{(co_await Supervisor::start_link(self, {})).pid()};
}

TEST_F(ApplicationTest, an_application_that_fails_to_start_can_be_started_later) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    (void)co_await Apps::load(self, {.name = "flaky", .tree = child("tree", start_if_fixed)});
    (void)co_await Apps::load(self, noted("top", self.pid(), {"flaky"}));
    EXPECT_EQ((co_await Apps::start(self, "flaky")).error().reason, ExitReason{"no_database"});
    const auto failed = co_await Apps::ensure_all_started(self, "top");
    EXPECT_EQ(failed.error().application, Atom{"flaky"});
    co_await Apps::put_env(self, "flaky", Atom{"fixed"}, true);
    EXPECT_EQ((co_await Apps::ensure_all_started(self, "top"))->size(), 2u);
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, settings_have_defaults_and_can_be_changed_and_deleted) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    const Atom port{"port"};
    (void)co_await Apps::load(self, {.name = "cfg", .environment = map({{port, 4000}})});
    EXPECT_EQ(co_await Apps::get_env(self, "cfg", port), Term{4000});
    EXPECT_FALSE(co_await Apps::get_env(self, "cfg", Atom{"missing"}));
    co_await Apps::put_env(self, "cfg", port, 5000);
    EXPECT_EQ(co_await Apps::get_env(self, "cfg", port), Term{5000});
    co_await Apps::delete_env(self, "cfg", port);
    EXPECT_FALSE(co_await Apps::get_env(self, "cfg", port));
    EXPECT_FALSE(co_await Apps::get_env(self, "no_such_app", port));
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, the_end_of_a_temporary_application_leaves_the_rest_running) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    for (const char* name : {"one", "two"}) {
      (void)co_await Apps::load(self, noted(name, self.pid()));
      (void)co_await Apps::start(self, name);
    }
    exit(whereis("sup_one"), atoms::kill);
    EXPECT_EQ(co_await journal(self, 3), "start one; start two; stop");
    while ((co_await Apps::started(self)).size() != 1) co_await self.yield();
    EXPECT_EQ((co_await Apps::started(self))[0], Atom{"two"});
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, the_end_of_a_permanent_application_is_told_or_stops_everything) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self, self.pid());
    (void)co_await Apps::load(self, noted("one", self.pid()));
    (void)co_await Apps::start(self, "one", ApplicationType::permanent);
    exit(whereis("sup_one"), atoms::kill);
    EXPECT_EQ((co_await self.receive<ApplicationsMustStop>()).application, Atom{"one"});
    co_await stop(self, "application_controller");
    self.trap_exits();
    co_await Apps::start_link(self);
    (void)co_await Apps::load(self, noted("one", self.pid()));
    (void)co_await Apps::load(self, noted("two", self.pid()));
    (void)co_await Apps::start(self, "two");
    (void)co_await Apps::start(self, "one", ApplicationType::permanent);
    (void)co_await journal(self);
    exit(whereis("sup_one"), atoms::kill);
    EXPECT_EQ(to_erlang((co_await self.receive<Exit>()).reason.term()),
              "{application_terminated,one,killed}");
    EXPECT_EQ(co_await journal(self), "stop; stop");
  });
}

TEST_F(ApplicationTest, a_late_phase_is_killed_and_reported) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    co_await Apps::start_link(self);
    Application slow = noted("slow", self.pid());
    slow.phase_deadline = 10ms;
    slow.prep_stop = [](Process& p, Term state) -> Async<Term> {
      co_await p.sleep(1h);
      co_return state;
    };
    (void)co_await Apps::load(self, std::move(slow));
    (void)co_await Apps::start(self, "slow");
    EXPECT_TRUE((co_await Apps::stop(self, "slow")).has_value());
    EXPECT_EQ(log_.count("application slow was late: prep_stop"), 1);
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, a_transient_application_may_end_normally_and_not_otherwise) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self, self.pid());
    for (const char* name : {"one", "two"}) {
      (void)co_await Apps::load(self, noted(name, self.pid()));
      (void)co_await Apps::start(self, name, ApplicationType::transient);
    }
    co_await stop(self, Name{"sup_one"});
    while ((co_await Apps::started(self)).size() != 1) co_await self.yield();
    EXPECT_FALSE((co_await self.receive<ApplicationsMustStop>(0ms)).has_value());
    exit(whereis("sup_two"), atoms::kill);
    EXPECT_EQ((co_await self.receive<ApplicationsMustStop>()).application, Atom{"two"});
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, the_deadline_of_a_stop_counts_for_all_applications_together) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    co_await Apps::start_link(self);
    for (const char* name : {"one", "two"}) {
      Application slow = noted(name, self.pid());
      slow.phase_deadline = 1h;
      slow.prep_stop = [](Process& p, Term state) -> Async<Term> {
        co_await p.sleep(1h);
        co_return state;
      };
      (void)co_await Apps::load(self, std::move(slow));
      (void)co_await Apps::start(self, name);
    }
    co_await Apps::stop_all(self, 10ms);
    EXPECT_TRUE((co_await Apps::started(self)).empty());
    EXPECT_EQ(log_.count("application one was late: prep_stop"), 1);
    EXPECT_EQ(log_.count("application two was late: prep_stop"), 1);
    co_await stop(self, "application_controller");
  });
}

// Sends its signal once somebody listens to it: before that it would end the test.
struct Raises : GenServer<Raises> {
  explicit Raises(int signal) : signal_{signal} {}
  Init init() { return Init::timeout(1ms); }
  Next handle_timeout() {
    struct sigaction now = {};
    ::sigaction(signal_, nullptr, &now);
    if (now.sa_handler == SIG_DFL) return Next::timeout(1ms);
    ::kill(::getpid(), signal_);
    return Next::noreply();
  }

 private:
  int signal_;
};
struct Crashes : GenServer<Crashes> {
  struct Now {};
  explicit Crashes(Process& self) { cast(ServerRef<Crashes>{self.pid()}, Now{}); }
  void handle_cast(Process& self, Now) { self.exit("broken"); }
};

TEST_F(ApplicationTest, a_program_ends_with_zero_when_it_is_asked_to) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Application polite{.name = "polite", .tree = supervisor("top", {child<Raises>(signal)})};
    EXPECT_EQ(run_application(polite), 0);
  }
  EXPECT_EQ(log_.count("application polite has stopped"), 2);
}

TEST_F(ApplicationTest, a_program_ends_with_one_when_an_application_does) {
  EXPECT_EQ(run_application({.name = "broken", .tree = supervisor("top", {child<Crashes>()})}), 1);
  EXPECT_EQ(run_application({.name = "lost", .needs = {"nothing"}}), 1);
}

TEST_F(ApplicationTest, the_controller_shows_what_is_known_and_runs) {
  on_every_executor([](Process& self) -> Async<> {
    co_await Apps::start_link(self);
    (void)co_await Apps::load(self, {.name = "idle"});
    (void)co_await Apps::load(self, noted("base", self.pid()));
    (void)co_await Apps::start(self, "base", ApplicationType::transient);
    const Term state = co_await sys::get_state(self, whereis("application_controller"));
    EXPECT_EQ(to_erlang(state),
              "#{applications => [{idle,loaded,temporary},{base,running,transient}],"
              "started => [base]}");
    co_await stop(self, "application_controller");
  });
}

TEST_F(ApplicationTest, a_hundred_thousand_applications_start_and_stop_in_order) {
  test::on_two_workers([](Process& self) -> Async<> {
    constexpr int count = 100'000;
    co_await Apps::start_link(self);
    Application all{.name = "all"};
    for (int i = 0; i < count; ++i) {
      const std::string name = "part_" + std::to_string(i);
      all.needs.emplace_back(name);
      Application part{.name = name, .environment = map({{atom("number"), i}})};
      (void)co_await Apps::load(self, std::move(part));
    }
    (void)co_await Apps::load(self, std::move(all));
    const auto started = co_await Apps::ensure_all_started(self, "all");
    EXPECT_EQ(started->size(), std::size_t{count} + 1);
    EXPECT_EQ(co_await Apps::get_env(self, "part_77777", Atom{"number"}), Term{77'777});
    co_await Apps::stop_all(self);
    EXPECT_TRUE((co_await Apps::started(self)).empty());
    co_await stop(self, "application_controller");
  });
}

// Applications that need each other end at any time, also while others start and stop.
TEST_F(ApplicationTest, everything_has_stopped_at_the_end_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        co_await Apps::start_link(self);
        (void)co_await Apps::load(self, noted("base", self.pid()));
        (void)co_await Apps::load(self, noted("store", self.pid(), {"base"}));
        (void)co_await Apps::load(self, noted("web", self.pid(), {"store"}));
        const char* names[] = {"base", "store", "web"};
        for (int i = 0; i < 10; ++i) {
          const std::string name = names[self.random() % 3];
          switch (self.random() % 3) {
            case 0:
              (void)co_await Apps::ensure_all_started(self, name);
              break;
            case 1:
              (void)co_await Apps::stop(self, name);
              break;
            default:
              if (const Pid sup = whereis("sup_" + name)) exit(sup, atoms::kill);
          }
        }
        co_await Apps::stop_all(self);
        EXPECT_TRUE((co_await Apps::started(self)).empty());
        for (const char* name : names) EXPECT_FALSE(whereis("sup_" + std::string{name}));
        // As many ends as starts.
        int balance = 0;
        while (const auto line = co_await self.receive<Line>(0ms)) {
          balance += line->text == "stop" ? -1 : 1;
        }
        EXPECT_EQ(balance, 0);
        co_await stop(self, "application_controller");
      },
      100);
}

}  // namespace
}  // namespace troupe
