// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A cache whose entries expire, as a GenServer. In the course the timer of an entry that was put
// again deletes the new one too early; here each entry remembers which timer is its own. (The
// library has a cache with a limit on its size as well: troupe/cache.hpp.)
#pragma once

#include <map>
#include <optional>
#include <string>

#include <troupe/timer.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace ttl_cache {

struct Cache : GenServer<Cache> {
  struct Put {
    std::string key, value;
    Duration ttl = 60s;
  };
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  using Expire = TimerFired<std::string>;
  using Info = troupe::Messages<Expire>;

  void handle_cast(Process& self, Put m) {
    if (const auto at = entries_.find(m.key); at != entries_.end()) cancel_timer(at->second.timer);
    const TimerRef timer = start_timer(self.pid(), m.ttl, m.key);
    entries_[m.key] = Entry{std::move(m.value), timer};
  }
  std::optional<std::string> handle_call(Get m) {
    const auto at = entries_.find(m.key);
    return at == entries_.end() ? std::optional<std::string>{} : at->second.value;
  }
  void handle_info(Expire fired) {
    const auto at = entries_.find(fired.message);
    // A timer that could not be cancelled any more is not this entry's.
    if (at != entries_.end() && at->second.timer == fired.timer) entries_.erase(at);
  }

 private:
  struct Entry {
    std::string value;
    TimerRef timer;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace ttl_cache
