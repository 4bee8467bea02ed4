// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <troupe/storage.hpp>

namespace troupe::storage {

// With an identity its files must carry; 0: none. `must_exist` refuses an empty directory.
Result<std::unique_ptr<Store>> open_log_shard(const std::string& directory,
                                              const LogOptions& options, std::uint64_t identity,
                                              bool must_exist);

}  // namespace troupe::storage
