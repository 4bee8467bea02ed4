// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// A disk in memory that keeps what POSIX promises and nothing more, for tests and simulations.
//
// Contents survive a power cut up to the file's last sync, names up to their directory's last
// sync_directory; of everything later each sector and each name change survives or not, by the
// seed. A sync that fails has lost what it was to write: reading still shows it, no later sync
// makes it durable (which is what Linux does to dirty pages). Locks and open files end with the
// power.

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/disk.hpp"

namespace troupe::storage {

class SimulatedDisk final : public Disk {
 public:
  enum class Operation : std::uint8_t { write, sync, truncate, rename, remove, create, any };

  explicit SimulatedDisk(std::uint64_t seed = 1);
  ~SimulatedDisk() override;

  // The operation after the next `skip` of this kind fails with `code`; a write does half its work
  // first. `times` of them fail, then all is well again.
  void fail(Operation operation, std::uint64_t skip, int code, std::uint64_t times = 1);

  // From the operation after the next `operations` on, everything fails with EIO, and nobody can
  // tell what the first of them did: the moment before a power cut. cut_power() ends it.
  void die_after(std::uint64_t operations) { dies_at_ = operations_ + operations; }

  enum class Survival : std::uint8_t { nothing, some, everything };
  // What was not synced goes as `unsynced` says (for `some`: by the seed).
  void cut_power(Survival unsynced, std::uint64_t seed);

  // Bytes of all files together; over it, writes fail with ENOSPC.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

  std::uint64_t operations() const { return operations_; }  // changing ones, so far
  std::uint64_t syncs() const { return syncs_; }

  // For tests that damage files: the bytes as a reader would see them, and their replacement
  // (durable at once).
  std::string bytes_of(const std::string& path) const;
  void set_bytes(const std::string& path, std::string_view bytes);

  Outcome<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  Outcome<void> rename(const std::string& from, const std::string& to) override;
  Outcome<void> remove(const std::string& path) override;
  Outcome<std::vector<std::string>> list(const std::string& directory) override;
  Outcome<void> make_directory(const std::string& path) override;
  Outcome<void> sync_directory(const std::string& path) override;
  Outcome<std::unique_ptr<DiskLock>> lock(const std::string& path) override;
  std::uint64_t random_number() override { return random_(); }

 private:
  class File;
  class Lock;
  struct Edit;
  struct Node;
  // Names set together, or not at all; a null node means the name is gone.
  using NameChange = std::vector<std::pair<std::string, std::shared_ptr<Node>>>;

  Outcome<void> step(Operation operation);
  bool dead() const { return operations_ > dies_at_; }
  bool dying() const { return operations_ - 1 == dies_at_; }  // the last step was the fatal one
  void change_names(NameChange change);
  std::uint64_t used() const;

  std::map<std::string, std::shared_ptr<Node>> names_;          // what a reader sees
  std::map<std::string, std::shared_ptr<Node>> durable_names_;  // what a power cut leaves
  std::vector<NameChange> unsynced_names_;
  std::set<std::string> locked_;
  std::mt19937_64 random_;
  std::uint64_t age_ = 0;  // power cuts so far; handles of an earlier age are dead
  std::uint64_t operations_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t dies_at_ = UINT64_MAX;
  std::uint64_t capacity_ = UINT64_MAX;
  Operation failing_ = Operation::any;
  std::uint64_t failure_skip_ = 0;
  std::uint64_t failure_times_ = 0;
  int failure_code_ = 0;
};

}  // namespace troupe::storage
