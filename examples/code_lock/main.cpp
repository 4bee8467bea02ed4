// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A door with a code lock, as a state machine: what a digit means depends on the state; the open
// door closes by itself, because the timeout belongs to that state; and who comes while the door is
// jammed waits until it works again, without the lock keeping a list of them. As a plain server it
// would need a timer with a generation number, a queue of callers, and an `if` in every handler.
#include <cstdio>
#include <string>

#include <troupe/gen_statem.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

struct Locked {
  std::string typed;
};
struct Open {};
struct Jammed {};

struct Door : GenStatem<Door, Locked, Open, Jammed> {
  struct Press {
    char digit;
  };
  struct Enter {
    using Reply = std::string;
  };
  struct Jam {};
  struct Repair {};

  explicit Door(std::string code) : code_{std::move(code)} {}

  Transition handle_event(Locked& locked, const Press& press) {
    locked.typed += press.digit;
    if (locked.typed == code_) return next_state(Open{});
    if (locked.typed.size() == code_.size()) return next_state(Locked{});
    return keep_state();
  }
  void handle_event(const Press&) {}  // in the other states

  std::string handle_event(Locked&, const Enter&) { return "the door is locked"; }
  std::string handle_event(Open&, const Enter&) { return "come in"; }
  Answer<std::string> handle_event(Jammed&, const Enter&) { return postpone(); }

  Transition state_enter(Open&) {
    std::puts("open");
    return keep_state().state_timeout(2s);
  }
  Transition handle_event(Open&, const StateTimeout&) { return next_state(Locked{}); }
  void state_enter(Locked&) { std::puts("locked"); }

  Transition handle_event(const Jam&) { return next_state(Jammed{}); }
  Transition handle_event(const Repair&) { return next_state(Locked{}); }

 private:
  std::string code_;
};

int main() {
  return run([](Process& self) -> Async<int> {
    const auto door = co_await Door::start_link(self, "1234");
    for (const char digit : std::string{"1235"}) cast(door, Door::Press{digit});
    std::puts((co_await call(self, door, Door::Enter{})).c_str());
    for (const char digit : std::string{"1234"}) cast(door, Door::Press{digit});
    std::puts((co_await call(self, door, Door::Enter{})).c_str());
    co_await self.sleep(3s);
    std::puts((co_await call(self, door, Door::Enter{})).c_str());

    cast(door, Door::Jam{});
    spawn(
        [](Process& mechanic, ServerRef<Door> jammed) -> Async<> {
          co_await mechanic.sleep(20ms);
          cast(jammed, Door::Repair{});
        },
        door);
    std::puts((co_await call(self, door, Door::Enter{})).c_str());
    co_return 0;
  });
}
