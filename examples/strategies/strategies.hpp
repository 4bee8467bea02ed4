// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What a supervisor does when one of its three children crashes, by strategy. The course draws one
// of the three; here all are run, and the picture is made from what happened.
#pragma once

#include <array>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace strategies {

struct Worker : GenServer<Worker> {
  struct Crash {};
  void handle_cast(Crash) { throw std::runtime_error("crash"); }
};

inline constexpr std::array names{"w1", "w2", "w3"};

inline auto start(Process& self, Strategy strategy) {
  return Supervisor::start_link(self,
                                children(child<Worker>().named("w1"), child<Worker>().named("w2"),
                                         child<Worker>().named("w3")),
                                {.strategy = strategy});
}

inline std::array<Pid, 3> pids() { return {whereis("w1"), whereis("w2"), whereis("w3")}; }

// Crashes the second and says which of the three are new afterwards.
inline Async<std::array<bool, 3>> crash_the_second(Process& self, ServerRef<Supervisor> sup) {
  const auto before = pids();
  const Ref watched = self.monitor(before[1]);
  cast(named<Worker>("w2"), Worker::Crash{});
  co_await self.receive(when([&](const Down& m) { return m.ref == watched; }, [](Down) {}));
  // The supervisor answers only when the restart is done, once it has begun: ask until it has.
  while (pids()[1] == before[1] || !pids()[1]) co_await Supervisor::count_children(self, sup);
  co_await Supervisor::count_children(self, sup);
  const auto after = pids();
  co_return {after[0] != before[0], after[1] != before[1], after[2] != before[2]};
}

// The tree as a picture, restarted children marked.
inline std::string picture(const std::string& strategy, const std::array<bool, 3>& restarted) {
  std::string text = "supervisor (" + strategy + ")\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i + 1 < names.size() ? "├── " : "└── ";
    text += names[i];
    text += i == 1 ? "  crashed, restarted\n" : restarted[i] ? "  restarted\n" : "\n";
  }
  return text;
}

}  // namespace strategies
