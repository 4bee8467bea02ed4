// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

#include "server/server.hpp"
#include "server/settings.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

std::uint64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::vector<Setting> settings_of(const Server& server) {
  const ServeOptions& options = server.options;
  const bool stores = options.durability != storage::Durability::memory;
  std::vector<Setting> settings{
      {"bind", options.bind},
      {"port", std::to_string(options.port)},
      {"dir", stores ? options.data : ""},
      {"databases", "16"},
      {"maxclients", std::to_string(options.max_clients)},
      {"maxmemory", std::to_string(server.house.max_memory_bytes.load())},
      {"maxmemory-policy", "noeviction"},
      {"max-reply-bytes", std::to_string(options.max_reply_bytes)},
      {"proto-max-bulk-len", std::to_string(options.max_value_bytes)},
      {"requirepass", ""},
      // What redis-benchmark and client libraries ask for, in Redis' terms.
      {"save", ""},
      {"appendonly", stores ? "yes" : "no"},
      {"appendfsync", options.durability == storage::Durability::commit ? "always" : "everysec"},
      {"timeout", "0"},
      {"notify-keyspace-events", event_letters(server.house.event_flags)},
      {"replica-read-only", "yes"},
      {"durability", std::string{name_of(options.durability)}},
  };
  for (const PrefixRule& rule : server.house.rules.all()) {
    settings.push_back({std::string{prefix_setting} + rule.prefix, to_words(rule)});
  }
  return settings;
}

}  // namespace

ServerFacts gather_facts(Process& self, const Server& server) {
  ServerFacts facts;
  const Counters& counters = server.house.counters;
  facts.run_id = server.run_id;
  facts.os = server.os;
  facts.process_id = getpid();
  facts.executable = server.executable;
  facts.config_file = server.config_file;
  facts.tcp_port = server.port;
  facts.now_ms = self.system_time() / 1ms;
  facts.started_at_ms = server.started_at_ms;
  facts.connected_clients = counters.connections_open.load();
  facts.blocked_clients = server.house.waiting_clients.count();
  facts.max_clients = server.options.max_clients;
  facts.used_memory_bytes = resident_bytes();
  facts.dataset_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(counters.dataset_bytes.load(), 0));
  facts.max_memory_bytes = static_cast<std::uint64_t>(server.house.max_memory_bytes.load());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  // The kernel notes the peak later than what is resident.
  facts.peak_memory_bytes =
      std::max(static_cast<std::uint64_t>(usage.ru_maxrss) * 1024, facts.used_memory_bytes);
  facts.cpu_system_seconds = seconds(usage.ru_stime);
  facts.cpu_user_seconds = seconds(usage.ru_utime);
  facts.durability = std::string{name_of(server.options.durability)};
  if (server.options.durability != storage::Durability::memory) {
    facts.engine = std::string{name_of(server.options.engine)};
  }
  facts.connections_received = counters.connections_received.load();
  facts.connections_rejected = counters.connections_rejected.load();
  facts.commands_processed = counters.commands.load();
  facts.bytes_received = counters.bytes_received.load();
  facts.bytes_sent = counters.bytes_sent.load();
  facts.sessions_created = counters.created.load();
  facts.sessions_deleted = counters.deleted.load();
  facts.sessions_evicted = counters.evicted.load();
  facts.keys_expired = counters.expired.load();
  facts.key_hits = counters.hits.load();
  facts.key_misses = counters.misses.load();
  facts.shards_failing = server.storage_health.shards_failing.load();
  facts.writes_failed = server.storage_health.writes_failed.load();
  facts.error_replies = counters.errors.load();
  facts.channels = server.house.channels.channel_count();
  facts.patterns = server.house.channels.patterns();
  // What is acknowledged is on disk at once, within a second, or never.
  using enum storage::Durability;
  const storage::Durability durability = server.options.durability;
  facts.last_save_at_ms = durability == commit    ? facts.now_ms
                          : durability == relaxed ? facts.now_ms - 1'000
                                                  : facts.started_at_ms;
  const SnapshotState& snapshots = server.snapshots;
  facts.is_snapshot_under_way = snapshots.is_under_way;
  facts.has_last_snapshot_failed = snapshots.has_last_failed;
  facts.snapshots_failed = snapshots.failed;
  facts.last_snapshot_at_ms = snapshots.last_made_at_ms;
  if (snapshots.last_made_at_ms != 0 || snapshots.failed != 0) {
    facts.last_snapshot_took_ms = snapshots.last_took_ms;
  }
  facts.users = server.house.users.users();
  facts.dead_writes = counters.dead_writes.load();
  facts.merged_saves = counters.merged_saves.load();
  facts.merge_conflicts = counters.merge_conflicts.load();
  facts.lock_waits = counters.lock_waits.load();
  facts.lock_timeouts = counters.lock_timeouts.load();
  facts.last_event = server.house.event_ring.last();
  StatisticsReport report = server.statistics();
  facts.commands_per_second = report.commands_per_second;
  facts.popular = std::move(report.popular);
  facts.sessions_revoked = counters.sessions_revoked.load();
  facts.processes = self.runtime().process_count();
  for (std::size_t i = 0; i < facts.databases.size(); ++i) {
    const std::int64_t keys = counters.keys[i].load();
    const std::int64_t expiring = counters.keys_with_expiry[i].load();
    facts.databases[i].keys = keys > 0 ? static_cast<std::uint64_t>(keys) : 0;
    facts.databases[i].keys_with_expiry = expiring > 0 ? static_cast<std::uint64_t>(expiring) : 0;
    facts.databases[i].average_ttl_ms =
        counters.average_ttl_ms(static_cast<std::uint8_t>(i), facts.now_ms);
  }
  facts.settings = settings_of(server);
  return facts;
}

}  // namespace greenroom
