// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <troupe/storage.hpp>

namespace troupe::storage::test {

// What a test sees of the stores of its pool, and can do to them. Lives longer than the runtime.
struct WatchedStores {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_blocked = false;                           // a write waits until it is let go
  bool is_poisoned = false;                          // writes fail until it is opened afresh
  bool is_full = false;                              // writes fail
  std::map<unsigned, std::unique_ptr<Store>> disks;  // outlive their workers, as a disk does
  std::set<unsigned> open;
  std::vector<std::size_t> batches;
  unsigned openings = 0;

  void let_go() {
    std::lock_guard lock{mutex};
    is_blocked = false;
    changed.notify_all();
  }
};

class WatchedStore final : public Store {
 public:
  WatchedStore(WatchedStores& stores, unsigned worker) : stores_{stores}, worker_{worker} {}
  ~WatchedStore() override { (void)close(); }

 private:
  Store& disk() { return *stores_.disks[worker_]; }
  Result<std::optional<std::string>> do_get(std::string_view key) override {
    std::lock_guard lock{stores_.mutex};
    return disk().get(key);
  }
  Result<void> do_write(std::span<const Change> changes) override {
    std::unique_lock lock{stores_.mutex};
    stores_.changed.wait(lock, [&] { return !stores_.is_blocked; });
    if (stores_.is_poisoned) return std::unexpected(StorageError{ErrorKind::poisoned, "broken"});
    if (stores_.is_full) return std::unexpected(StorageError{ErrorKind::full_disk, "full"});
    stores_.batches.push_back(changes.size());
    return disk().write_batch(changes);
  }
  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override {
    std::lock_guard lock{stores_.mutex};
    auto page = disk().page(scan.prefix, scan.after, 1'000'000);
    for (const Entry& entry : *page) {
      if (!visitor(object, entry.key, entry.value)) break;
    }
    return {};
  }
  Result<void> do_flush() override { return {}; }
  Result<void> do_compact() override { return {}; }
  Result<void> do_close() override {
    std::lock_guard lock{stores_.mutex};
    stores_.open.erase(worker_);
    return {};
  }

  WatchedStores& stores_;
  unsigned worker_;
};

inline auto opens(const std::shared_ptr<WatchedStores>& stores) {
  return [stores](unsigned worker, unsigned) -> Result<std::unique_ptr<Store>> {
    std::lock_guard lock{stores->mutex};
    ++stores->openings;
    if (!stores->open.insert(worker).second) {
      return std::unexpected(StorageError{ErrorKind::locked_by_other, "in use"});
    }
    if (!stores->disks[worker]) stores->disks[worker] = open_memory();
    stores->is_poisoned = false;
    return std::make_unique<WatchedStore>(*stores, worker);
  };
}

}  // namespace troupe::storage::test
