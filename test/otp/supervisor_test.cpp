// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/supervisor.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"
#include "support/worker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::journal;
using test::on_every_executor;
using test::Worker;

class SupervisorTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

ChildSpec worker(const char* id, Pid tell) { return child<Worker>(id, tell).named(id); }

TEST_F(SupervisorTest, children_start_in_order_and_stop_in_reverse) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", self.pid()), worker("b", self.pid()), worker("c", self.pid())));
    EXPECT_EQ(co_await journal(self), "start a; start b; start c");
    co_await stop(self, sup);
    EXPECT_EQ(co_await journal(self), "stop c shutdown; stop b shutdown; stop a shutdown");
  });
}

TEST_F(SupervisorTest, a_specification_has_otps_defaults) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", self.pid()), supervisor("b", {}),
                       worker("c", self.pid()).restart(transient).shutdown(brutal_kill)));
    const auto a = co_await Supervisor::get_childspec(self, sup, "a");
    EXPECT_EQ(a->restart(), permanent);
    EXPECT_EQ(a->type(), ChildType::worker);
    EXPECT_EQ(a->shutdown(), 5s);
    EXPECT_FALSE(a->is_significant());
    const auto b = co_await Supervisor::get_childspec(self, sup, "b");
    EXPECT_EQ(b->type(), ChildType::supervisor);
    EXPECT_EQ(b->shutdown(), infinity);
    const auto c = co_await Supervisor::get_childspec(self, sup, "c");
    EXPECT_EQ(c->restart(), transient);
    EXPECT_TRUE(c->is_brutal());
    const auto none = co_await Supervisor::get_childspec(self, sup, "nope");
    EXPECT_EQ(none.error().code, ChildError::Code::not_found);
    co_await stop(self, sup);
  });
}

struct Fails : GenServer<Fails> {
  explicit Fails(ExitReason why) { throw ExitException{std::move(why)}; }
};
struct Breaks : GenServer<Breaks> {
  Breaks() { throw ErrorException{Atom{"boom"}}; }
};

TEST_F(SupervisorTest, a_child_that_fails_to_start_takes_the_earlier_ones_down_again) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto result = co_await Supervisor::try_start_link(
        self, children(worker("a", self.pid()), worker("b", self.pid()),
                       child<Fails>(ExitReason{"no_disk"}).id("bad"), worker("c", self.pid())));
    const Term expected = tuple(
        {atoms::shutdown, tuple({atom("failed_to_start_child"), atom("bad"), atom("no_disk")})});
    EXPECT_EQ(result.error().term(), expected);
    EXPECT_EQ((co_await self.receive<Exit>()).reason.term(), expected);
    EXPECT_EQ(co_await journal(self), "start a; start b; stop b shutdown; stop a shutdown");
    const auto broken = co_await Supervisor::try_start_link(self, children(child<Breaks>()));
    EXPECT_EQ(broken.error().term()[1][2][0], atom("boom"));
  });
}

Async<ChildStartResult> ignores(Process&) { co_return ChildStarted{}; }

TEST_F(SupervisorTest, an_ignored_child_is_kept_unless_it_is_temporary) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self,
        children(child("i1", ignores), worker("a", self.pid()),
                 child("i2", ignores).restart(temporary), child("i3", ignores).restart(transient)));
    const auto ids = [&]() -> Async<std::string> {
      std::string text;
      for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
        text += std::string{info.id.as_atom()->text()} + (info.pid ? "+ " : "- ");
      }
      co_return text;
    };
    EXPECT_EQ(co_await ids(), "i3- a+ i1- ");
    EXPECT_FALSE((co_await Supervisor::restart_child(self, sup, "i1"))->pid);
    EXPECT_FALSE((co_await Supervisor::start_child(self, sup, child("i4", ignores)))->pid);
    EXPECT_FALSE(
        (co_await Supervisor::start_child(self, sup, child("i5", ignores).restart(temporary)))
            ->pid);
    EXPECT_EQ(co_await ids(), "i4- i3- a+ i1- ");
    co_await stop(self, sup);
  });
}

struct Stubborn : GenServer<Stubborn> {
  Stubborn(Process& self, Duration time) : time_{time} { self.trap_exits(); }
  Async<> terminate(Process& self, ExitReason) { co_await self.sleep(time_); }
  Duration time_;
};

TEST_F(SupervisorTest, a_child_that_does_not_stop_in_time_is_killed) {
  on_every_executor([this](Process& self) -> Async<> {
    log_.clear();
    const auto sup = co_await Supervisor::start_link(
        self, children(child<Stubborn>(Duration{1h}).named("stubborn").shutdown(10ms)));
    self.monitor(Name{"stubborn"});
    co_await stop(self, sup);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::killed});
    EXPECT_EQ(log_.count("stubborn", "ended with killed"), 1);
  });
}

TEST_F(SupervisorTest, with_infinity_it_waits_as_long_as_it_takes) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(child<Stubborn>(Duration{20ms}).named("slow").shutdown(infinity)));
    self.monitor(Name{"slow"});
    co_await stop(self, sup);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::shutdown});
  });
}

TEST_F(SupervisorTest, brutal_kill_gives_no_chance_to_clean_up) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", self.pid()).shutdown(brutal_kill)));
    self.monitor(Name{"a"});
    co_await stop(self, sup);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::killed});
    EXPECT_EQ(co_await journal(self), "start a");
  });
}

TEST_F(SupervisorTest, a_tree_stops_depth_first_in_reverse) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid me = self.pid();
    const Children inner = children(worker("b", me), worker("c", me));
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", me), supervisor("inner", inner), worker("d", me)));
    (void)co_await journal(self);
    co_await stop(self, sup);
    EXPECT_EQ(co_await journal(self),
              "stop d shutdown; stop c shutdown; stop b shutdown; stop a shutdown");
  });
}

TEST_F(SupervisorTest, listing_and_counting_shows_every_specification) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", self.pid()), supervisor("sub", {}), worker("b", self.pid())));
    ChildCounts counts = co_await Supervisor::count_children(self, sup);
    EXPECT_EQ(counts.specs, 3u);
    EXPECT_EQ(counts.active, 3u);
    EXPECT_EQ(counts.supervisors, 1u);
    EXPECT_EQ(counts.workers, 2u);
    (void)co_await Supervisor::terminate_child(self, sup, "a");
    counts = co_await Supervisor::count_children(self, sup);
    EXPECT_EQ(counts.specs, 3u);
    EXPECT_EQ(counts.active, 2u);
    const auto all = co_await Supervisor::which_children(self, sup);
    EXPECT_EQ(all[0].id, atom("b"));
    EXPECT_EQ(all[1].type, ChildType::supervisor);
    EXPECT_FALSE(all[2].pid);
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorTest, administration_answers_as_otp_does) {
  on_every_executor([](Process& self) -> Async<> {
    using enum ChildError::Code;
    const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
    const auto spec = worker("b", self.pid());
    const auto started = co_await Supervisor::start_child(self, sup, spec);
    EXPECT_EQ(started->pid, whereis("b"));
    const auto again = co_await Supervisor::start_child(self, sup, spec);
    EXPECT_EQ(again.error().code, already_started);
    EXPECT_EQ(again.error().pid, started->pid);
    EXPECT_EQ((co_await Supervisor::delete_child(self, sup, "b")).error().code, running);
    EXPECT_EQ((co_await Supervisor::restart_child(self, sup, "b")).error().code, running);
    EXPECT_TRUE((co_await Supervisor::terminate_child(self, sup, "b")).has_value());
    EXPECT_TRUE((co_await Supervisor::terminate_child(self, sup, "b")).has_value());
    EXPECT_EQ((co_await Supervisor::start_child(self, sup, spec)).error().code, already_present);
    EXPECT_TRUE((co_await Supervisor::restart_child(self, sup, "b")).has_value());
    EXPECT_TRUE((co_await Supervisor::terminate_child(self, sup, "b")).has_value());
    EXPECT_TRUE((co_await Supervisor::delete_child(self, sup, "b")).has_value());
    EXPECT_EQ((co_await Supervisor::delete_child(self, sup, "b")).error().code, not_found);
    EXPECT_EQ((co_await Supervisor::restart_child(self, sup, "b")).error().code, not_found);
    EXPECT_EQ((co_await Supervisor::terminate_child(self, sup, "zzz")).error().code, not_found);
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorTest, terminating_a_temporary_child_removes_its_specification) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("p", self.pid()), worker("t", self.pid()).restart(temporary)));
    for (const char* id : {"p", "t"}) {
      EXPECT_TRUE((co_await Supervisor::terminate_child(self, sup, id)).has_value());
    }
    EXPECT_EQ((co_await Supervisor::which_children(self, sup)).size(), 1u);
    co_await stop(self, sup);
  });
}

Async<ChildStartResult> throws_at_start(Process&) {
  throw ErrorException{Atom{"boom"}};
  co_return ChildStarted{};
}

TEST_F(SupervisorTest, a_dynamic_start_that_fails_leaves_no_specification) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
    const auto failed =
        co_await Supervisor::start_child(self, sup, child<Fails>(ExitReason{"out_of_luck"}));
    EXPECT_EQ(failed.error().reason, ExitReason{"out_of_luck"});
    const auto thrown = co_await Supervisor::start_child(self, sup, child("x", throws_at_start));
    EXPECT_EQ(thrown.error().term()[0], Term{atoms::EXIT});
    EXPECT_EQ(thrown.error().term()[1][0], atom("boom"));
    EXPECT_EQ((co_await Supervisor::which_children(self, sup)).size(), 1u);
    EXPECT_TRUE(whereis("a"));
    co_await stop(self, sup);
  });
}

Async<ChildStartResult> starts_with_info(Process& self, Pid tell) {
  const auto server = co_await Worker::start_link(self, "x", tell);
  co_return ChildStarted{server.pid(), tuple({atom("port"), 4000})};
}

TEST_F(SupervisorTest, a_start_function_may_return_extra_information) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, {});
    const auto started =
        co_await Supervisor::start_child(self, sup, child("x", starts_with_info, self.pid()));
    EXPECT_TRUE(started->pid);
    EXPECT_EQ(started->info, tuple({atom("port"), 4000}));
    (void)co_await Supervisor::terminate_child(self, sup, "x");
    EXPECT_EQ((co_await Supervisor::restart_child(self, sup, "x"))->info[1], Term{4000});
    co_await stop(self, sup);
  });
}

Async<> plain_body(Process& self, Pid tell) {
  send(tell, self.pid());
  co_await self.sleep(infinity);
}

Async<> parent(Process& self, Pid tell) {
  const auto sup = co_await Supervisor::start_link(self, children(worker("a", tell)));
  send(tell, sup.pid());
  self.exit(co_await self.receive<ExitReason>());
}

TEST_F(SupervisorTest, a_supervisor_stops_its_children_when_its_parent_ends) {
  on_every_executor([](Process& self) -> Async<> {
    for (const char* reason : {"normal", "shutdown", "crashed"}) {
      const Pid starter = spawn(parent, self.pid());
      const Pid sup = co_await self.receive<Pid>();
      self.monitor(sup);
      send(starter, ExitReason{reason});
      EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{reason});
      EXPECT_EQ(co_await journal(self), "start a; stop a shutdown");
    }
  });
}

TEST_F(SupervisorTest, the_children_of_a_killed_supervisor_follow_it_through_their_links) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
    self.monitor(Name{"a"});
    exit(sup.pid(), atoms::kill);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::killed});
    EXPECT_EQ(co_await journal(self), "start a; stop a killed");
  });
}

TEST_F(SupervisorTest, a_stray_exit_signal_does_not_stop_a_supervisor) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
    const Pid stranger = spawn([](Process&, Pid target) { exit(target, "go_away"); }, sup.pid());
    while (co_await is_alive(self, stranger)) co_await self.yield();
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).active, 1u);
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorTest, a_supervisor_has_a_name_that_others_find_it_by) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto sup =
        co_await Supervisor::start_link(self, children(worker("a", self.pid())), {.name = "boss"});
    EXPECT_EQ(whereis<Supervisor>("boss"), sup);
    const auto second = co_await Supervisor::try_start_link(self, children(worker("b", self.pid())),
                                                            {.name = "boss"});
    EXPECT_EQ(second.error().holder, sup.pid());
    EXPECT_EQ((co_await Supervisor::which_children(self, named<Supervisor>("boss"))).size(), 1u);
    co_await stop(self, "boss");
    EXPECT_FALSE(whereis("boss"));
    EXPECT_EQ(co_await journal(self), "start a; stop a shutdown");
  });
}

TEST_F(SupervisorTest, the_stop_reason_is_the_supervisors_own) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (const char* reason : {"normal", "shutdown", "because"}) {
      const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
      co_await stop(self, sup, reason);
      EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{reason});
      EXPECT_EQ(co_await journal(self), "start a; stop a shutdown");
    }
  });
}

struct MoveOnlyServer : GenServer<MoveOnlyServer> {
  struct Get {
    using Reply = int;
  };
  explicit MoveOnlyServer(std::unique_ptr<int> value) : value_{std::move(value)} {}
  int handle_call(Get) { return *value_; }
  std::unique_ptr<int> value_;
};

TEST_F(SupervisorTest, a_factory_makes_move_only_arguments_for_each_start) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(child_from<MoveOnlyServer>([] {
                         return std::tuple{std::make_unique<int>(5)};
                       }).named("m")));
    const auto server = named<MoveOnlyServer>("m");
    EXPECT_EQ(co_await call(self, server, MoveOnlyServer::Get{}), 5);
    (void)co_await Supervisor::terminate_child(self, sup, "m");
    (void)co_await Supervisor::restart_child(self, sup, "m");
    EXPECT_EQ(co_await call(self, server, MoveOnlyServer::Get{}), 5);
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorTest, a_hundred_thousand_children_start_and_stop) {
  test::on_two_workers([](Process& self) -> Async<> {
    Children all;
    for (int i = 0; i < 100'000; ++i) {
      all.push_back(child("body", plain_body, self.pid()).id(i));
    }
    const auto sup = co_await Supervisor::start_link(self, std::move(all));
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).active, 100'000u);
    co_await stop(self, sup);
  });
}

}  // namespace
}  // namespace troupe
