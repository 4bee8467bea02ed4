// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "stress/crowd.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <vector>

#include <troupe/runtime.hpp>
#include <troupe/timer.hpp>

#include "base/prng.hpp"

namespace troupe::stress {

namespace {

using namespace std::chrono_literals;

// A member tells others of itself, which is how they come to know each other.
struct Hello {
  Pid from;
};
struct TimesUp {};
// What a member has to say of its life, sent now and then so that little is lost with a kill.
struct Diary {
  Counts counts;
  std::string violation;
};

constexpr int acquaintances = 16;
constexpr int names = 50;

class Member {
 public:
  Member(Process& self, Pid keeper, std::vector<Pid> known)
      : self_{self}, keeper_{keeper}, known_{std::move(known)}, random_{self.random()} {
    self_.trap_exits(below(2) == 0);
  }
  // Runs however the member ends; what it sends arrives before the news of its end.
  ~Member() { report(); }
  Member(const Member&) = delete;

  Async<> run() {
    for (int turn = 1;; ++turn) {
      co_await act();
      for (int i = 0; i < 4; ++i) {
        if (!co_await take_one(i == 0 ? below(3) * 1ms : 0ms)) break;
      }
      if (turn % 64 == 0) report();
    }
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(n))); }
  Pid somebody() { return known_[static_cast<std::size_t>(below(acquaintances))]; }

  void report() {
    send(keeper_, Diary{counts_, std::move(violation_)});
    counts_ = {};
    violation_.clear();
  }
  void violated(std::string rule) {
    if (violation_.empty()) violation_ = std::move(rule);
  }

  Async<> act() {
    switch (below(12)) {
      case 0:
      case 1:
        ++counts_.links;
        try {
          self_.link(somebody());
        } catch (const ErrorException&) {  // it is dead, and this member does not trap exits
        }
        break;
      case 2:
        ++counts_.unlinks;
        self_.unlink(somebody());
        break;
      case 3:
      case 4:
        ++counts_.monitors;
        watched_.push_back(self_.monitor(somebody()));
        break;
      case 5:
        demonitor_one();
        break;
      case 6:
        ++counts_.exits_sent;
        exit(somebody(), below(4) == 0 ? "kill" : below(2) == 0 ? "normal" : "signal");
        break;
      case 7:
        self_.trap_exits(below(2) == 0);
        break;
      case 8:
        ++counts_.timers;
        timer_ = send_after(somebody(), below(3) * 1ms, TimesUp{});
        if (below(2) == 0) cancel_timer(timer_);
        break;
      case 9:
        use_a_name();
        break;
      case 10:
        co_await look_at(somebody());
        break;
      default:
        for (int i = 0; i < 2; ++i) send(somebody(), Hello{self_.pid()});
    }
    if (below(200) == 0) self_.exit(below(2) == 0 ? "normal" : "tired");
  }

  void demonitor_one() {
    if (watched_.empty()) return;
    ++counts_.demonitors;
    const auto which = static_cast<std::size_t>(below(static_cast<int>(watched_.size())));
    const Ref ref = watched_[which];
    self_.demonitor(ref, Flush::yes);
    watched_[which] = watched_.back();
    watched_.pop_back();
  }

  void use_a_name() {
    const Name name{"member_" + std::to_string(below(names))};
    try {
      if (below(2) == 0) {
        self_.register_name(name);
        ++counts_.names;
      } else {
        unregister_name(name);
      }
    } catch (const ErrorException&) {  // taken, or nobody's
    }
  }

  Async<> look_at(Pid pid) {
    const auto info = co_await process_info(self_, pid);
    if (info && info->links.size() > 10'000) violated("a link is kept twice");
  }

  // False: there was nothing to take.
  Async<bool> take_one(Duration time) {
    Pid dead;
    const bool taken = co_await self_.receive(
        [&](Hello m) {
          ++counts_.messages;
          known_[static_cast<std::size_t>(below(acquaintances))] = m.from;
          return true;
        },
        [&](TimesUp) {
          ++counts_.messages;
          return true;
        },
        [&](Exit) {
          ++counts_.exits_trapped;
          return true;
        },
        [&](Down m) {
          ++counts_.downs;
          const auto found = std::ranges::find(watched_, m.ref);
          if (found == watched_.end()) {
            violated("a Down comes twice, or after its monitor was taken back");
          } else {
            watched_.erase(found);
          }
          dead = m.pid;
          return true;
        },
        after(time, [] { return false; }));
    if (dead && co_await is_alive(self_, dead)) violated("a process is alive after its Down");
    co_return taken;
  }

  Process& self_;
  Pid keeper_;
  std::vector<Pid> known_;
  Prng random_;
  std::vector<Ref> watched_;
  TimerRef timer_;
  Counts counts_;
  std::string violation_;
};

Async<> member(Process& self, Pid keeper, std::vector<Pid> known) {
  Member me{self, keeper, std::move(known)};
  co_await me.run();
}

void add(Counts& sum, const Counts& part) {
  sum.ends += part.ends;
  sum.links += part.links;
  sum.unlinks += part.unlinks;
  sum.monitors += part.monitors;
  sum.demonitors += part.demonitors;
  sum.exits_sent += part.exits_sent;
  sum.exits_trapped += part.exits_trapped;
  sum.downs += part.downs;
  sum.messages += part.messages;
  sum.timers += part.timers;
  sum.names += part.names;
}

// Keeps the crowd at its size, and adds up what its members tell. Nobody knows it, so nobody can
// end it.
class Keeper {
 public:
  Keeper(Process& self, std::size_t size) : self_{self}, size_{size}, random_{self.random()} {}

  Async<Outcome> run(Duration time) {
    recent_.assign(size_, spawn([](Process&) {}));
    const Duration end = self_.monotonic_time() + time;
    while (self_.monotonic_time() < end) {
      while (members_.size() < size_) start_one();
      co_await take_one(10ms);
    }
    for (const auto& [ref, pid] : members_) exit(pid, "kill");
    while (!members_.empty()) {
      if (co_await take_one(60s)) continue;
      violated("a killed member does not end");
      break;
    }
    // Their ends have been reported, so what was theirs is free.
    if (!self_.runtime().registered().empty()) violated("a dead process has a name");
    co_return std::move(outcome_);
  }

 private:
  struct Hash {
    std::size_t operator()(Ref ref) const { return static_cast<std::size_t>(mix64(ref.id())); }
  };

  void violated(std::string rule) {
    if (outcome_.violations++ == 0) outcome_.first_violation = std::move(rule);
  }

  std::size_t any_index() { return static_cast<std::size_t>(random_.below(size_)); }

  void start_one() {
    std::vector<Pid> known;
    for (int i = 0; i < acquaintances; ++i) known.push_back(recent_[any_index()]);
    const Monitored born = spawn_monitor(member, self_.pid(), std::move(known));
    members_.emplace(born.ref, born.pid);
    recent_[any_index()] = born.pid;
  }

  // False: nothing came.
  Async<bool> take_one(Duration time) {
    co_return co_await self_.receive(
        [&](Down m) {
          ++outcome_.counts.ends;
          if (members_.erase(m.ref) != 1) violated("the end of a member is reported twice");
          return true;
        },
        [&](Diary m) {
          add(outcome_.counts, m.counts);
          if (!m.violation.empty()) violated(std::move(m.violation));
          return true;
        },
        after(time, [] { return false; }));
  }

  Process& self_;
  std::size_t size_;
  Prng random_;
  std::unordered_map<Ref, Pid, Hash> members_;
  std::vector<Pid> recent_;  // most are alive; the first are not
  Outcome outcome_;
};

}  // namespace

Async<Outcome> run_crowd(Process& self, std::size_t size, Duration time) {
  Keeper keeper{self, size};
  co_return co_await keeper.run(time);
}

}  // namespace troupe::stress
