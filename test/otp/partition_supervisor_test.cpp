// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Which partition a key leads to, also after crashes, and when partitions cannot be found.
#include <algorithm>

#include <troupe/agent.hpp>
#include <troupe/partition_supervisor.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using test::on_every_executor;

using Count = Agent<int>;

int increment(int& n) { return ++n; }

class PartitionSupervisorTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

ServerRef<Count> at(RegistryKey key) {
  return PartitionSupervisor::find<Count>("parts", std::move(key));
}

TEST_F(PartitionSupervisorTest, a_key_always_leads_to_the_same_partition) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await PartitionSupervisor::start_link(
        self, {.name = "parts", .partitions = 3}, child<Count>(0));
    EXPECT_EQ(PartitionSupervisor::partitions("parts"), 3u);
    std::vector<Pid> pids(3);
    for (const ChildInfo& info : co_await Supervisor::which_children(self, sup)) {
      pids.at(static_cast<std::size_t>(*info.id.as_int())) = info.pid;
    }
    const int expected[][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 0}, {4, 1}, {5, 2}, {-1, 1}, {-4, 1}};
    for (const auto& [key, partition] : expected) {
      EXPECT_EQ(at(key).pid(), pids.at(static_cast<std::size_t>(partition))) << key;
    }
    EXPECT_EQ(at("a key"), at("a key"));
    EXPECT_TRUE(at(tuple({atom("a"), 1})).pid());
    std::vector<int> counts;
    for (const int key : {0, 1, 3, 6, 1}) {
      counts.push_back(co_await Count::get_and_update(self, at(key), increment));
    }
    EXPECT_EQ(counts, (std::vector{1, 1, 2, 3, 2}));
    co_await stop(self, sup);
    EXPECT_THROW(PartitionSupervisor::partitions("parts"), ErrorException);
  });
}

TEST_F(PartitionSupervisorTest, the_crash_of_a_partition_leaves_the_others_alone) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self, children(PartitionSupervisor::spec({.name = "parts"},
                                                 children(child<Count>(10), child<Count>(20)))));
    for (const int key : {0, 1, 2}) {
      (void)co_await Count::get_and_update(self, at(key), increment);
    }
    const Pid old = at(1).pid();
    exit(old, atoms::kill);
    for (Pid now = old; !now || now == old; now = at(1).pid()) co_await self.yield();
    EXPECT_EQ(co_await Count::get_and_update(self, at(0), increment), 13);
    EXPECT_EQ(co_await Count::get_and_update(self, at(1), increment), 21);

    // The whole supervisor crashes: its successor's partitions are found, and begin anew.
    const Pid before = at(0).pid();
    exit(whereis("parts"), atoms::kill);
    const auto is_back = [before] {
      try {
        return at(0).pid() && at(0).pid() != before && at(1).pid();
      } catch (const ErrorException&) {
        return false;
      }
    };
    while (!is_back()) co_await self.yield();
    EXPECT_EQ(co_await Count::get_and_update(self, at(0), increment), 11);
    co_await stop(self, tree);
  });
}

TEST_F(PartitionSupervisorTest, a_second_one_of_the_same_name_does_not_disturb_the_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await PartitionSupervisor::start_link(
        self, {.name = "parts", .partitions = 2}, child<Count>(0));
    bool refused = false;
    try {
      (void)co_await PartitionSupervisor::start_link(self, {.name = "parts", .partitions = 5},
                                                     child<Count>(0));
    } catch (const StartException& exception) {
      refused = exception.start_error().holder == sup.pid();
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(PartitionSupervisor::partitions("parts"), 2u);
    co_await stop(self, sup);
  });
}

TEST_F(PartitionSupervisorTest, a_hundred_thousand_keys_are_spread_evenly) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto sup = co_await PartitionSupervisor::start_link(
        self, {.name = "parts", .partitions = 8}, child<Count>(0));
    std::vector<Pid> pids;
    std::vector<int> counts(8);
    for (int i = 0; i < 8; ++i) pids.push_back(at(i).pid());
    for (int i = 0; i < 100'000; ++i) {
      const Pid pid = PartitionSupervisor::whereis("parts", tuple({atom("user"), i}));
      ++counts.at(
          static_cast<std::size_t>(std::find(pids.begin(), pids.end(), pid) - pids.begin()));
    }
    for (const int count : counts) EXPECT_NEAR(count, 12'500, 1'000);
    co_await stop(self, sup);
  });
}

TEST_F(PartitionSupervisorTest, no_update_is_lost_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto sup = co_await PartitionSupervisor::start_link(
            self, {.name = "parts", .partitions = 3}, child<Count>(0));
        for (int i = 0; i < 6; ++i) {
          spawn(
              [](Process& me, int key, Pid tell) -> Async<> {
                for (int n = 0; n < 5; ++n) {
                  (void)co_await Count::get_and_update(me, at(key + n), increment);
                }
                send(tell, 0);
              },
              i, self.pid());
        }
        for (int i = 0; i < 6; ++i) (void)co_await self.receive<int>();
        int total = 0;
        for (int i = 0; i < 3; ++i) {
          total += co_await Count::get(self, at(i), [](const int& n) { return n; });
        }
        EXPECT_EQ(total, 30);
        co_await stop(self, sup);
      },
      100);
}

}  // namespace
}  // namespace troupe
