// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <troupe/storage.hpp>

namespace greenroom {

// What flags, the configuration file and INFO call them.
inline constexpr std::pair<const char*, troupe::storage::Durability> durabilities[] = {
    {"commit", troupe::storage::Durability::commit},
    {"relaxed", troupe::storage::Durability::relaxed},
    {"memory", troupe::storage::Durability::memory}};
inline constexpr std::pair<const char*, troupe::storage::Engine> engines[] = {
    {"log", troupe::storage::Engine::log}, {"sqlite", troupe::storage::Engine::sqlite}};

constexpr std::string_view name_of(troupe::storage::Durability durability) {
  for (const auto& [name, value] : durabilities) {
    if (value == durability) return name;
  }
  std::unreachable();
}

// What `greenroom serve` can be told; each field is a flag of that name.
struct ServeOptions {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 6380;  // 0: the system chooses, and the start-up line says which
  std::string data = "greenroom-data";
  troupe::storage::Durability durability = troupe::storage::Durability::commit;
  troupe::storage::Engine engine = troupe::storage::Engine::log;  // of a new data directory
  std::string requirepass;
  unsigned shards = 0;   // 0: as many as the directory has, or one per core in a new one
  unsigned workers = 0;  // 0: one per core
  std::size_t max_clients = 10'000;
  std::size_t max_value_bytes = 64u << 20;
  std::size_t max_reply_bytes = 256u << 20;  // of MGET, EXEC and other collected replies
  std::size_t max_memory_bytes = 0;          // of all sessions, as estimated; 0: no limit
  std::size_t max_events = 65'536;           // kept for who reads the events; 0: none
  std::int32_t tls_port = -1;                // of the same protocol with TLS; -1: none
  bool protected_mode = true;         // without passwords, clients from elsewhere are refused
  bool enable_debug_command = false;  // DEBUG PANIC key, for tests of crash isolation
};

}  // namespace greenroom
