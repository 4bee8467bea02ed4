// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What supervisors do not do, and what they say about it.
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

class SupervisorRefusalTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

ChildSpec worker(const char* id, Pid tell) { return child<Worker>(id, tell).named(id); }

TEST_F(SupervisorRefusalTest, faulty_specifications_are_refused_before_anything_starts) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto twice = co_await Supervisor::try_start_link(
        self, children(worker("a", self.pid()), worker("a", self.pid())));
    EXPECT_EQ(twice.error().term(),
              tuple({atom("start_spec"), tuple({atom("duplicate_child_name"), atom("a")})}));
    const auto negative = co_await Supervisor::try_start_link(
        self, children(worker("a", self.pid()), worker("b", self.pid()).shutdown(-1ms)));
    EXPECT_EQ(negative.error().term(),
              tuple({atom("start_spec"), tuple({atom("invalid_shutdown"), -1})}));
    EXPECT_TRUE((co_await journal(self)).empty());
  });
  EXPECT_GT(log_.count("duplicate_child_name", "give one another with .id()"), 0);
  EXPECT_GT(log_.count("invalid_shutdown", "is not negative"), 0);
}

TEST_F(SupervisorRefusalTest, significant_children_need_auto_shutdown_and_must_not_be_permanent) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto spec = worker("s", self.pid()).significant();
    const auto never =
        co_await Supervisor::try_start_link(self, children(ChildSpec{spec}.restart(transient)));
    EXPECT_EQ(to_erlang(never.error().term()),
              "{start_spec,{bad_combination,[{auto_shutdown,never},{significant,true}]}}");
    const auto forever = co_await Supervisor::try_start_link(
        self, children(spec), {.auto_shutdown = AutoShutdown::any_significant});
    EXPECT_EQ(to_erlang(forever.error().term()),
              "{start_spec,{bad_combination,[{restart,permanent},{significant,true}]}}");
    const auto sup = co_await Supervisor::start_link(self, {});
    const auto late =
        co_await Supervisor::start_child(self, sup, ChildSpec{spec}.restart(temporary));
    EXPECT_EQ(late.error().code, ChildError::Code::bad_spec);
    EXPECT_NE(late.error().to_string().find("auto_shutdown that is not never"), std::string::npos);
    co_await stop(self, sup);
  });
  EXPECT_GT(log_.count("significant child is transient or temporary"), 0);
}

TEST_F(SupervisorRefusalTest, an_error_says_what_can_be_done_about_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, children(worker("a", self.pid())));
    const auto running = co_await Supervisor::start_child(self, sup, worker("a", self.pid()));
    EXPECT_TRUE(running.error().to_string().ends_with("terminate and delete that one first"));
    const auto deleted = co_await Supervisor::delete_child(self, sup, "a");
    EXPECT_EQ(deleted.error().to_string(), "the child runs: terminate_child stops it");
    (void)co_await Supervisor::terminate_child(self, sup, "a");
    const auto present = co_await Supervisor::start_child(self, sup, worker("a", self.pid()));
    EXPECT_NE(present.error().to_string().find("restart_child"), std::string::npos);
    co_await stop(self, sup);
  });
}

}  // namespace
}  // namespace troupe
