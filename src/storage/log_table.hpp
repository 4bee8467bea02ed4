// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// What the records of a log add up to. How, is the seam between the log, which knows files, syncs
// and recovery, and the place where the entries are: in memory (memory_table.hpp) or only in the
// files (disk_table.hpp).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/expect_allocations.hpp>
#include <troupe/storage.hpp>

#include "storage/log_file.hpp"
#include "storage/log_format.hpp"

namespace troupe::storage::log {

class SnapshotWriter;

class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  virtual ~Table() = default;

  // The changes that follow lie in this file, which stays as it is but for what is appended.
  virtual void begin_file(LogFilePtr file) = 0;
  // This key is changed soon: what that takes a look at may be fetched meanwhile.
  virtual void expect(std::string_view) const {}
  // `offset` is where the change begins in that file.
  virtual void apply(const Change& change, std::uint64_t offset) = 0;

  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  virtual Result<void> visit(const Scan& scan, Visit visitor, void* object) = 0;
  virtual Result<void> sweep(Visit visitor, void* object) = 0;
  virtual Result<Portion> portion(const std::optional<std::string>& from, std::size_t limit) = 0;

  // A snapshot is begun, copied to in pieces while changes go on, and then either stands for all
  // files before the one last begun, which are needed no more, or is given up.
  virtual void begin_snapshot(LogFilePtr file) = 0;
  // Copies about `bytes` more. True when everything is copied.
  virtual Result<bool> copy(SnapshotWriter& snapshot, std::uint64_t bytes) = 0;
  virtual void adopt_snapshot() = 0;
  virtual void give_up_snapshot() = 0;

  virtual void clear() = 0;
};

// Takes apart the payload whose changes are being applied, some changes ahead, and has the table
// expect them.
class LookAhead {
 public:
  LookAhead(const Table& table, std::string_view payload) : table_{table}, ahead_{payload} {
    // What an index keeps of an entry of a hundred bytes, which most are longer than.
    expect_allocations(payload.size() / 4);
    for (int i = 0; i < distance; ++i) advance();
  }
  // Before each change is applied.
  void advance() {
    if (ahead_.next() == PayloadReader::Item::change) table_.expect(ahead_.change().key);
  }

 private:
  static constexpr int distance = 8;
  const Table& table_;
  PayloadReader ahead_;
};

std::unique_ptr<Table> make_table(Residence residence, Disk& disk);

}  // namespace troupe::storage::log
