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

}  // namespace

std::string metrics_text(Process& self, const Operation& operation) {
  const ServerFacts facts = gather_facts(self, operation.server);
  Metrics metrics;
  metrics.head("greenroom_build_info", "Always 1; the version is a label.", "gauge");
  metrics.sample("greenroom_build_info", "version=\"" + facts.greenroom_version + "\"", 1);
  metrics.gauge("greenroom_ready", "1 if the server should get requests.",
                operation.is_loaded && !operation.is_draining ? 1 : 0);
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
  add_keys(metrics, facts);
  metrics.gauge("greenroom_processes", "Processes of the runtime, one per session and connection.",
                number(facts.processes));
  metrics.gauge("greenroom_last_snapshot_timestamp_seconds", "The last snapshot; 0: none yet.",
                static_cast<double>(operation.last_snapshot_ms) / 1'000);
  metrics.counter("greenroom_snapshots_failed_total", "Snapshots that could not be made.",
                  number(operation.snapshots_failed));
  metrics.gauge("process_resident_memory_bytes", "Resident memory.",
                number(facts.used_memory_bytes));
  metrics.counter("process_cpu_seconds_total", "Processor time.",
                  facts.cpu_user_seconds + facts.cpu_system_seconds);
  metrics.gauge("process_start_time_seconds", "When the server was started, since 1970.",
                static_cast<double>(facts.started_at_ms) / 1'000);
  return metrics.take();
}

}  // namespace greenroom
