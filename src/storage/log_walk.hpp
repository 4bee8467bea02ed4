// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Goes through the puts of a log file or a snapshot in the order of the file.

#include <cstdint>
#include <optional>

#include <troupe/storage.hpp>

#include "storage/log_file.hpp"
#include "storage/log_format.hpp"
#include "storage/log_reader.hpp"

namespace troupe::storage::log {

class LogWalk {
 public:
  // Up to where the file ends now.
  explicit LogWalk(LogFilePtr file);

  // False: the end. An error is damage, or a read that failed.
  Result<bool> next();
  const Change& put() const { return payload_->change(); }  // views what the next call overwrites
  std::uint64_t offset() const { return payload_at_ + payload_->offset(); }  // where it begins

 private:
  Result<bool> next_record();

  LogFilePtr file_;
  RecordReader reader_;
  std::uint64_t sequence_;
  std::optional<PayloadReader> payload_;
  std::uint64_t payload_at_ = 0;
};

}  // namespace troupe::storage::log
