// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// scripts.erl in C++, function for function; that file is the one to read first.
#include "differential/troupe_run.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include <troupe/runtime.hpp>
#include <troupe/simulation.hpp>
#include <troupe/timer.hpp>

namespace troupe::differential {

namespace {

struct Number {
  int from;  // a process, or `timer`
  int number;
  static constexpr int timer = -1;
};
struct Begin {};
struct Watch {
  int process;
  Pid pid;
};

// What the processes of a run share in Erlang through a table.
struct World {
  const Script& script;
  Duration unit = std::chrono::milliseconds{unit_ms};
  bool is_real = false;  // worker threads run it, and the clock is the machine's
  std::mutex lock = {};  // of what follows
  Pid harness = {};
  std::vector<Pid> pids = {};
  std::map<std::uint64_t, int> numbers = {};  // by bits of the pid
  std::vector<std::vector<std::string>> logs = {};
  std::vector<std::string> ends = {};

  void enter(int process, Pid pid) {
    const std::lock_guard guard{lock};
    pids[static_cast<std::size_t>(process)] = pid;
    numbers[key(pid)] = process;
  }
  Pid pid_of(int process) {
    const std::lock_guard guard{lock};
    return pids[static_cast<std::size_t>(process)];
  }
  void log(int process, std::string event) {
    const std::lock_guard guard{lock};
    logs[static_cast<std::size_t>(process)].push_back(std::move(event));
  }
  std::string number(Pid pid) {
    const std::lock_guard guard{lock};
    const auto found = numbers.find(key(pid));
    return found == numbers.end() ? "nobody" : std::to_string(found->second);
  }
  static std::uint64_t key(Pid pid) { return std::uint64_t{pid.index()} << 32 | pid.generation(); }
};

struct WorldRef {
  World* world;
};

}  // namespace

}  // namespace troupe::differential

namespace troupe {
template <>
inline constexpr bool enable_message<differential::WorldRef> = true;
}

namespace troupe::differential {

namespace {

std::string text(const ExitReason& reason) { return to_erlang(reason.term()); }

Name name(int which) { return Name{"name_" + std::to_string(which)}; }

Async<> run_body(Process& self, WorldRef world, int me);

// One process at work.
class Player {
 public:
  Player(Process& self, World& world, int me) : self_{self}, world_{world}, me_{me} {}
  // The end of a process takes Erlang several turns, so that what comes meanwhile meets a process
  // that is not gone yet and not alive any more.
  ~Player() {
    if (world_.is_real) linger_on_the_worker(1'000);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  Async<> run() {
    if (!co_await self_.receive<Begin>(60 * world_.unit)) self_.exit("never_told");
    for (const Operation& op : world_.script.bodies[static_cast<std::size_t>(me_)].operations) {
      co_await pause();
      if (world_.is_real) linger_on_the_worker(120);
      co_await perform(op);
    }
    co_await pause();
  }

  // Starts another body, as the caller's child.
  static Pid start(World& world, int process, int ties, std::vector<Ref>* monitors) {
    const auto [pid, ref] =
        spawn_with(SpawnOptions{.link = (ties & 1) != 0, .monitor = (ties & 2) != 0}, run_body,
                   WorldRef{&world}, process);
    if ((ties & 2) != 0) monitors->push_back(ref);
    world.enter(process, pid);
    return pid;
  }

 private:
  void log(std::string event) { world_.log(me_, std::move(event)); }

  // Erlang may let others run anywhere, also between the last operation and the end.
  Async<> pause() {
    if (self_.random() % 8 < pauses_) co_await self_.yield();
  }

  // Keeps the worker for a moment, so that what another one does meanwhile crosses what this
  // process does next. In the simulator there is no such moment.
  void linger_on_the_worker(std::uint64_t at_most_us) {
    const auto until =
        std::chrono::steady_clock::now() +
        std::chrono::microseconds{self_.random() % 3 * (self_.random() % (at_most_us / 2))};
    while (std::chrono::steady_clock::now() < until) {
    }
  }

  template <class F>
  void with(int process, F f) {
    if (const Pid pid = world_.pid_of(process)) {
      f(pid);
    } else {
      log("unknown");
    }
  }
  template <class T>
  const T* kept(const std::vector<T>& all, int which) {
    if (static_cast<std::size_t>(which) < all.size()) return &all[static_cast<std::size_t>(which)];
    log("none");
    return nullptr;
  }
  template <class F>
  void try_log(const char* what, F f) {
    try {
      f();
      log(what + std::string{" ok"});
    } catch (const ErrorException& error) {
      const Term& why = error.error();
      log(what + std::string{" "} + to_erlang(why.is_tuple() ? why[0] : why));
    }
  }

  Async<> perform(const Operation& op) {
    switch (op.verb) {
      case Verb::receive:
        got(co_await take(static_cast<Wanted>(op.a), op.b));
        break;
      case Verb::linger:
        while (const auto event = co_await take(Wanted::anything, op.b)) got(event);
        break;
      case Verb::alive:
        if (const Pid pid = world_.pid_of(op.a)) {
          log(co_await is_alive(self_, pid) ? "alive true" : "alive false");
        } else {
          log("unknown");
        }
        break;
      default:
        perform_now(op);
    }
  }

  void perform_now(const Operation& op) {
    switch (op.verb) {
      case Verb::send:
        with(op.a, [&](Pid pid) { send(pid, Number{me_, op.b}); });
        break;
      case Verb::send_name:
        try_log("send", [&] { send(name(op.a), Number{me_, op.b}); });
        break;
      case Verb::link:
        with(op.a, [&](Pid pid) { try_log("link", [&] { self_.link(pid); }); });
        break;
      case Verb::unlink:
        with(op.a, [&](Pid pid) { self_.unlink(pid); });
        break;
      case Verb::monitor:
        with(op.a, [&](Pid pid) { monitors_.push_back(self_.monitor(pid)); });
        break;
      case Verb::monitor_name:
        monitors_.push_back(self_.monitor(name(op.a)));
        break;
      case Verb::demonitor:
        if (const Ref* ref = kept(monitors_, op.a)) {
          const bool was_active = self_.demonitor(*ref, op.b != 0 ? Flush::yes : Flush::no);
          if (op.b == 0) log(was_active ? "demonitor true" : "demonitor false");
        }
        break;
      case Verb::exit:
        with(op.a, [&](Pid pid) { exit(pid, reasons[op.b]); });
        break;
      case Verb::leave:
        self_.exit(reasons[op.a]);
      case Verb::trap:
        log(self_.trap_exits(op.a != 0) ? "trap true" : "trap false");
        break;
      case Verb::enter:
        with(op.b, [&](Pid pid) { try_log("enter", [&] { register_name(name(op.a), pid); }); });
        break;
      case Verb::unregister:
        try_log("unregister", [&] { unregister_name(name(op.a)); });
        break;
      case Verb::whereis: {
        const Pid pid = whereis(name(op.a));
        log("whereis " + (pid ? world_.number(pid) : "nobody"));
        break;
      }
      case Verb::start_timer:
        with(op.a, [&](Pid pid) {
          timers_.push_back(send_after(pid, op.b * world_.unit, Number{Number::timer, op.c}));
        });
        break;
      case Verb::cancel_timer:
        if (const TimerRef* timer = kept(timers_, op.a)) {
          log(cancel_timer(*timer) ? "cancel true" : "cancel false");
        }
        break;
      case Verb::spawn: {
        const Pid pid = start(world_, op.a, op.b, &monitors_);
        send(world_.harness, Watch{op.a, pid});
        break;
      }
      default:
        break;
    }
  }

  // The event of a message; nothing where none came in time.
  using Event = std::optional<std::string>;
  Event of(const Number& m) {
    if (m.from == Number::timer) return "timer " + std::to_string(m.number);
    return "number " + std::to_string(m.number) + " of " + std::to_string(m.from);
  }
  Event of(const Exit& m) { return "exit of " + world_.number(m.from) + ' ' + text(m.reason); }
  Event of(const Down& m) {
    const auto which = std::ranges::find(monitors_, m.ref) - monitors_.begin();
    return "down " + std::to_string(which) + " of " +
           (m.name == atoms::undefined ? world_.number(m.pid) : "name") + ' ' + text(m.reason);
  }

  Async<Event> take(Wanted wanted, int units) {
    const auto wants = [wanted](Wanted kind) {
      return wanted == Wanted::anything || wanted == kind;
    };
    return receive_event(wants(Wanted::numbers), wants(Wanted::exits), wants(Wanted::downs),
                         units * world_.unit);
  }
  Async<Event> receive_event(bool numbers, bool exits, bool downs, Duration time) {
    co_return co_await self_.receive(
        when([numbers](const Number&) { return numbers; }, [this](Number m) { return of(m); }),
        when([exits](const Exit&) { return exits; }, [this](Exit m) { return of(m); }),
        when([downs](const Down&) { return downs; }, [this](Down m) { return of(m); }),
        after(time, [] { return Event{}; }));
  }
  void got(const Event& event) { log(event.value_or("timeout")); }

  Process& self_;
  World& world_;
  int me_;
  std::vector<Ref> monitors_;
  std::vector<TimerRef> timers_;
  // Erlang may run another process between any two operations, and mostly does not: in how many
  // eighths of the places this process lets others go first.
  std::uint64_t pauses_ = std::array{0, 1, 4}[self_.random() % 3];
};

Async<> run_body(Process& self, WorldRef world, int me) {
  world.world->enter(me, self.pid());
  Player player{self, *world.world, me};
  co_await player.run();
}

Async<> harness(Process& self, WorldRef reference) {
  World& world = *reference.world;
  world.harness = self.pid();
  struct Watched {
    Ref ref;
    int process;
  };
  std::vector<Watched> watched;
  std::vector<Pid> roots;
  for (std::size_t i = 0; i < world.script.bodies.size(); ++i) {
    if (!world.script.bodies[i].is_root) continue;
    const int process = static_cast<int>(i);
    roots.push_back(Player::start(world, process, 0, nullptr));
    watched.push_back({self.monitor(roots.back()), process});
  }
  for (const Pid root : roots) send(root, Begin{});
  std::size_t running = watched.size();
  while (running > 0) {
    co_await self.receive(
        [&](Watch m) {
          watched.push_back({self.monitor(m.pid), m.process});
          ++running;
          send(m.pid, Begin{});
        },
        [&](Down m) {
          const auto ended = std::ranges::find(watched, m.ref, &Watched::ref);
          world.ends[static_cast<std::size_t>(ended->process)] = text(m.reason);
          --running;
        });
  }
}

}  // namespace

namespace {

Observed run_in(Runtime& runtime, World& world) {
  const std::size_t count = world.script.bodies.size();
  world.pids.resize(count);
  world.logs.resize(count);
  world.ends.resize(count);
  const auto outcome = runtime.try_run(harness, WorldRef{&world});
  Observed trace;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string>& events = world.logs[i];
    if (!world.ends[i].empty()) events.push_back("ended " + world.ends[i]);
    trace += std::to_string(i) + ": ";
    for (std::size_t n = 0; n < events.size(); ++n) trace += (n == 0 ? "" : ", ") + events[n];
    trace += "; ";
  }
  if (!outcome) trace += "harness " + to_erlang(outcome.error().term());
  return trace;
}

}  // namespace

Observed run_simulated(const Script& script, std::uint64_t seed) {
  World world{.script = script};
  Simulation simulation{SimulationOptions{.seed = seed}};
  return run_in(simulation.runtime(), world);
}

Observed run_on_threads(const Script& script) {
  World world{.script = script, .unit = std::chrono::milliseconds{4}, .is_real = true};
  Runtime runtime{RuntimeOptions{.workers = 4, .max_processes = 65'536}};
  return run_in(runtime, world);
}

}  // namespace troupe::differential
