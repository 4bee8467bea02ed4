// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/memory_table.hpp"

#include "storage/fault.hpp"
#include "storage/log_format.hpp"
#include "storage/log_snapshot.hpp"

namespace troupe::storage::log {

Result<std::optional<std::string>> MemoryTable::get(std::string_view key) {
  const auto found = table_.find(key);
  if (found == table_.end()) return std::nullopt;
  return found->second;
}

Result<void> MemoryTable::visit(const Scan& scan, Visit visitor, void* object) {
  for (auto at = scan_start(table_, scan.prefix, scan.after);
       at != table_.end() && at->first.starts_with(scan.prefix); ++at) {
    if (!visitor(object, at->first, at->second)) break;
  }
  return {};
}

Result<void> MemoryTable::sweep(Visit visitor, void* object) {
  return visit({{}, {}, true}, visitor, object);
}

Result<Portion> MemoryTable::portion(const std::optional<std::string>& from, std::size_t limit) {
  Portion portion;
  auto at = from ? table_.upper_bound(*from) : table_.begin();
  for (; at != table_.end() && portion.entries.size() < limit; ++at) {
    portion.entries.push_back({at->first, at->second});
  }
  if (at != table_.end()) portion.next = portion.entries.back().key;
  return portion;
}

Result<bool> MemoryTable::copy(SnapshotWriter& snapshot, std::uint64_t bytes) {
  auto at = copied_through_ ? table_.upper_bound(*copied_through_) : table_.begin();
  std::uint64_t copied = 0;
  for (; at != table_.end() && copied < bytes; ++at) {
    const Change change = Change::put(at->first, at->second);
    const auto added = snapshot.add(change);
    if (!added) return failure(added.error(), "write snapshot", snapshot.path());
    copied += encoded_size(change);
    copied_through_ = at->first;
  }
  return at == table_.end();
}

}  // namespace troupe::storage::log
