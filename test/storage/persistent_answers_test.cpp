// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What the answer of a persistent server says about its state: that it is saved.
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include <troupe/persistent_server.hpp>
#include <troupe/sys.hpp>

#include "storage/watched_stores.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using troupe::test::CapturedLog;
using troupe::test::on_every_executor;
using troupe::test::on_every_seed;

const StorePool pool{"pool", 1};

struct Total {
  int value = 0;
};

struct Counter : PersistentServer<Counter, Total> {
  explicit Counter(SavePolicy policy = {}) : policy_{policy} {}
  Persistence persistence() const { return {pool, "counter", policy_}; }

  struct Add {
    using Reply = int;
  };
  struct Reset {
    using Reply = void;
  };
  struct AddLast {
    using Reply = int;
  };
  struct AddSlowly {
    using Reply = int;
  };
  struct AddByToken {
    using Reply = int;
  };
  struct Ask {
    using Reply = int;
  };
  int handle_call(Add) {
    changed();
    return ++state.value;
  }
  void handle_call(Reset) {
    state.value = 100;
    changed();
  }
  Answer<int> handle_call(AddLast) { return {handle_call(Add{}), Next::stop()}; }
  Async<int> handle_call(Process& self, AddSlowly) {
    co_await self.sleep(1ms);
    co_return handle_call(Add{});
  }
  void handle_call(AddByToken, From<int> from) { reply(std::move(from), handle_call(Add{})); }
  int handle_call(Ask) { return state.value; }

  SavePolicy policy_;
};

struct Stores {
  std::shared_ptr<WatchedStores> all = std::make_shared<WatchedStores>();
  ChildSpec child() const { return pool.child(opens(all), {.max_restarts = 1000}); }
  void set_full(bool full) const {
    const std::lock_guard lock{all->mutex};
    all->is_full = full;
  }
};

Async<> kill(Process& self, ServerRef<Counter> server) {
  const Ref monitor = self.monitor(server.pid());
  troupe::exit(server.pid(), atoms::kill);
  while ((co_await self.receive<Down>()).ref != monitor) {
  }
}

Async<int> stored(Process& self) {
  auto counter = co_await Counter::start_link(self);
  const int value = co_await call(self, counter, Counter::Ask{});
  co_await kill(self, counter);
  co_return value;
}

TEST(PersistentAnswers, what_was_answered_is_there_after_a_kill) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, children(Stores{}.child()));
    auto counter = co_await Counter::start_link(self);
    EXPECT_EQ(co_await call(self, counter, Counter::Add{}), 1);
    co_await kill(self, counter);
    EXPECT_EQ(co_await stored(self), 1);
    counter = co_await Counter::start_link(self);
    EXPECT_EQ(co_await call(self, counter, Counter::AddSlowly{}), 2);
    co_await kill(self, counter);
    EXPECT_EQ(co_await stored(self), 2);
    counter = co_await Counter::start_link(self);
    co_await call(self, counter, Counter::Reset{});
    co_await kill(self, counter);
    EXPECT_EQ(co_await stored(self), 100);
  });
}

// Whether the end of the server has something of its own to save or not.
TEST(PersistentAnswers, that_of_a_handler_which_stops_the_server_is_saved_too) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, children(Stores{}.child()));
    auto counter = co_await Counter::start_link(self, SavePolicy{.on_terminate = false});
    EXPECT_EQ(co_await call(self, counter, Counter::AddLast{}), 1);
    EXPECT_EQ(co_await stored(self), 1);
    counter = co_await Counter::start_link(self);
    EXPECT_EQ(co_await call(self, counter, Counter::AddLast{}), 2);
    EXPECT_EQ(co_await stored(self), 2);
  });
}

TEST(PersistentAnswers, a_change_that_could_not_be_saved_gets_an_error_instead) {
  CapturedLog log;
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const Stores stores;
    co_await Supervisor::start_link(self, children(stores.child()));
    auto counter = co_await Counter::start_link(self);
    stores.set_full(true);
    // The second while the first waits to be tried again.
    for (int i = 0; i < 2; ++i) {
      const auto added = co_await try_call(self, counter, Counter::Add{});
      EXPECT_FALSE(added);
      if (added) continue;
      EXPECT_EQ(added.error().code, CallError::Code::down);
      EXPECT_EQ(added.error().reason.term(),
                tuple({atom("not_saved"), atom("full_disk"), Term::binary("full")}));
    }
    // It goes on serving, and saves all of it when it can.
    EXPECT_EQ(co_await call(self, counter, Counter::Ask{}), 2);
    stores.set_full(false);
    EXPECT_EQ(co_await call(self, counter, Counter::Add{}), 3);
    co_await kill(self, counter);
    EXPECT_EQ(co_await stored(self), 3);
  });
}

struct Heard {
  std::optional<int> count;
};
Async<> add_one(Process& self, ServerRef<Counter> counter, Pid tell) {
  const auto count = co_await try_call(self, counter, Counter::Add{});
  send(tell, Heard{count ? std::optional{*count} : std::nullopt});
}

TEST(PersistentAnswers, those_that_wait_share_a_save) {
  on_every_seed([](Process& self) -> Async<> {
    self.trap_exits();
    const Stores stores;
    co_await Supervisor::start_link(self, children(stores.child()));
    auto counter = co_await Counter::start_link(self);
    constexpr int callers = 40;
    for (int i = 0; i < callers; ++i) spawn(add_one, counter, self.pid());
    std::set<int> counts;
    for (int i = 0; i < callers; ++i) {
      counts.insert((co_await self.receive<Heard>()).count.value_or(0));
    }
    EXPECT_EQ(counts.size(), 40U);
    EXPECT_EQ(*counts.rbegin(), callers);
    EXPECT_LE(stores.all->batches.size(), 20U);
  });
}

TEST(PersistentAnswers, a_server_that_ends_before_the_save_tells_those_who_wait) {
  CapturedLog log;
  const Stores stores;
  stores.all->is_blocked = true;
  Runtime runtime;
  auto done = runtime.try_run([stores](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, children(stores.child()));
    auto counter = co_await Counter::start_link(self);
    spawn(add_one, counter, self.pid());
    for (;;) {  // until the save is under way
      const Term state = co_await sys::get_state(self, whereis(pool.worker_name(0)));
      const Term* waiting = state.find(atom("waiting"));
      if (waiting && waiting->as_int() == 1) break;
      co_await self.sleep(1ms);
    }
    EXPECT_FALSE(co_await self.receive<Heard>(0ms));
    troupe::exit(counter.pid(), atoms::kill);
    EXPECT_FALSE((co_await self.receive<Heard>()).count);
    stores.all->let_go();
  });
  EXPECT_TRUE(done.has_value());
}

TEST(PersistentAnswers, by_choice_or_by_token_they_do_not_wait) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        const Stores stores;
        co_await Supervisor::start_link(self, children(stores.child()));
        auto hasty = co_await Counter::start_link(self, SavePolicy{.answer_when_saved = false});
        stores.set_full(true);
        EXPECT_EQ(co_await call(self, hasty, Counter::Add{}), 1);
        co_await kill(self, hasty);
        auto counter = co_await Counter::start_link(self);
        EXPECT_EQ(co_await call(self, counter, Counter::AddByToken{}), 1);
        co_await kill(self, counter);
        EXPECT_EQ(co_await stored(self), 0);
      },
      5);
}

}  // namespace
}  // namespace troupe::storage::test
