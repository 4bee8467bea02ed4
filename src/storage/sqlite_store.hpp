// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <string>

#include <troupe/storage.hpp>

namespace troupe::storage {

// How a sharded store opens one of its files: the identity is written into a new file and must be
// found in an old one, so that files of two stores, or of two shards, cannot be mixed up.
struct ShardIdentity {
  std::string text;  // empty: not looked at
  bool must_exist = false;
};

Result<std::unique_ptr<Store>> open_sqlite_shard(const std::string& path,
                                                 const SqliteOptions& options,
                                                 const ShardIdentity& identity);

}  // namespace troupe::storage
