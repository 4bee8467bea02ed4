// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Errors as sentences for the operator: what failed, on which file, and what to do about it.

#include <string>
#include <string_view>
#include <utility>

#include <troupe/storage.hpp>

#include "storage/disk.hpp"

namespace troupe::storage {

inline std::unexpected<StorageError> failure(ErrorKind kind, std::string text) {
  return std::unexpected(StorageError{kind, std::move(text)});
}

// `doing` completes "cannot ...": "open", "write to", "sync".
StorageError explain(Fault fault, std::string_view doing, const std::string& path);

inline std::unexpected<StorageError> failure(Fault fault, std::string_view doing,
                                             const std::string& path) {
  return std::unexpected(explain(fault, doing, path));
}

// Takes DIRECTORY/lock; the refusal names the holder when it is known.
Result<std::unique_ptr<DiskLock>> lock_directory(Disk& disk, const std::string& directory);

}  // namespace troupe::storage
