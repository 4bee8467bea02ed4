// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <vector>

#include <troupe/gen_server.hpp>

#include "server/server.hpp"

namespace greenroom {

// What a write that would take more memory is answered where there is none, in Redis' words.
inline constexpr std::string_view out_of_memory =
    "OOM command not allowed when used memory > 'maxmemory'.";

// Makes room at the limit of memory. Only anonymous sessions go: those under a rule that says who
// the users are, of users that have not logged in. Whoever has logged in stays, as does every key
// of which nothing is known; when only those are left, writes are refused. Of the anonymous ones
// the idlest of a sample go first, as in Redis, and they leave no tombstone: whoever still uses one
// begins it anew.
//
// One process, so that a hundred writers at the limit end as many sessions as are needed, and not a
// hundred times as many. Looking through all sessions takes a while; when nothing was found, nobody
// looks again for twenty times as long.
struct MemoryKeeper : troupe::GenServer<MemoryKeeper> {
  struct MakeRoom {
    using Reply = bool;
  };

  explicit MemoryKeeper(ServerPtr server) : server_{server} {}
  // Whether there is room now.
  troupe::Async<bool> handle_call(troupe::Process& self, MakeRoom);

 private:
  static constexpr std::size_t sample_size = 256;
  static constexpr troupe::Duration shortest_rest = std::chrono::milliseconds{100};

  troupe::Async<std::vector<std::string>> next_sample(troupe::Process& self);
  troupe::Async<std::size_t> end_idlest(troupe::Process& self, std::vector<std::string> keys);

  ServerPtr server_;
  std::uint64_t cursor_ = 0;
  troupe::Duration rests_until_{0};
};

// Asks for room if there is none, before a command that may take some. False: refuse it.
troupe::Async<bool> has_room(troupe::Process& self, ServerPtr server);

}  // namespace greenroom
