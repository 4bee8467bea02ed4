// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Services of which there is exactly one, under a name: a metrics collector, which is told and does
// not answer, and a configuration service, which tells those who watch a key when it changes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace singletons {

struct Metrics : GenServer<Metrics> {
  struct Count {
    std::string name;
    long by = 1;
  };
  struct Observe {
    std::string name;
    double value;
  };
  struct Summary {
    long count = 0;
    double sum = 0, least = 0, most = 0;
    double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  };
  struct GetCount {
    std::string name;
    using Reply = long;
  };
  struct GetSummary {
    std::string name;
    using Reply = Summary;
  };
  void handle_cast(Count m) { counters_[m.name] += m.by; }
  void handle_cast(Observe m) {
    Summary& s = summaries_[m.name];
    s.least = s.count == 0 ? m.value : std::min(s.least, m.value);
    s.most = s.count == 0 ? m.value : std::max(s.most, m.value);
    s.sum += m.value;
    ++s.count;
  }
  long handle_call(GetCount m) { return counters_[m.name]; }
  Summary handle_call(GetSummary m) { return summaries_[m.name]; }

 private:
  std::map<std::string, long> counters_;
  std::map<std::string, Summary> summaries_;
};

struct ConfigChanged {
  std::string key, value;
};

struct Config : GenServer<Config> {
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  struct Set {
    std::string key, value;
    using Reply = void;
  };
  struct Watch {
    std::string key;
    Pid watcher;
    using Reply = void;
  };
  explicit Config(std::map<std::string, std::string> defaults) : values_{std::move(defaults)} {}
  std::optional<std::string> handle_call(Get m) {
    const auto at = values_.find(m.key);
    return at == values_.end() ? std::optional<std::string>{} : at->second;
  }
  void handle_call(Set m) {
    std::string& value = values_[m.key];
    if (value == m.value) return;
    value = m.value;
    for (const Pid watcher : watchers_[m.key]) send(watcher, ConfigChanged{m.key, value});
  }
  void handle_call(Process& self, Watch m) {
    if (watchers_[m.key].insert(m.watcher).second) self.monitor(m.watcher);
  }
  void handle_info(Down m) {
    for (auto& [key, watchers] : watchers_) watchers.erase(m.pid);
  }

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, std::set<Pid>> watchers_;
};

using Settings = std::map<std::string, std::string>;

inline auto start(Process& self, Settings settings) {
  return Supervisor::start_link(self, children(child<Metrics>().named("metrics"),
                                               child<Config>(std::move(settings)).named("config")));
}
inline auto metrics() { return named<Metrics>("metrics"); }
inline auto config() { return named<Config>("config"); }

}  // namespace singletons
