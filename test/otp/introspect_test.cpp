// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What every behaviour of the library answers when it is asked for its state: for the observer, and
// for crash reports.
#include <troupe/agent.hpp>
#include <troupe/application.hpp>
#include <troupe/cache.hpp>
#include <troupe/circuit_breaker.hpp>
#include <troupe/cron.hpp>
#include <troupe/gen_event.hpp>
#include <troupe/gen_statem.hpp>
#include <troupe/partition_supervisor.hpp>
#include <troupe/process_groups.hpp>
#include <troupe/pubsub.hpp>
#include <troupe/rate_limiter.hpp>
#include <troupe/registry.hpp>
#include <troupe/stage.hpp>
#include <troupe/sys.hpp>
#include <troupe/task_supervisor.hpp>
#include <troupe/worker_pool.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using test::on_every_executor;

class IntrospectTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Numbers {
  using Event = int;
  std::vector<int> handle_demand(std::size_t) { return {}; }
};
struct Swallow {
  using Event = int;
  void handle_events(std::vector<int>) {}
};
enum class Light { red, green };
struct Lamp : GenStatem<Lamp, Light> {};
struct Clerk : GenServer<Clerk> {};

// Its own server behind each; all linked to the caller.
Async<std::vector<Pid>> one_of_each(Process& self) {
  std::vector<Pid> all;
  all.push_back((co_await Agent<int>::start_link(self, 1)).pid());
  all.push_back((co_await Agent<std::vector<int>>::start_link(self, std::vector<int>(3))).pid());
  all.push_back((co_await Lamp::start_link(self)).pid());
  all.push_back((co_await GenEvent::start_link(self)).pid());
  all.push_back((co_await Supervisor::start_link(self, {})).pid());
  all.push_back((co_await DynamicSupervisor::start_link(self)).pid());
  all.push_back((co_await TaskSupervisor::start_link(self)).pid());
  all.push_back((co_await PartitionSupervisor::start_link(self, {.name = "parts", .partitions = 2},
                                                          child<Clerk>()))
                    .pid());
  const auto registry = co_await Registry::start_link(self, {.name = "R", .partitions = 2});
  all.push_back(registry.pid());
  for (const ChildInfo& part : co_await Supervisor::which_children(self, registry)) {
    all.push_back(part.pid);
  }
  all.push_back(co_await PubSub::start_link(self, "bus"));
  all.push_back(co_await ProcessGroups::start_link(self, "scope"));
  all.push_back(
      (co_await WorkerPool<Clerk>::start_link(self, child<Clerk>(), PoolOptions{})).pid());
  all.push_back((co_await RateLimiter<int>::start_link(self)).pid());
  all.push_back((co_await CircuitBreaker::start_link(self)).pid());
  all.push_back((co_await Producer<Numbers>::start_link(self)).pid());
  all.push_back((co_await StageBuffer<int>::start_link(self, BufferOptions{})).pid());
  all.push_back((co_await Consumer<Swallow>::start_link(self)).pid());
  all.push_back((co_await Cache<int, int>::start_link(self)).pid());
  all.push_back((co_await Cron::start_link(self)).pid());
  co_await ApplicationController::start_link(self);
  all.push_back(whereis("application_controller"));
  co_return all;
}

TEST_F(IntrospectTest, every_behaviour_has_a_state_that_can_be_shown) {
  const auto body = [](Process& self) -> Async<> {
    for (const Pid pid : co_await one_of_each(self)) {
      const sys::Status status = co_await sys::get_status(self, pid);
      EXPECT_NE(status.state, Term{atoms::undefined}) << status.type;
      EXPECT_FALSE(status.type.empty());
      EXPECT_EQ(co_await sys::get_state(self, pid), status.state) << status.type;
    }
    // The registry takes its users along, so it goes last, with everything else.
    self.trap_exits();
  };
  test::on_real_executors(body);
  test::on_every_seed(body, 100);
}

struct Breaks : GenServer<Breaks> {
  struct Now {};
  void handle_cast(Process& self, Now) { self.exit("broken"); }
  Term introspect() const { return atom("shown_state"); }
};

struct Unreadable : GenServer<Unreadable> {
  struct Now {};
  void handle_cast(Process& self, Now) { self.exit("broken"); }
  Term introspect() const { throw ErrorException{Atom{"nothing_to_show"}}; }
};

TEST_F(IntrospectTest, a_crash_report_has_the_state_and_a_state_that_throws_does_not_matter) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [readable, ref] = co_await Breaks::start_monitor(self);
    cast(readable, Breaks::Now{});
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"broken"});
    const auto [unreadable, other] = co_await Unreadable::start_monitor(self);
    cast(unreadable, Unreadable::Now{});
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"broken"});
  });
  EXPECT_GT(log_.count("crashed", "state=shown_state"), 0);
  EXPECT_GT(log_.count("crashed", "state=unreadable", "nothing_to_show"), 0);
}

TEST_F(IntrospectTest, a_supervisor_shows_a_hundred_thousand_children) {
  test::on_two_workers([](Process& self) -> Async<> {
    Children all;
    for (int i = 0; i < 100'000; ++i) all.push_back(child<Clerk>().id(i));
    const auto sup = co_await Supervisor::start_link(self, std::move(all));
    const Term state = co_await sys::get_state(self, sup.pid(), infinity);
    EXPECT_EQ(state.find(Atom{"children"})->size(), 100'000u);
    co_await stop(self, sup);
  });
}

}  // namespace
}  // namespace troupe
