// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include "storage/log_table.hpp"
#include "storage/ordered_table.hpp"

namespace troupe::storage::log {

// All entries of a log in memory, in byte order. The files are for opening only.
class MemoryTable final : public Table {
 public:
  void begin_file(LogFilePtr) override {}
  void apply(const Change& change, std::uint64_t) override { storage::apply(table_, change); }

  Result<std::optional<std::string>> get(std::string_view key) override;
  Result<void> visit(const Scan& scan, Visit visitor, void* object) override;
  Result<void> sweep(Visit visitor, void* object) override;
  Result<Portion> portion(const std::optional<std::string>& from, std::size_t limit) override;

  void begin_snapshot(LogFilePtr) override { copied_through_.reset(); }
  Result<bool> copy(SnapshotWriter& snapshot, std::uint64_t bytes) override;
  void adopt_snapshot() override {}
  void give_up_snapshot() override {}

  void clear() override { table_.clear(); }

 private:
  OrderedTable table_;
  std::optional<std::string> copied_through_;
};

}  // namespace troupe::storage::log
