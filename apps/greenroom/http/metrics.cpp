// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/metrics.hpp"

#include <charconv>

namespace greenroom {

using namespace troupe;

namespace {

class Metrics {
 public:
  void counter(std::string_view name, std::string_view help, double value) {
    head(name, help, "counter");
    sample(name, {}, value);
  }
  void gauge(std::string_view name, std::string_view help, double value) {
    head(name, help, "gauge");
    sample(name, {}, value);
  }
  void head(std::string_view name, std::string_view help, std::string_view type) {
    text_ += "# HELP " + std::string{name} + " " + std::string{help} + "\n";
    text_ += "# TYPE " + std::string{name} + " " + std::string{type} + "\n";
  }
  void sample(std::string_view name, std::string_view labels, double value) {
    text_ += name;
    if (!labels.empty()) text_ += "{" + std::string{labels} + "}";
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text_ += ' ';
    text_.append(digits, end);
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_keys(Metrics& metrics, const ServerFacts& facts) {
  metrics.head("greenroom_keys", "Keys that exist, by database.", "gauge");
  for (std::size_t i = 0; i < facts.databases.size(); ++i) {
    if (i > 0 && facts.databases[i].keys == 0) continue;
    metrics.sample("greenroom_keys", "db=\"" + std::to_string(i) + "\"",
                   number(facts.databases[i].keys));
  }
  metrics.head("greenroom_keys_with_expiry", "Keys that will expire, by database.", "gauge");
  for (std::size_t i = 0; i < facts.databases.size(); ++i) {
    if (i > 0 && facts.databases[i].keys == 0) continue;
    metrics.sample("greenroom_keys_with_expiry", "db=\"" + std::to_string(i) + "\"",
                   number(facts.databases[i].keys_with_expiry));
  }
}

void add_sessions(Metrics& metrics, const ServerFacts& facts) {
  metrics.counter("greenroom_sessions_created_total", "Sessions that were created.",
                  number(facts.sessions_created));
  metrics.counter("greenroom_sessions_deleted_total", "Sessions that were deleted or revoked.",
                  number(facts.sessions_deleted));
  metrics.counter("greenroom_sessions_revoked_total", "Sessions that were revoked.",
                  number(facts.sessions_revoked));
  metrics.counter("greenroom_sessions_evicted_total",
                  "Anonymous sessions that were ended at the limit of memory.",
                  number(facts.sessions_evicted));
  metrics.counter("greenroom_dead_writes_total", "Saves to ended sessions, which are not stored.",
                  number(facts.dead_writes));
  metrics.counter("greenroom_merged_saves_total", "Saves that were merged with others.",
                  number(facts.merged_saves));
  metrics.counter("greenroom_merge_conflicts_total", "Merges in which one change was lost.",
                  number(facts.merge_conflicts));
  metrics.counter("greenroom_lock_waits_total", "Locks that were waited for.",
                  number(facts.lock_waits));
  metrics.counter("greenroom_lock_timeouts_total", "Locks that were waited for in vain.",
                  number(facts.lock_timeouts));
  metrics.gauge("greenroom_users", "Users that have sessions.", number(facts.users));
  metrics.gauge("greenroom_dataset_bytes", "Memory of the sessions, estimated.",
                number(facts.dataset_bytes));
  metrics.gauge("greenroom_memory_limit_bytes", "What it may be; 0: no limit.",
                number(facts.max_memory_bytes));
  metrics.head("greenroom_popular_reads",
               "Reads of the sessions that are read most, about and lately, by the hash of the id.",
               "gauge");
  for (const PopularSession& session : facts.popular) {
    metrics.sample("greenroom_popular_reads",
                   "id=\"" + session.hash + "\",db=\"" + std::to_string(session.database) + "\"",
                   number(session.reads));
  }
}

}  // namespace

std::string metrics_text(Process& self, const Operation& operation) {
  const ServerFacts facts = gather_facts(self, operation.server);
  Metrics metrics;
  metrics.head("greenroom_build_info", "Always 1; the version is a label.", "gauge");
  metrics.sample("greenroom_build_info", "version=\"" + facts.greenroom_version + "\"", 1);
  metrics.gauge("greenroom_ready", "1 if the server should get requests.",
                operation.is_loaded && !operation.server.is_draining ? 1 : 0);
  metrics.gauge("greenroom_uptime_seconds", "Time since the start.",
                static_cast<double>(facts.now_ms - facts.started_at_ms) / 1'000);
  metrics.gauge("greenroom_connections_open", "Clients that are connected.",
                number(facts.connected_clients));
  metrics.gauge("greenroom_connections_limit", "How many may be.", number(facts.max_clients));
  metrics.counter("greenroom_connections_total", "Clients that have connected.",
                  number(facts.connections_received));
  metrics.counter("greenroom_connections_rejected_total", "Clients refused at the limit.",
                  number(facts.connections_rejected));
  metrics.counter("greenroom_commands_total", "Commands of the Redis protocol.",
                  number(facts.commands_processed));
  metrics.counter("greenroom_error_replies_total", "Commands answered with an error.",
                  number(facts.error_replies));
  metrics.counter("greenroom_key_hits_total", "Reads that found their key.",
                  number(facts.key_hits));
  metrics.counter("greenroom_key_misses_total", "Reads that did not.", number(facts.key_misses));
  metrics.counter("greenroom_keys_expired_total", "Keys that have expired.",
                  number(facts.keys_expired));
  metrics.counter("greenroom_received_bytes_total", "Bytes from clients.",
                  number(facts.bytes_received));
  metrics.counter("greenroom_sent_bytes_total", "Bytes to clients.", number(facts.bytes_sent));
  add_sessions(metrics, facts);
  add_keys(metrics, facts);
  metrics.gauge("greenroom_processes", "Processes of the runtime, one per session and connection.",
                number(facts.processes));
  metrics.gauge("greenroom_storage_shards_failing",
                "Parts of the data directory whose last write or flush has failed.",
                number(facts.shards_failing));
  metrics.counter("greenroom_storage_writes_failed_total",
                  "Writes to disk, and flushes, that have failed.", number(facts.writes_failed));
  metrics.gauge("greenroom_last_snapshot_timestamp_seconds", "The last snapshot; 0: none yet.",
                static_cast<double>(facts.last_snapshot_at_ms) / 1'000);
  metrics.counter("greenroom_snapshots_failed_total", "Snapshots that could not be made.",
                  number(facts.snapshots_failed));
  metrics.gauge("greenroom_last_snapshot_failed", "1 if the last attempt made no snapshot.",
                facts.has_last_snapshot_failed ? 1 : 0);
  metrics.gauge("process_resident_memory_bytes", "Resident memory.",
                number(facts.used_memory_bytes));
  metrics.counter("process_cpu_seconds_total", "Processor time.",
                  facts.cpu_user_seconds + facts.cpu_system_seconds);
  metrics.gauge("process_start_time_seconds", "When the server was started, since 1970.",
                static_cast<double>(facts.started_at_ms) / 1'000);
  return metrics.take();
}

}  // namespace greenroom
