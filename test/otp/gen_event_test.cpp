// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Event managers: who is told what and in which order, and what the end of a handler means to the
// others, to the manager, and to the process that has added it.
#include <algorithm>
#include <string>

#include <troupe/gen_event.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Event {
  std::string text;
};
struct Tick {};
struct Seen {
  std::string who;
  std::string what;
};
struct Count {
  using Reply = int;
};
struct Leave {
  using Reply = std::string;
};
struct Fail {
  using Reply = int;
};

// Tells a process of everything that happens to it.
class Reporter {
 public:
  using Events = Messages<Event>;
  using Info = Messages<Tick>;
  Reporter(std::string name, Pid tell) : name_{std::move(name)}, tell_{tell} {
    if (name_ == "bad") throw ErrorException{Atom{"refused"}};
  }
  Handled handle_event(const Event& event) {
    send(tell_, Seen{name_, event.text});
    ++count_;
    if (event.text == "crash " + name_) throw ErrorException{Atom{"boom"}};
    return event.text == "leave " + name_ ? Handled::remove : Handled::keep;
  }
  void handle_info(Process& self, const Tick&) {
    send(tell_, Seen{name_, self.pid() == tell_ ? "?" : "tick"});
  }
  int handle_call(Count) { return count_; }
  Answer<std::string, Handled> handle_call(Leave) { return {"left", Handled::remove}; }
  int handle_call(Fail) { throw ErrorException{Atom{"boom"}}; }
  Term terminate(const Term& why) {
    const bool is_error = why.is_tuple() && why[0] == Term{Atom{"error"}};
    send(tell_, Seen{name_, "terminate " + (is_error ? "error" : to_erlang(why))});
    return count_;
  }
  Term introspect() const { return count_; }

 private:
  std::string name_;
  Pid tell_;
  int count_ = 0;
};

struct Successor {
  using Events = Messages<Event>;
  Successor(Pid tell, Term inherited) : tell_{tell}, inherited_{std::move(inherited)} {}
  void handle_event(const Event&) { send(tell_, Seen{"successor", to_erlang(inherited_)}); }

 private:
  Pid tell_;
  Term inherited_;
};

class GenEventTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<ServerRef<GenEvent>> start_with(Process& self, std::vector<std::string> names) {
  const auto events = co_await GenEvent::start(self);
  for (const std::string& name : names) {
    const auto added = co_await GenEvent::add_handler<Reporter>(self, events, EventHandlerId{name},
                                                                name, self.pid());
    EXPECT_TRUE(added.has_value());
  }
  co_return events;
}

// In one text, `b e1; a e1`, because GCC cannot compile a list in braces beside a `co_await`.
Async<> expect_seen(Process& self, std::string expected) {
  std::string all;
  while (all.size() < expected.size()) {
    const auto seen = co_await self.receive<Seen>(5s);
    if (!seen) break;
    all += (all.empty() ? "" : "; ") + seen->who + " " + seen->what;
  }
  EXPECT_EQ(all, expected);
  EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
}

Async<> expect_handlers(Process& self, ServerRef<GenEvent> events, std::vector<const char*> ids) {
  const auto all = co_await GenEvent::which_handlers(self, events);
  EXPECT_EQ(all.size(), ids.size());
  for (std::size_t i = 0; i < std::min(all.size(), ids.size()); ++i) {
    EXPECT_EQ(all[i].id, atom(ids[i]));
  }
}

TEST_F(GenEventTest, an_event_goes_to_all_handlers_the_latest_added_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await start_with(self, {"a", "b"});
    co_await expect_handlers(self, events, {"b", "a"});
    co_await sync_notify(self, events, Event{"e1"});
    co_await expect_seen(self, "b e1; a e1");
    notify(events, Event{"e2"});
    EXPECT_EQ((co_await GenEvent::call<Reporter>(self, events, Count{}, "a")).value(), 2);
    co_await expect_seen(self, "b e2; a e2");
    send(events.pid(), Tick{});
    notify(events, Tick{});  // nobody lists it
    EXPECT_EQ((co_await GenEvent::delete_handler<Reporter>(self, events, atom("enough"), "a")),
              Term{2});
    co_await expect_seen(self, "b tick; a tick; a terminate enough");
    EXPECT_EQ((co_await GenEvent::call<Reporter>(self, events, Count{}, "a")).error().term(),
              atom("bad_module"));
    co_await sync_notify(self, events, Event{"e3"});
    co_await expect_seen(self, "b e3");
    co_await stop(self, events);
    co_await expect_seen(self, "b terminate stop");
  });
}

TEST_F(GenEventTest, a_handler_that_fails_or_leaves_goes_alone) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await start_with(self, {"a", "b", "c"});
    co_await sync_notify(self, events, Event{"crash b"});
    co_await expect_seen(self, "c crash b; b crash b; b terminate error; a crash b");
    co_await expect_handlers(self, events, {"c", "a"});
    co_await sync_notify(self, events, Event{"leave c"});
    co_await expect_seen(self, "c leave c; c terminate remove_handler; a leave c");
    co_await expect_handlers(self, events, {"a"});
    const auto failed = co_await GenEvent::call<Reporter>(self, events, Fail{}, "a");
    EXPECT_EQ(failed.error().reason.term()[0], atom("boom"));
    co_await expect_seen(self, "a terminate error");
    co_await expect_handlers(self, events, {});
    co_await stop(self, events);
  });
  EXPECT_GT(log_.count("Reporter is removed, because it failed", "boom"), 0);
}

TEST_F(GenEventTest, a_handler_is_added_once_and_its_constructor_may_refuse) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await start_with(self, {"a"});
    const auto twice = co_await GenEvent::add_handler<Reporter>(self, events, EventHandlerId{"a"},
                                                                "a", self.pid());
    EXPECT_EQ(twice.error().code, EventHandlerError::Code::already_added);
    const auto bad = co_await GenEvent::add_handler<Reporter>(self, events, "bad", self.pid());
    EXPECT_EQ(bad.error().reason.term()[0], atom("refused"));
    EXPECT_EQ((co_await GenEvent::delete_handler<Successor>(self, events)).error().code,
              EventHandlerError::Code::not_found);
    EXPECT_EQ((co_await GenEvent::call<Reporter>(self, events, Leave{}, "a")).value(), "left");
    co_await expect_handlers(self, events, {});
    co_await expect_seen(self, "a terminate remove_handler");
    co_await stop(self, events);
  });
}

TEST_F(GenEventTest, a_handler_is_replaced_and_hands_over_what_it_knows) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await start_with(self, {"a"});
    co_await sync_notify(self, events, Event{"one"});
    const auto swapped = co_await GenEvent::swap_handler<Reporter, Successor>(
        self, events, "a", atom("swap"), self.pid());
    EXPECT_TRUE(swapped.has_value());
    co_await sync_notify(self, events, Event{"two"});
    co_await expect_seen(self, "a one; a terminate swap; successor 1");
    (void)co_await GenEvent::swap_handler<Reporter, Successor>(self, events, "none", atom("swap"),
                                                               self.pid());
    co_await sync_notify(self, events, Event{"three"});
    co_await expect_seen(self, "successor error; successor 1");
    co_await stop(self, events);
  });
}

TEST_F(GenEventTest, a_supervised_handler_and_its_process_hear_of_each_other) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await start_with(self, {});
    for (const char* name : {"x", "y"}) {
      (void)co_await GenEvent::add_sup_handler<Reporter>(self, events, EventHandlerId{name}, name,
                                                         self.pid());
    }
    co_await sync_notify(self, events, Event{"crash x"});
    const auto gone = co_await self.receive<EventHandlerExit>();
    EXPECT_EQ(gone.id, atom("x"));
    EXPECT_EQ(gone.reason.term()[0], Term{atoms::EXIT});
    (void)co_await GenEvent::delete_handler<Reporter>(self, events, atom("bye"), "y");
    EXPECT_TRUE((co_await self.receive<EventHandlerExit>()).reason.is_normal());
    co_await expect_seen(self, "y crash x; x crash x; x terminate error; y terminate bye");
    EXPECT_TRUE((co_await process_info(self, self.pid()))->links.empty());

    // The process ends, and takes its handler along, not the manager.
    const Pid owner = spawn(
        [](Process& me, ServerRef<GenEvent> to, Pid tell) -> Async<> {
          (void)co_await GenEvent::add_sup_handler<Reporter>(me, to, EventHandlerId{"z"}, "z",
                                                             tell);
          send(tell, Tick{});
          (void)co_await me.receive<Tick>();
        },
        events, self.pid());
    (void)co_await self.receive<Tick>();
    exit(owner, ExitReason{"enough"});
    co_await expect_seen(self, "z terminate {stop,enough}");
    co_await expect_handlers(self, events, {});
    co_await stop(self, events);
  });
}

TEST_F(GenEventTest, a_supervised_manager_starts_again_without_handlers) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tree =
        co_await Supervisor::start_link(self, children(child<GenEvent>().named("events")));
    const auto events = named<GenEvent>("events");
    (void)co_await GenEvent::add_handler<Reporter>(self, events, "r", self.pid());
    const Term shown = co_await sys::get_state(self, events.pid());
    EXPECT_EQ(shown.find(Atom{"handlers"})->size(), 1u);
    const Pid before = events.pid();
    exit(before, atoms::kill);
    for (Pid now = before; !now || now == before; now = events.pid()) co_await self.yield();
    co_await expect_handlers(self, events, {});
    co_await stop(self, tree);
  });
}

TEST_F(GenEventTest, a_hundred_thousand_handlers_are_added_told_and_removed) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto events = co_await GenEvent::start(self);
    for (int i = 0; i < 100'000; ++i) {
      (void)co_await GenEvent::add_handler<Reporter>(self, events, EventHandlerId{i}, "r",
                                                     self.pid());
    }
    co_await sync_notify(self, events, Event{"e"});
    for (int i = 0; i < 100'000; ++i) (void)co_await self.receive<Seen>();
    for (int i = 0; i < 100'000; i += 1000) {
      EXPECT_EQ((co_await GenEvent::delete_handler<Reporter>(self, events, atom("x"), i)), Term{1});
    }
    co_await stop(self, events);
  });
}

// Whatever the schedule: who is added before an event sees it, and exactly once.
TEST_F(GenEventTest, handlers_come_and_go_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto events = co_await GenEvent::start(self);
        for (int i = 0; i < 8; ++i) {
          spawn(
              [](Process& me, ServerRef<GenEvent> to, int number, Pid tell) -> Async<> {
                (void)co_await GenEvent::add_sup_handler<Reporter>(me, to, EventHandlerId{number},
                                                                   "r", me.pid());
                co_await sync_notify(me, to, Event{"mine"});
                const auto seen = co_await me.receive<Seen>(1s);
                send(tell, seen.has_value() && seen->what == "mine");
                if (number % 2 == 0) me.exit("enough");
              },
              events, i, self.pid());
        }
        for (int i = 0; i < 8; ++i) EXPECT_TRUE(co_await self.receive<bool>());
        while (!(co_await GenEvent::which_handlers(self, events)).empty()) co_await self.yield();
        co_await stop(self, events);
      },
      100);
}

TEST_F(GenEventTest, a_watcher_with_a_full_mailbox_does_no_harm) {
  on_every_executor([](Process& self) -> Async<> {
    const auto events = co_await GenEvent::start(self);
    self.set_mailbox_limit(1, Overflow::reject_sender);
    for (const char* name : {"a", "b"}) {
      (void)co_await GenEvent::add_sup_handler<Reporter>(self, events, EventHandlerId{name}, name,
                                                         Pid{});
      (void)co_await GenEvent::delete_handler<Reporter>(self, events, atom("bye"), name);
    }
    EXPECT_TRUE((co_await GenEvent::which_handlers(self, events)).empty());
    EXPECT_TRUE((co_await self.receive<EventHandlerExit>(0ms)).has_value());
    EXPECT_FALSE((co_await self.receive<EventHandlerExit>(0ms)).has_value());
    co_await stop(self, events);
  });
}

}  // namespace
}  // namespace troupe
