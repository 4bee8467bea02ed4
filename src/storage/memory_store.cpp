// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <utility>

#include <troupe/storage.hpp>

#include "storage/ordered_table.hpp"

namespace troupe::storage {
namespace {

class MemoryStore final : public Store {
 private:
  Result<std::optional<std::string>> do_get(std::string_view key) override {
    const auto found = table_.find(key);
    if (found == table_.end()) return std::nullopt;
    return found->second;
  }

  Result<void> do_write(std::span<const Change> changes) override {
    for (const Change& change : changes) apply(table_, change);
    return {};
  }

  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override {
    for (auto at = scan_start(table_, scan.prefix, scan.after);
         at != table_.end() && at->first.starts_with(scan.prefix); ++at) {
      if (!visitor(object, at->first, at->second)) break;
    }
    return {};
  }

  Result<void> do_flush() override { return {}; }
  Result<void> do_compact() override { return {}; }

  Result<void> do_close() override {
    table_.clear();
    return {};
  }

  OrderedTable table_;
};

}  // namespace

std::unique_ptr<Store> open_memory() { return std::make_unique<MemoryStore>(); }

}  // namespace troupe::storage
