// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Agents: a counter, and a cache under a name. The functions run in the agent, one after the other,
// so an update that reads and writes is one step. The courses' functions capture what they need
// from the caller; here they capture nothing and are given it, so nothing is shared by accident.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <troupe/agent.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace agents {

using Counter = Agent<int>;

inline Async<> add(Process& self, ServerRef<Counter> counter, int n) {
  co_await Counter::update(self, counter, [](int& count, int by) { count += by; }, n);
}
inline Async<int> count(Process& self, ServerRef<Counter> counter) {
  co_return co_await Counter::get(self, counter, [](const int& count) { return count; });
}

using Cache = Agent<std::map<std::string, std::string>>;
using Entries = std::map<std::string, std::string>;

inline Async<> put(Process& self, ServerRef<Cache> cache, std::string key, std::string value) {
  const auto insert = [](Entries& entries, std::string k, std::string v) {
    entries[std::move(k)] = std::move(v);
  };
  co_await Cache::update(self, cache, insert, std::move(key), std::move(value));
}
inline Async<std::optional<std::string>> get(Process& self, ServerRef<Cache> cache,
                                             std::string key) {
  const auto find = [](const Entries& entries, const std::string& k) {
    const auto at = entries.find(k);
    return at == entries.end() ? std::optional<std::string>{} : std::optional{at->second};
  };
  co_return co_await Cache::get(self, cache, find, std::move(key));
}

}  // namespace agents
