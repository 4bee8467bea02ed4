// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/simulated_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace troupe::storage {
namespace {

constexpr std::size_t sector = 512;

std::unexpected<Fault> fault(int code) { return std::unexpected(Fault{code}); }

void place(std::string& bytes, std::uint64_t offset, std::string_view part) {
  if (bytes.size() < offset + part.size()) bytes.resize(offset + part.size());
  std::memcpy(bytes.data() + offset, part.data(), part.size());
}

}  // namespace

// A write of some bytes at an offset, or a new length.
struct SimulatedDisk::Edit {
  bool truncation;
  std::uint64_t offset;
  std::string bytes;

  void apply(std::string& contents) const {
    if (truncation) {
      contents.resize(offset);
    } else {
      place(contents, offset, bytes);
    }
  }
};

struct SimulatedDisk::Node {
  bool directory = false;
  std::string contents;
  std::string durable;
  std::vector<Edit> unsynced;

  void edit(Edit change) {
    change.apply(contents);
    unsynced.push_back(std::move(change));
  }
  void make_durable() {
    for (const Edit& change : unsynced) change.apply(durable);
    unsynced.clear();
  }
};

class SimulatedDisk::File final : public DiskFile {
 public:
  File(SimulatedDisk& disk, std::shared_ptr<Node> node)
      : disk_{disk}, node_{std::move(node)}, age_{disk.age_} {}

  Outcome<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    if (dead()) return fault(EIO);
    const std::string& contents = node_->contents;
    if (offset >= contents.size()) return 0;
    const std::size_t count = std::min<std::uint64_t>(into.size(), contents.size() - offset);
    std::memcpy(into.data(), contents.data() + offset, count);
    return count;
  }

  Outcome<void> write(std::uint64_t offset, std::string_view bytes) override {
    if (age_ != disk_.age_) return fault(EIO);
    const auto allowed = disk_.step(Operation::write);
    if (!allowed) {
      // At the moment of death the whole may reach the disk; any other failure stops half-way.
      if (disk_.dying()) {
        put(offset, bytes);
      } else if (!disk_.dead()) {
        put(offset, bytes.substr(0, bytes.size() / 2));
      }
      return allowed;
    }
    const std::uint64_t size = node_->contents.size();
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t growth = end > size ? end - size : 0;
    const std::uint64_t used = disk_.used();
    const std::uint64_t room = disk_.capacity_ > used ? disk_.capacity_ - used : 0;
    if (growth > room) {
      const std::uint64_t kept =
          bytes.size() - std::min<std::uint64_t>(growth - room, bytes.size());
      put(offset, bytes.substr(0, kept));
      return fault(ENOSPC);
    }
    put(offset, bytes);
    return {};
  }

  Outcome<void> truncate(std::uint64_t size) override {
    if (age_ != disk_.age_) return fault(EIO);
    const auto allowed = disk_.step(Operation::truncate);
    if (allowed || disk_.dying()) node_->edit({true, size, {}});
    return allowed;
  }

  Outcome<std::uint64_t> size() override {
    if (dead()) return fault(EIO);
    return node_->contents.size();
  }

  Outcome<void> sync() override {
    if (age_ != disk_.age_) return fault(EIO);
    const auto allowed = disk_.step(Operation::sync);
    if (!allowed) {
      if (!disk_.dead()) node_->unsynced.clear();
      return allowed;
    }
    ++disk_.syncs_;
    node_->make_durable();
    return {};
  }

 private:
  bool dead() const { return age_ != disk_.age_ || disk_.dead(); }
  void put(std::uint64_t offset, std::string_view bytes) {
    if (!bytes.empty()) node_->edit({false, offset, std::string{bytes}});
  }

  SimulatedDisk& disk_;
  std::shared_ptr<Node> node_;
  std::uint64_t age_;
};

class SimulatedDisk::Lock final : public DiskLock {
 public:
  Lock(SimulatedDisk& disk, std::string path)
      : disk_{disk}, path_{std::move(path)}, age_{disk.age_} {}
  ~Lock() override {
    if (age_ == disk_.age_) disk_.locked_.erase(path_);
  }

 private:
  SimulatedDisk& disk_;
  std::string path_;
  std::uint64_t age_;
};

SimulatedDisk::SimulatedDisk(std::uint64_t seed) : random_{seed} {
  auto root = std::make_shared<Node>();
  root->directory = true;
  names_["/"] = durable_names_["/"] = root;
}

SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::fail(Operation operation, std::uint64_t skip, int code, std::uint64_t times) {
  failing_ = operation;
  failure_skip_ = skip;
  failure_times_ = times;
  failure_code_ = code;
}

Outcome<void> SimulatedDisk::step(Operation operation) {
  if (operations_++ >= dies_at_) return fault(EIO);
  if (failure_times_ == 0 || (failing_ != Operation::any && failing_ != operation)) return {};
  if (failure_skip_ > 0) {
    --failure_skip_;
    return {};
  }
  --failure_times_;
  return fault(failure_code_);
}

void SimulatedDisk::change_names(NameChange change) {
  for (const auto& [name, node] : change) {
    if (node) {
      names_[name] = node;
    } else {
      names_.erase(name);
    }
  }
  unsynced_names_.push_back(std::move(change));
}

void SimulatedDisk::cut_power(Survival unsynced, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  const auto survives = [&] {
    return unsynced == Survival::everything || (unsynced == Survival::some && random() % 2 == 0);
  };
  for (const NameChange& change : unsynced_names_) {
    if (!survives()) continue;
    for (const auto& [name, node] : change) {
      if (node) {
        durable_names_[name] = node;
      } else {
        durable_names_.erase(name);
      }
    }
  }
  unsynced_names_.clear();
  std::set<Node*> seen;
  for (const auto& [name, node] : durable_names_) {
    if (!seen.insert(node.get()).second) continue;
    for (const Edit& edit : node->unsynced) {
      if (edit.truncation) {
        if (survives()) edit.apply(node->durable);
        continue;
      }
      // Whole sectors, whatever their order.
      for (std::size_t at = 0; at < edit.bytes.size();) {
        const std::size_t count =
            std::min(sector - (edit.offset + at) % sector, edit.bytes.size() - at);
        if (survives()) {
          place(node->durable, edit.offset + at, std::string_view{edit.bytes}.substr(at, count));
        }
        at += count;
      }
    }
    node->unsynced.clear();
    node->contents = node->durable;
  }
  names_ = durable_names_;
  locked_.clear();
  ++age_;
  dies_at_ = UINT64_MAX;
  failure_times_ = 0;
}

std::uint64_t SimulatedDisk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, node] : names_) sum += node->contents.size();
  return sum;
}

std::string SimulatedDisk::bytes_of(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? std::string{} : found->second->contents;
}

void SimulatedDisk::set_bytes(const std::string& path, std::string_view bytes) {
  auto node = std::make_shared<Node>();
  node->contents = node->durable = bytes;
  names_[path] = durable_names_[path] = node;
}

Outcome<std::unique_ptr<DiskFile>> SimulatedDisk::open(const std::string& path, OpenMode mode) {
  if (dead()) return fault(EIO);
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (mode != OpenMode::create || !names_.contains(directory_of(path))) return fault(ENOENT);
    const auto allowed = step(Operation::create);
    if (allowed || dying()) change_names({{path, std::make_shared<Node>()}});
    if (!allowed) return std::unexpected(allowed.error());
    found = names_.find(path);
  }
  if (found->second->directory) return fault(EISDIR);
  return std::make_unique<File>(*this, found->second);
}

Outcome<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const auto allowed = step(Operation::rename);
  if (!allowed && !dying()) return allowed;
  const auto found = names_.find(from);
  if (found == names_.end() || !names_.contains(directory_of(to))) return fault(ENOENT);
  const auto node = found->second;
  change_names({{from, nullptr}, {to, node}});
  return allowed;
}

Outcome<void> SimulatedDisk::remove(const std::string& path) {
  const auto allowed = step(Operation::remove);
  if (!allowed && !dying()) return allowed;
  if (!names_.contains(path)) return fault(ENOENT);
  change_names({{path, nullptr}});
  return allowed;
}

Outcome<std::vector<std::string>> SimulatedDisk::list(const std::string& directory) {
  if (dead()) return fault(EIO);
  if (!names_.contains(directory)) return fault(ENOENT);
  std::vector<std::string> found;
  for (const auto& [name, node] : names_) {
    if (name != "/" && directory_of(name) == directory) {
      found.push_back(name.substr(name.rfind('/') + 1));
    }
  }
  return found;
}

Outcome<void> SimulatedDisk::make_directory(const std::string& path) {
  if (const auto found = names_.find(path); found != names_.end()) {
    return found->second->directory ? Outcome<void>{} : fault(ENOTDIR);
  }
  if (!names_.contains(directory_of(path))) return fault(ENOENT);
  const auto allowed = step(Operation::create);
  if (!allowed && !dying()) return allowed;
  auto node = std::make_shared<Node>();
  node->directory = true;
  change_names({{path, node}});
  return allowed;
}

Outcome<void> SimulatedDisk::sync_directory(const std::string& path) {
  if (auto allowed = step(Operation::sync); !allowed) return allowed;
  if (!names_.contains(path)) return fault(ENOENT);
  ++syncs_;
  std::vector<NameChange> later;
  for (NameChange& change : unsynced_names_) {
    // A rename between two directories is durable with the first of them that is synced: journals
    // write both sides together.
    const bool here = std::ranges::any_of(
        change, [&](const auto& entry) { return directory_of(entry.first) == path; });
    if (!here) {
      later.push_back(std::move(change));
      continue;
    }
    for (const auto& [name, node] : change) {
      if (node) {
        durable_names_[name] = node;
      } else {
        durable_names_.erase(name);
      }
    }
  }
  unsynced_names_ = std::move(later);
  return {};
}

Outcome<std::unique_ptr<DiskLock>> SimulatedDisk::lock(const std::string& path) {
  if (dead()) return fault(EIO);
  if (!names_.contains(directory_of(path))) return fault(ENOENT);
  if (!locked_.insert(path).second) return fault(EWOULDBLOCK);
  if (!names_.contains(path)) change_names({{path, std::make_shared<Node>()}});
  return std::make_unique<Lock>(*this, path);
}

}  // namespace troupe::storage
