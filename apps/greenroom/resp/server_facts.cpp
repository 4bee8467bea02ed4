// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/server_facts.hpp"

#include <cstdio>

#include "resp/error_text.hpp"
#include "resp/glob.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

// Builds "name:value" lines.
class Lines {
 public:
  Lines& section(std::string_view title) {
    if (!text_.empty()) text_.append("\r\n");
    text_.append("# ").append(title).append("\r\n");
    return *this;
  }
  Lines& line(std::string_view name, std::string_view value) {
    text_.append(name).append(":").append(value).append("\r\n");
    return *this;
  }
  Lines& line(std::string_view name, std::uint64_t value) {
    return line(name, std::string_view{std::to_string(value)});
  }
  Lines& seconds(std::string_view name, double value) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.6f", value);
    return line(name, std::string_view{digits});
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::uint64_t from_ms(std::int64_t ms) {
  return ms > 0 ? static_cast<std::uint64_t>(ms) / 1000 : 0;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr const char* units[] = {"B", "K", "M", "G", "T"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit < 4) value /= 1024, ++unit;
  char digits[32];
  std::snprintf(digits, sizeof digits, unit == 0 ? "%.0f%s" : "%.2f%s", value, units[unit]);
  return digits;
}

void server_section(const ServerFacts& facts, Lines& out) {
  std::uint64_t uptime = from_ms(facts.now_ms - facts.started_at_ms);
  out.section("Server")
      .line("redis_version", facts.redis_version)
      .line("greenroom_version", facts.greenroom_version)
      .line("redis_mode", "standalone")
      .line("os", facts.os)
      .line("arch_bits", sizeof(void*) * 8)
      .line("process_id", static_cast<std::uint64_t>(facts.process_id))
      .line("run_id", facts.run_id)
      .line("tcp_port", facts.tcp_port)
      .line("server_time_usec", static_cast<std::uint64_t>(facts.now_ms) * 1000)
      .line("uptime_in_seconds", uptime)
      .line("uptime_in_days", uptime / 86400)
      .line("executable", facts.executable)
      .line("config_file", facts.config_file);
}

void clients_section(const ServerFacts& facts, Lines& out) {
  out.section("Clients")
      .line("connected_clients", facts.connected_clients)
      .line("cluster_connections", 0)
      .line("maxclients", facts.max_clients)
      .line("blocked_clients", facts.blocked_clients)
      .line("tracking_clients", 0);
}

void memory_section(const ServerFacts& facts, Lines& out) {
  out.section("Memory")
      .line("used_memory", facts.used_memory_bytes)
      .line("used_memory_human", human_bytes(facts.used_memory_bytes))
      .line("used_memory_rss", facts.used_memory_bytes)
      .line("used_memory_dataset", facts.dataset_bytes)
      .line("used_memory_peak", facts.peak_memory_bytes)
      .line("used_memory_peak_human", human_bytes(facts.peak_memory_bytes))
      .line("maxmemory", facts.max_memory_bytes)
      .line("maxmemory_human", human_bytes(facts.max_memory_bytes))
      .line("maxmemory_policy", "noeviction")
      .line("greenroom_memory_policy", "anonymous-first");
}

void persistence_section(const ServerFacts& facts, Lines& out) {
  // In whole seconds, and -1 before the first.
  const std::string took =
      facts.last_snapshot_took_ms ? std::to_string(*facts.last_snapshot_took_ms / 1000) : "-1";
  out.section("Persistence")
      .line("loading", facts.loading ? 1 : 0)
      .line("async_loading", 0)
      .line("rdb_changes_since_last_save", 0)
      .line("rdb_bgsave_in_progress", facts.is_snapshot_under_way ? 1 : 0)
      .line("rdb_last_save_time", from_ms(facts.last_save_at_ms))
      .line("rdb_last_bgsave_status", facts.has_last_snapshot_failed ? "err" : "ok")
      .line("rdb_last_bgsave_time_sec", took)
      .line("aof_enabled", facts.engine == "none" ? 0 : 1)
      .line("aof_rewrite_in_progress", 0)
      .line("aof_last_write_status", facts.shards_failing == 0 ? "ok" : "err")
      .line("greenroom_durability", facts.durability)
      .line("greenroom_engine", facts.engine)
      .line("greenroom_last_snapshot_time", from_ms(facts.last_snapshot_at_ms))
      .line("greenroom_snapshots_failed", facts.snapshots_failed);
}

void stats_section(const ServerFacts& facts, Lines& out) {
  out.section("Stats")
      .line("total_connections_received", facts.connections_received)
      .line("total_commands_processed", facts.commands_processed)
      .line("instantaneous_ops_per_sec", facts.commands_per_second)
      .line("total_net_input_bytes", facts.bytes_received)
      .line("total_net_output_bytes", facts.bytes_sent)
      .line("rejected_connections", facts.connections_rejected)
      .line("expired_keys", facts.keys_expired)
      .line("evicted_keys", facts.sessions_evicted)
      .line("keyspace_hits", facts.key_hits)
      .line("keyspace_misses", facts.key_misses)
      .line("pubsub_channels", facts.channels)
      .line("pubsub_patterns", facts.patterns)
      .line("total_error_replies", facts.error_replies);
}

void replication_section(const ServerFacts& facts, Lines& out) {
  out.section("Replication")
      .line("role", "master")
      .line("connected_slaves", 0)
      .line("master_replid", facts.run_id)
      .line("master_repl_offset", 0);
}

void cpu_section(const ServerFacts& facts, Lines& out) {
  out.section("CPU")
      .seconds("used_cpu_sys", facts.cpu_system_seconds)
      .seconds("used_cpu_user", facts.cpu_user_seconds);
}

void modules_section(const ServerFacts&, Lines& out) { out.section("Modules"); }

void cluster_section(const ServerFacts&, Lines& out) {
  out.section("Cluster").line("cluster_enabled", 0);
}

void keyspace_section(const ServerFacts& facts, Lines& out) {
  out.section("Keyspace");
  for (std::size_t i = 0; i < facts.databases.size(); ++i) {
    const DatabaseFacts& database = facts.databases[i];
    if (database.keys == 0) continue;
    out.line("db" + std::to_string(i), "keys=" + std::to_string(database.keys) +
                                           ",expires=" + std::to_string(database.keys_with_expiry) +
                                           ",avg_ttl=" + std::to_string(database.average_ttl_ms));
  }
}

void greenroom_section(const ServerFacts& facts, Lines& out) {
  out.section("Greenroom")
      .line("greenroom_processes", facts.processes)
      .line("greenroom_writes_failed", facts.writes_failed)
      .line("greenroom_users", facts.users)
      .line("greenroom_dead_writes", facts.dead_writes)
      .line("greenroom_merged_saves", facts.merged_saves)
      .line("greenroom_merge_conflicts", facts.merge_conflicts)
      .line("greenroom_lock_waits", facts.lock_waits)
      .line("greenroom_lock_timeouts", facts.lock_timeouts)
      .line("greenroom_sessions_created", facts.sessions_created)
      .line("greenroom_sessions_deleted", facts.sessions_deleted)
      .line("greenroom_sessions_revoked", facts.sessions_revoked)
      .line("greenroom_last_event", facts.last_event);
  for (std::size_t i = 0; i < facts.popular.size(); ++i) {
    const PopularSession& session = facts.popular[i];
    out.line("greenroom_popular_" + std::to_string(i),
             "id=" + session.hash + ",db=" + std::to_string(session.database) +
                 ",reads=" + std::to_string(session.reads));
  }
}

constexpr struct {
  std::string_view name;
  void (*write)(const ServerFacts&, Lines&);
} sections_known[] = {
    {"server", server_section},
    {"clients", clients_section},
    {"memory", memory_section},
    {"persistence", persistence_section},
    {"stats", stats_section},
    {"replication", replication_section},
    {"cpu", cpu_section},
    {"modules", modules_section},
    {"cluster", cluster_section},
    {"keyspace", keyspace_section},
    {"greenroom", greenroom_section},
};

// Every section is in the default set, so the three collective names mean the same.
bool asked_for(std::string_view name, std::span<const std::string_view> sections) {
  if (sections.empty()) return true;
  for (std::string_view asked : sections)
    if (same_word(asked, name) || same_word(asked, "default") || same_word(asked, "all") ||
        same_word(asked, "everything"))
      return true;
  return false;
}

const Setting* find_setting(const ServerFacts& facts, std::string_view name) {
  for (const Setting& setting : facts.settings)
    if (same_word(setting.name, name)) return &setting;
  return nullptr;
}

void answer_config_get(const ServerFacts& facts, std::span<const std::string_view> patterns,
                       ReplyWriter& reply) {
  std::vector<const Setting*> found;
  for (const Setting& setting : facts.settings)
    for (std::string_view pattern : patterns)
      if (glob_match(pattern, setting.name, LetterCase::ignored)) {
        found.push_back(&setting);
        break;
      }
  reply.map(found.size());
  for (const Setting* setting : found) {
    reply.bulk(setting->name);
    reply.bulk(setting->value);
  }
}

// NOSAVE, SAVE, NOW and FORCE mean nothing here, where stopping in order saves everything; ABORT
// has nothing to abort.
bool is_shutdown_option(std::string_view word) {
  for (std::string_view option : {"nosave", "save", "now", "force"})
    if (same_word(word, option)) return true;
  return false;
}

void answer_shutdown(std::span<const std::string_view> options, ReplyWriter& reply) {
  if (options.size() == 1 && same_word(options[0], "abort"))
    return reply.error("ERR No shutdown in progress.");
  for (std::string_view option : options)
    if (!is_shutdown_option(option)) return reply.error(error_text::syntax);
}

void answer_time(std::int64_t now_ms, ReplyWriter& reply) {
  reply.array(2);
  reply.bulk(std::to_string(now_ms / 1000));
  reply.bulk(std::to_string(now_ms % 1000 * 1000));
}

// MEMORY DOCTOR.
std::string about_memory(const ServerFacts& facts) {
  const std::string taken = "The sessions take about " + human_bytes(facts.dataset_bytes);
  if (facts.max_memory_bytes == 0) return taken + ", and no limit is set (max_memory).\n";
  const std::uint64_t percent = static_cast<std::uint64_t>(
      static_cast<double>(facts.dataset_bytes) * 100 / static_cast<double>(facts.max_memory_bytes));
  const std::string of_limit = taken + ", " + std::to_string(percent) + " % of max_memory";
  if (percent < 90) return of_limit + ".\n";
  return of_limit + ": anonymous ones are ended first, then writes are refused.\n";
}

}  // namespace

std::string info_text(const ServerFacts& facts, std::span<const std::string_view> sections) {
  Lines out;
  for (const auto& [name, write] : sections_known)
    if (asked_for(name, sections)) write(facts, out);
  return out.take();
}

void answer_server(const CommandSpec& command, std::span<const std::string_view> words,
                   const ServerFacts& facts, ReplyWriter& reply) {
  switch (command.id) {
    case CommandId::info:
      return reply.text(info_text(facts, words.subspan(1)));
    case CommandId::config_get:
      return answer_config_get(facts, words.subspan(2), reply);
    case CommandId::time:
      return answer_time(facts.now_ms, reply);
    case CommandId::lastsave:
      return reply.integer(facts.last_save_at_ms / 1000);
    case CommandId::bgsave:
      if (words.size() > 2 || (words.size() == 2 && !same_word(words[1], "schedule")))
        return reply.error(error_text::syntax);
      return reply.simple("Background saving started");
    case CommandId::latency_history:
    case CommandId::latency_latest:
      return reply.array(0);
    case CommandId::latency_histogram:
      return reply.map(0);
    case CommandId::memory_doctor:
      return reply.text(about_memory(facts));
    case CommandId::latency_reset:
      return reply.integer(0);
    case CommandId::shutdown:
      return answer_shutdown(words.subspan(1), reply);
    default:
      return reply.ok();
  }
}

namespace {

// Whether the setting stands before the i-th word already.
bool is_repeated(std::span<const std::string_view> pairs, std::size_t i) {
  for (std::size_t before = 0; before < i; before += 2)
    if (same_word(pairs[before], pairs[i])) return true;
  return false;
}

}  // namespace

void answer_config_set(const ServerFacts& facts, std::span<const std::string_view> words,
                       SettingChanges& changes, ReplyWriter& reply) {
  const auto pairs = words.subspan(2);
  if (pairs.size() % 2 != 0) return reply.error(error_text::syntax);
  for (const auto mode : {SettingChanges::Mode::check, SettingChanges::Mode::apply}) {
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      auto refusal = changes.change(pairs[i], pairs[i + 1], mode);
      if (mode == SettingChanges::Mode::check && is_repeated(pairs, i))
        refusal = "duplicate parameter";
      if (!refusal) continue;
      if (find_setting(facts, pairs[i]) == nullptr && refusal->empty())
        return reply.error("ERR Unknown option or number of arguments for CONFIG SET - '" +
                           std::string(error_text::echoed(pairs[i])) + "'");
      return reply.error("ERR CONFIG SET failed (possibly related to argument '" +
                         std::string(error_text::echoed(pairs[i])) + "') - " +
                         (refusal->empty() ? "can't set immutable config" : *refusal));
    }
  }
  reply.ok();
}

}  // namespace greenroom
