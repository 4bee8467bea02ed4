// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include "operation/operation.hpp"

namespace greenroom {

// The process that makes snapshots: one at a time, every so often and when asked. It asks each
// shard's writer for a page of what is stored after the other, so that no writer is kept from
// writing for longer than a page takes, and nothing has to stand still.
troupe::Async<> snapshot_keeper(troupe::Process& self, OperationPtr operation);

// Tells it that the configuration is another one: how often they are to be made, perhaps.
struct SnapshotsConfigured {};

struct SnapshotMade {
  troupe::Ref ref;
  std::string file;
  std::uint64_t records = 0;
  std::string error;  // empty: none
};
// Asks for one now and waits until it is made. Also from several processes at once: each gets its
// own.
troupe::Async<SnapshotMade> make_snapshot(troupe::Process& self);

// Where the configuration wants them.
std::string snapshot_directory(const Config& config);

}  // namespace greenroom
