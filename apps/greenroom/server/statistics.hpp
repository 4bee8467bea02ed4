// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/gen_server.hpp>

#include "server/server.hpp"
#include "session/popular_keys.hpp"

namespace greenroom {

// The process of the statistics: how fast things go, and which sessions are read most.
//
// That sessions are created, accessed and deleted is not told to it one by one, as the course that
// this product comes from has it: a cast for each command would make its mailbox the one queue that
// every session waits in. Sessions add to counters in memory (Counters), which it looks at every
// second; and a session tells of itself every sixteenth time that it was read. So what it costs
// does not grow with the number of sessions, and a crash of it loses the popular ones only.
struct StatisticsServer : troupe::GenServer<StatisticsServer> {
  static constexpr std::size_t popular_shown = 10;
  static constexpr troupe::Duration interval = std::chrono::seconds{1};
  // Twice as long ago counts half.
  static constexpr troupe::Duration half_life = std::chrono::minutes{10};
  // From here on, of the limit of memory, the log warns; below the other it may warn again.
  static constexpr double warned_from = 0.9;
  static constexpr double calm_below = 0.85;

  struct Tell {
    using Reply = StatisticsReport;
  };
  struct Tick {};

  explicit StatisticsServer(ServerPtr server) : server_{server} {}
  void init(troupe::Process& self);
  StatisticsReport handle_call(Tell) const { return report(); }
  using Info = troupe::Messages<Tick, SessionWasRead>;
  void handle_info(troupe::Process& self, Tick);
  void handle_info(SessionWasRead message) { popular_.note(message.storage_key, message.reads); }

 private:
  StatisticsReport report() const;
  void watch_memory();

  ServerPtr server_;
  PopularKeys popular_;
  std::uint64_t commands_before_ = 0;
  troupe::Duration looked_at_{0};
  troupe::Duration halved_at_{0};
  std::uint64_t commands_per_second_ = 0;
  bool has_warned_ = false;
};

// SESS.STATS: what has happened since the start, and the popular sessions as they are now.
troupe::Async<std::string> answer_statistics(troupe::Process& self, ServerPtr server,
                                             RespVersion version);

}  // namespace greenroom
