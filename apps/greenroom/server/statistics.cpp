// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/statistics.hpp"

#include <troupe/log.hpp>
#include <troupe/timer.hpp>

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

void StatisticsServer::init(Process& self) {
  looked_at_ = halved_at_ = self.monotonic_time();
  commands_before_ = server_->house.counters.commands.load();
  send_after(self.pid(), interval, Tick{});
}

void StatisticsServer::handle_info(Process& self, Tick) {
  const Duration now = self.monotonic_time();
  const std::uint64_t commands = server_->house.counters.commands.load();
  // CONFIG RESETSTAT puts the counters back.
  const std::uint64_t come = commands < commands_before_ ? commands : commands - commands_before_;
  const double seconds = std::chrono::duration<double>(now - looked_at_).count();
  if (seconds > 0) {
    commands_per_second_ = static_cast<std::uint64_t>(static_cast<double>(come) / seconds);
  }
  commands_before_ = commands;
  looked_at_ = now;
  if (now - halved_at_ >= half_life) {
    popular_.halve();
    halved_at_ = now;
  }
  watch_memory();
  server_->set_statistics(report());
  send_after(self.pid(), interval, Tick{});
}

StatisticsReport StatisticsServer::report() const {
  StatisticsReport report{.commands_per_second = commands_per_second_, .popular = {}};
  for (const PopularKeys::Entry& entry : popular_.top(popular_shown)) {
    report.popular.push_back(PopularSession{std::string{server_->id_hash(key_in(entry.key))},
                                            database_of(entry.key), entry.count});
  }
  return report;
}

// The operator hears of it before anybody is refused.
void StatisticsServer::watch_memory() {
  const std::int64_t limit = server_->house.max_memory_bytes.load();
  if (limit == 0) return;
  const auto used = static_cast<double>(server_->house.counters.dataset_bytes.load());
  const double share = used / static_cast<double>(limit);
  if (share >= warned_from && !has_warned_) {
    log::warning(
        "sessions take {} % of max_memory; anonymous ones are ended first, then writes "
        "are refused",
        static_cast<int>(share * 100));
    has_warned_ = true;
  }
  if (share < calm_below) has_warned_ = false;
}

Async<std::string> answer_statistics(Process& self, ServerPtr server, RespVersion version) {
  auto told = co_await try_call(self, named<StatisticsServer>(server->house.statistics),
                                StatisticsServer::Tell{});
  const StatisticsReport report = told ? std::move(*told) : server->statistics();
  const Counters& counters = server->house.counters;
  const std::int64_t up_ms = self.system_time() / 1ms - server->started_at_ms;
  const std::pair<std::string_view, std::uint64_t> lines[] = {
      {"uptime_seconds", static_cast<std::uint64_t>(up_ms > 0 ? up_ms / 1'000 : 0)},
      {"created", counters.created.load()},
      {"accesses", counters.hits.load()},
      {"deleted", counters.deleted.load()},
      {"expired", counters.expired.load()},
      {"evicted", counters.evicted.load()},
      {"commands_per_second", report.commands_per_second},
      {"users", server->house.users.users()},
      {"dead_writes", counters.dead_writes.load()},
      {"merged_saves", counters.merged_saves.load()},
      {"merge_conflicts", counters.merge_conflicts.load()},
      {"lock_waits", counters.lock_waits.load()},
      {"lock_timeouts", counters.lock_timeouts.load()},
      {"sessions_revoked", counters.sessions_revoked.load()},
  };
  std::string out;
  ReplyWriter reply{out, version};
  reply.map(std::size(lines) + 1);
  for (const auto& [name, value] : lines) {
    reply.bulk(name);
    reply.integer(static_cast<std::int64_t>(value));
  }
  reply.bulk("popular");
  reply.array(report.popular.size());
  for (const PopularSession& session : report.popular) {
    reply.array(3);
    reply.bulk(session.hash);
    reply.integer(session.database);
    reply.integer(static_cast<std::int64_t>(session.reads));
  }
  co_return out;
}

}  // namespace greenroom
