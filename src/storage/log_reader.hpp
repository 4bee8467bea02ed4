// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Reads the records of one file in order, and decides what a bad one means.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/disk.hpp"
#include "storage/log_format.hpp"

namespace troupe::storage::log {

class RecordReader {
 public:
  // Records begin at `offset`; nothing from `size` on is looked at.
  RecordReader(DiskFile& file, std::uint64_t offset, std::uint64_t size, std::uint32_t seed)
      : file_{file}, offset_{offset}, size_{size}, seed_{seed} {}

  enum class Status : std::uint8_t {
    record,  // payload() and synced() are its own until the next call
    end,     // exactly at the end of the file
    bad,     // whatever is at offset(), it is not the record with that sequence
  };
  Outcome<Status> next(std::uint64_t sequence);

  std::string_view payload() const { return payload_; }
  std::uint64_t synced() const { return synced_; }
  // Where the next record begins; after `bad`, where it should have been.
  std::uint64_t offset() const { return offset_; }

  // After `bad` for this sequence: does anything later in the file prove that the record had been
  // safe on disk? Then it is damage, and cutting it off would lose an acknowledged batch. If not,
  // it is a tail whose write the power cut interrupted: in a group of unsynced records the later
  // ones may have reached the disk and the earlier ones not.
  Outcome<bool> was_synced(std::uint64_t sequence);

 private:
  // At least `count` bytes from `offset`, in the window; fewer only at the end of the file.
  Outcome<std::string_view> view(std::uint64_t offset, std::uint64_t count);

  DiskFile& file_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint32_t seed_;
  std::string window_;
  std::uint64_t window_at_ = 0;
  std::string_view payload_;
  std::uint64_t synced_ = 0;
};

}  // namespace troupe::storage::log
