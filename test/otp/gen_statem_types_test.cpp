// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// State machines whose states are types, whose handlers wait, or whose start does not succeed.
#include <memory>

#include <troupe/gen_statem.hpp>
#include <troupe/request.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Locked {
  std::string typed;
};
struct Open {
  std::unique_ptr<int> opened_with;  // move-only, and gone with the state
};
struct Broken {};

// OTP's code lock: wrong input clears it, the right one opens the door for a while.
struct Door : GenStatem<Door, Locked, Open, Broken> {
  struct Digit {
    char digit;
  };
  struct WaitOpen {
    using Reply = int;
  };
  struct Typed {
    using Reply = std::string;
  };
  struct Kick {};
  using Info = troupe::Messages<Kick>;

  Door(Pid observer, std::string code, Duration open_for = 30ms)
      : observer_{observer}, code_{std::move(code)}, open_for_{open_for} {}

  Transition handle_event(Locked& locked, const Digit& d) {
    locked.typed += d.digit;
    if (locked.typed == code_) return next_state(Open{std::make_unique<int>(++times_)});
    if (locked.typed.size() < code_.size()) return keep_state();
    say("wrong");
    return next_state(Locked{});
  }
  void handle_event(Open&, const Digit&) {}
  Transition handle_event(Open&, const StateTimeout&) { return next_state(Locked{}); }
  Transition handle_event(Process& self, const Kick&) {
    (void)self;
    return next_state(Broken{});
  }
  int handle_event(Open& open, const WaitOpen&) { return *open.opened_with; }
  // Kept by hand rather than postponed: the door answers all at once when it opens.
  void handle_event(Locked&, const WaitOpen&, From<int>& from) {
    waiting_.push_back(std::move(from));
  }
  std::string handle_event(Locked& locked, const Typed&) { return locked.typed; }

  void state_enter(Locked&) { say("locked"); }
  Transition state_enter(Open& open, const Locked& before) {
    say("open after " + before.typed);
    Transition all = keep_state().state_timeout(open_for_);
    for (From<int>& from : std::exchange(waiting_, {})) {
      all = std::move(all).reply(std::move(from), *open.opened_with);
    }
    return all;
  }

 private:
  void say(std::string what) { send(observer_, std::move(what)); }
  Pid observer_;
  std::string code_;
  Duration open_for_;
  int times_ = 0;
  std::vector<From<int>> waiting_;
};

class GenStatemTypesTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(GenStatemTypesTest, a_code_lock_opens_for_a_while_and_clears_wrong_input) {
  on_every_executor([](Process& self) -> Async<> {
    const auto door = co_await Door::start(self, self.pid(), "123");
    // All are there before it opens, so that the last two come while it is open.
    co_await sys::suspend(self, door.pid());
    for (const char digit : {'1', '2', '9', '1', '2', '3', '7', '7'})
      cast(door, Door::Digit{digit});
    co_await sys::resume(self, door.pid());
    const char* const expected[] = {"locked", "wrong", "locked", "open after 123", "locked"};
    for (const char* what : expected) EXPECT_EQ(co_await self.receive<std::string>(), what);
    cast(door, Door::Digit{'5'});
    EXPECT_EQ(co_await call(self, door, Door::Typed{}), "5");
    const Term shown = co_await sys::get_state(self, door.pid());
    EXPECT_EQ(*shown.find(Atom{"state"}), atom("Locked"));
    co_await stop(self, door.pid());
  });
}

TEST_F(GenStatemTypesTest, calls_that_were_kept_are_answered_by_a_transition) {
  on_every_executor([](Process& self) -> Async<> {
    const auto door = co_await Door::start(self, self.pid(), "1", Duration{1h});
    auto first = send_request(self, door, Door::WaitOpen{});
    auto second = send_request(self, door, Door::WaitOpen{});
    cast(door, Door::Digit{'1'});
    EXPECT_EQ((co_await first.response()).value(), 1);
    EXPECT_EQ((co_await second.response()).value(), 1);
    EXPECT_EQ(co_await call(self, door, Door::WaitOpen{}), 1);
    co_await stop(self, door.pid());
  });
  EXPECT_EQ(log_.count("reply"), 0);
}

TEST_F(GenStatemTypesTest, an_event_without_a_handler_in_this_state_ends_the_machine) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [door, ref] = co_await Door::start_monitor(self, self.pid(), "1");
    send(door.pid(), Door::Kick{});
    const auto failed = co_await try_call(self, door, Door::Typed{});
    EXPECT_EQ(failed.error().code, CallError::Code::down);
    const Term why = (co_await self.receive<Down>()).reason.term()[0];
    EXPECT_EQ(why[0], atom("unhandled_event"));
    EXPECT_EQ(why[2], atom("Broken"));
  });
}

enum class Step { first, second };

// What a start may answer, and what a state_enter may not.
struct Starts : GenStatem<Starts, Step> {
  enum class How { ignore, refuse, second, enter_moves };
  struct Ping {
    using Reply = int;
  };
  explicit Starts(How how) : how_{how} {}
  Async<Transition> init(Process& self) {
    co_await self.yield();
    if (how_ == How::refuse) co_return Transition::stop("no");
    if (how_ == How::second) co_return next_state(Step::second).next_event(StateTimeout{});
    co_return keep_state();
  }
  Transition state_enter(Step now) {
    entered_ = now;
    return how_ == How::enter_moves ? next_state(Step::second) : keep_state();
  }
  void handle_event(const StateTimeout&) { ++timeouts_; }
  // A coroutine handler; while it waits, nothing else is handled.
  Async<Answer<int>> handle_event(Process& self, const Ping&) {
    co_await self.sleep(1ms);
    co_return Answer<int>{10 * static_cast<int>(entered_) + timeouts_, next_state(Step::first)};
  }

 private:
  How how_;
  Step entered_ = Step::first;
  int timeouts_ = 0;
};

struct Ignores : GenStatem<Ignores, Step> {
  Init init() { return Init::ignore(); }
};

TEST_F(GenStatemTypesTest, a_start_may_choose_the_state_be_refused_or_ignored) {
  on_every_executor([](Process& self) -> Async<> {
    const auto refused = co_await Starts::try_start(self, Starts::How::refuse);
    EXPECT_EQ(refused.error().term(), atom("no"));
    EXPECT_EQ((co_await Ignores::try_start(self)).error().code, StartError::Code::ignored);
    const auto machine = co_await Starts::start(self, Starts::How::second);
    EXPECT_EQ(co_await call(self, machine, Starts::Ping{}), 11);
    EXPECT_EQ(co_await call(self, machine, Starts::Ping{}), 1);
    co_await stop(self, machine.pid());
  });
}

TEST_F(GenStatemTypesTest, a_state_enter_that_moves_on_ends_the_machine) {
  on_every_executor([](Process& self) -> Async<> {
    // The start has succeeded by then, as in OTP.
    (void)co_await Starts::start_monitor(self, Starts::How::enter_moves);
    const Term why = (co_await self.receive<Down>()).reason.term()[0];
    EXPECT_EQ(why[0], atom("bad_state_enter_return"));
  });
}

TEST_F(GenStatemTypesTest, a_supervisor_starts_a_machine_anew_in_its_first_state) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tree = co_await Supervisor::start_link(
        self, children(child<Door>(self.pid(), "12").named("door")));
    const auto door = named<Door>("door");
    cast(door, Door::Digit{'1'});
    EXPECT_EQ(co_await call(self, door, Door::Typed{}), "1");
    const Ref ref = self.monitor(door.pid());
    send(door.pid(), Door::Kick{});
    cast(door, Door::Digit{'1'});  // to a broken door
    (void)co_await self.receive(
        when([ref](const Down& down) { return down.ref == ref; }, [](Down) { return 0; }));
    while (!door.pid()) co_await self.yield();
    EXPECT_EQ(co_await call(self, door, Door::Typed{}), "");
    co_await stop(self, tree.pid());
  });
}

}  // namespace
}  // namespace troupe
