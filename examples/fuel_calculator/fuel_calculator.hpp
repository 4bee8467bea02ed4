// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The fuel for a flight is a pure function, and stays one: no state, no process. Processes help
// where there is state around it, in the four forms the course lists without code: results that
// were asked for before (`Cached`), a line of calculations (`Queue`), somebody who watches
// (`Watch`), and what was flown (`Queue` again, its history).
#pragma once

#include <map>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace fuel_calculator {

enum class Direction { launch, land };
struct Step {
  Direction direction;
  double gravity;  // m/s^2
  friend auto operator<=>(const Step&, const Step&) = default;
};
using Path = std::vector<Step>;

// The fuel for one step, and for the fuel's own mass until it needs none.
inline long fuel_for(long mass, Step step) {
  const bool launch = step.direction == Direction::launch;
  const double need = static_cast<double>(mass) * step.gravity * (launch ? 0.042 : 0.033);
  const long fuel = static_cast<long>(need) - (launch ? 33 : 42);
  return fuel <= 0 ? 0 : fuel + fuel_for(fuel, step);
}

// The fuel for all steps: the last step's fuel is carried through those before it.
inline long calculate_fuel(long mass, const Path& path) {
  long fuel = 0;
  for (auto step = path.rbegin(); step != path.rend(); ++step) fuel += fuel_for(mass + fuel, *step);
  return fuel;
}

struct Calculate {
  long mass;
  Path path;
  using Reply = long;
};

struct Cached : GenServer<Cached> {
  struct Hits {
    using Reply = int;
  };
  long handle_call(Calculate m) {
    const auto [at, is_new] = results_.try_emplace({m.mass, m.path}, 0);
    if (is_new) {
      at->second = calculate_fuel(m.mass, m.path);
    } else {
      ++hits_;
    }
    return at->second;
  }
  int handle_call(Hits) { return hits_; }

 private:
  std::map<std::pair<long, Path>, long> results_;
  int hits_ = 0;
};

struct Mission {
  std::string name;
  long fuel;
  friend bool operator==(const Mission&, const Mission&) = default;
};

// Calculates one mission after the other, tells who watches, and keeps the history.
struct Queue : GenServer<Queue> {
  struct Enqueue {
    std::string name;
    long mass;
    Path path;
  };
  struct Watch {
    Pid watcher;
    using Reply = void;
  };
  struct History {
    using Reply = std::vector<Mission>;
  };
  void handle_cast(Enqueue m) {
    history_.push_back(Mission{std::move(m.name), calculate_fuel(m.mass, m.path)});
    for (const Pid watcher : watchers_) send(watcher, history_.back());
  }
  void handle_call(Process& self, Watch m) {
    watchers_.push_back(m.watcher);
    self.monitor(m.watcher);
  }
  void handle_info(Down m) { std::erase(watchers_, m.pid); }
  std::vector<Mission> handle_call(History) { return history_; }

 private:
  std::vector<Mission> history_;
  std::vector<Pid> watchers_;
};

}  // namespace fuel_calculator
