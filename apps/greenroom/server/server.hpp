// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <troupe/tls.hpp>

#include "persistence/shard_writer.hpp"
#include "resp/connection_state.hpp"
#include "resp/server_facts.hpp"
#include "resp/slow_log.hpp"
#include "security/id_hash.hpp"
#include "server/client_registry.hpp"
#include "server/options.hpp"
#include "server/statistics_report.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// How making snapshots goes, for INFO and /metrics. Relaxed: each is a fact of its own.
struct SnapshotState {
  std::atomic<bool> is_under_way{false};
  std::atomic<bool> has_last_failed{false};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::int64_t> last_made_at_ms{0};  // 0: none yet
  std::atomic<std::int64_t> last_took_ms{0};     // also of one that failed
};

// A running server, as its connections see it. Made before the first process, gone after the last.
struct Server {
  ServeOptions options;
  SessionHouse house;
  ClientRegistry clients;
  SlowLog slow_log;
  StorageHealth storage_health;
  SnapshotState snapshots;
  std::shared_ptr<const ServerRules> rules;
  IdHash id_hash;  // how ids are called where people see them
  std::string run_id;
  std::string os;
  std::string executable;
  std::string config_file;  // with its folder; empty: there is none
  std::int64_t started_at_ms = 0;
  // Asked to end: connections finish what has come, and take leave.
  std::atomic<bool> is_draining{false};
  bool has_passwords = false;          // somebody has to log in
  std::atomic<std::uint16_t> port{0};  // set by the listener before the first connection
  std::atomic<std::uint16_t> tls_port{0};

  troupe::net::TlsContext tls() const {
    const std::lock_guard guard{tls_lock_};
    return tls_;
  }
  void set_tls(troupe::net::TlsContext tls) {
    const std::lock_guard guard{tls_lock_};
    tls_ = std::move(tls);
  }
  // What the statistics have said last, about a second ago.
  StatisticsReport statistics() const {
    const std::lock_guard guard{statistics_lock_};
    return statistics_;
  }
  void set_statistics(StatisticsReport report) {
    const std::lock_guard guard{statistics_lock_};
    statistics_ = std::move(report);
  }

 private:
  mutable std::mutex tls_lock_;
  troupe::net::TlsContext tls_;
  mutable std::mutex statistics_lock_;
  StatisticsReport statistics_;
};

struct ServerPtr {
  Server* server = nullptr;
  Server* operator->() const noexcept { return server; }
};

// What INFO and CONFIG GET tell now.
ServerFacts gather_facts(troupe::Process& self, const Server& server);

// Name of the supervisor under which connections are started.
inline constexpr const char* connections_name = "greenroom_connections";
// Name of the process that makes snapshots, and what BGSAVE tells it.
inline constexpr const char* snapshot_keeper_name = "greenroom_snapshots";
struct SnapshotWanted {};
inline constexpr const char* memory_keeper_name = "greenroom_memory";

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::ServerPtr> = true;
