// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"

namespace greenroom {

// One setting as CONFIG GET shows it. Passwords are put in masked or empty by whoever fills this
// in.
struct Setting {
  std::string name;
  std::string value;
};

struct DatabaseFacts {
  std::uint64_t keys = 0;
  std::uint64_t keys_with_expiry = 0;
  std::int64_t average_ttl_ms = 0;
};

// One of the sessions that are read most, by the hash that stands for its id.
struct PopularSession {
  std::string hash;
  std::uint8_t database = 0;
  std::uint64_t reads = 0;  // About, and lately: see session/popular_keys.hpp.
};

// What INFO and CONFIG GET tell, gathered by the connection process at the moment of asking. Plain
// values, so it is a message as it stands.
struct ServerFacts {
  std::string redis_version = "7.2.5";  // The version whose behaviour clients may expect.
  std::string greenroom_version = "0.1.0";
  std::string run_id;  // 40 hexadecimal digits, new at each start.
  std::string os;
  std::string executable;
  std::string config_file;  // empty: there is none
  std::int64_t process_id = 0;
  std::uint16_t tcp_port = 0;
  std::int64_t now_ms = 0;
  std::int64_t started_at_ms = 0;
  bool loading = false;

  std::uint64_t connected_clients = 0;
  std::uint64_t blocked_clients = 0;  // Of those: that wait for a lock or an event.
  std::uint64_t max_clients = 0;
  std::uint64_t used_memory_bytes = 0;  // Resident.
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t dataset_bytes = 0;     // What the sessions take, estimated.
  std::uint64_t max_memory_bytes = 0;  // Of that; 0: no limit.

  std::string durability = "memory";  // commit, relaxed or memory.
  std::string engine = "none";        // log, sqlite, or none if nothing is kept.
  std::uint32_t shards_failing = 0;   // Whose last write or flush has failed.
  std::uint64_t writes_failed = 0;
  std::int64_t last_save_at_ms = 0;
  bool is_snapshot_under_way = false;
  bool has_last_snapshot_failed = false;
  std::uint64_t snapshots_failed = 0;
  std::int64_t last_snapshot_at_ms = 0;                 // 0: none yet
  std::optional<std::int64_t> last_snapshot_took_ms{};  // none: there was no attempt

  std::uint64_t connections_received = 0;
  std::uint64_t connections_rejected = 0;
  std::uint64_t commands_processed = 0;
  std::uint64_t commands_per_second = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t sessions_created = 0;
  std::uint64_t sessions_deleted = 0;
  std::uint64_t sessions_evicted = 0;
  std::uint64_t keys_expired = 0;
  std::uint64_t key_hits = 0;
  std::uint64_t key_misses = 0;
  std::uint64_t error_replies = 0;
  double cpu_system_seconds = 0;
  double cpu_user_seconds = 0;

  std::uint64_t channels = 0;     // That somebody listens to,
  std::uint64_t patterns = 0;     // and patterns.
  std::uint64_t users = 0;        // That have sessions, where a rule says who they are.
  std::uint64_t dead_writes = 0;  // Saves to ended sessions, answered and not stored.
  std::uint64_t merged_saves = 0;
  std::uint64_t merge_conflicts = 0;
  std::uint64_t lock_waits = 0;
  std::uint64_t sessions_revoked = 0;
  std::uint64_t lock_timeouts = 0;
  std::uint64_t last_event = 0;  // The number of the last event; see session/event_ring.hpp.
  std::vector<PopularSession> popular;
  std::uint64_t processes = 0;  // Of the Troupe runtime.
  std::array<DatabaseFacts, 16> databases{};

  std::vector<Setting> settings;  // For CONFIG GET, in the order to show.
};

// The text of INFO with the sections asked for by name in any case; none: all but the rare ones.
// Unknown names select nothing. Lines end in CR LF, sections are separated by an empty line.
std::string info_text(const ServerFacts& facts, std::span<const std::string_view> sections);

// Answers the commands of Verdict::Action::ask_server but for CONFIG SET and SLOWLOG, to a whole
// request:
//
// - INFO, TIME, ROLE, LASTSAVE; CONFIG GET tells each setting that matches a pattern, once.
// - CONFIG RESETSTAT, SAVE and BGSAVE are answered; that it is done is the caller's part.
// - SHUTDOWN has no answer, unless its options are wrong.
void answer_server(const CommandSpec& command, std::span<const std::string_view> words,
                   const ServerFacts& facts, ReplyWriter& reply);

// What can be changed while the server runs.
class SettingChanges {
 public:
  enum class Mode : std::uint8_t { check, apply };
  virtual ~SettingChanges() = default;
  // Nothing, or why not, in words for the client. Names come in any case.
  virtual std::optional<std::string> change(std::string_view name, std::string_view value,
                                            Mode mode) = 0;
};

// Answers CONFIG SET: all of its settings are changed, or none, and the error names the first that
// cannot be.
void answer_config_set(const ServerFacts& facts, std::span<const std::string_view> words,
                       SettingChanges& changes, ReplyWriter& reply);

}  // namespace greenroom
