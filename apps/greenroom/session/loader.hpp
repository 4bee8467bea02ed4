// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

#include "persistence/shard_writer.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// Brings back everything that is stored: the dictionaries, and a sleeping process for each session,
// which is not unpacked before somebody asks for it. All shards at once, each by a thread of the
// blocking pool, because it waits for the disk.
//
// How many sessions; the error is a sentence for the operator, also if one of those processes
// crashes: the caller traps exits, as supervisors do. Nobody may ask for a session before
// this is done: one that is not entered yet would be taken for absent.
troupe::Async<std::expected<std::uint64_t, std::string>> load_sessions(
    troupe::Process& self, HouseRef house, std::vector<StoreHandle> shards);

}  // namespace greenroom
