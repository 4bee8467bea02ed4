// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// How often sessions were created, used and deleted, and since when. The course has this server,
// and nothing in it that tells it anything; here the sessions do.
#pragma once

#include <troupe/troupe.hpp>

using namespace troupe;

namespace session_store {

struct Stats : GenServer<Stats> {
  enum class Event { create, access, remove };
  struct Record {
    Event event;
  };
  struct Counts {
    long creates = 0, accesses = 0, deletes = 0;
    Duration uptime{};
  };
  struct GetStats {
    using Reply = Counts;
  };
  explicit Stats(Process& self) : started_{self.monotonic_time()} {}
  void handle_cast(Record m) {
    ++(m.event == Event::create   ? counts_.creates
       : m.event == Event::access ? counts_.accesses
                                  : counts_.deletes);
  }
  Counts handle_call(Process& self, GetStats) {
    Counts counts = counts_;
    counts.uptime = self.monotonic_time() - started_;
    return counts;
  }

 private:
  Duration started_;
  Counts counts_;
};
inline void record(Stats::Event event) { cast(named<Stats>("stats"), Stats::Record{event}); }

}  // namespace session_store
