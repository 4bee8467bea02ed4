// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <troupe/storage.hpp>

#include "storage/log_table.hpp"

namespace troupe::storage {

// With an identity its files must carry; 0: none. `must_exist` refuses an empty directory.
Result<std::unique_ptr<Store>> open_log_shard(const std::string& directory,
                                              const LogOptions& options, std::uint64_t identity,
                                              bool must_exist);

// With a table of the caller's, which is empty.
Result<std::unique_ptr<Store>> open_log_with(std::unique_ptr<log::Table> table,
                                             const std::string& directory,
                                             const LogOptions& options, std::uint64_t identity,
                                             bool must_exist);

}  // namespace troupe::storage
