// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A configuration service, of which the course has the name: settings that may change while the
// program runs, and those who watch a key are told when it does. (Settings that never change need
// no process.)
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace singletons {

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

}  // namespace singletons
