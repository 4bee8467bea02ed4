// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <thread>
#include <utility>

#include <troupe/storage.hpp>

#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/manifest.hpp"
#include "storage/sqlite_store.hpp"

// Order of events in a new directory: lock, shards (each durable by itself), manifest. A power cut
// in between leaves shards without a manifest; they are empty, because the first write can only
// follow the manifest, and the next opening makes them anew. Shards with entries but without a
// manifest are a lost manifest, and refused.

namespace troupe::storage {
namespace {

unsigned shards_for(unsigned wanted) {
  return std::clamp(wanted != 0 ? wanted : std::thread::hardware_concurrency(), 1U, max_shards);
}

std::string random_id() {
  std::random_device entropy;
  std::string id;
  for (int part = 0; part < 4; ++part) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(entropy()));
    id += text;
  }
  return id;
}

// The name becomes part of file names and of a line of the manifest.
bool usable(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

class ShardOpening {
 public:
  ShardOpening(Disk& disk, const std::string& directory, const ShardedOptions& options)
      : disk_{disk}, directory_{directory}, options_{options} {
    options_.sqlite.durability = options.durability;
  }

  Result<std::vector<std::unique_ptr<Store>>> run() {
    const std::string path = directory_ + "/manifest";
    const auto text = read_file(disk_, path, max_manifest_bytes);
    if (!text) {
      if (text.error().code != ENOENT) return failure(text.error(), "read", path);
      return create(path);
    }
    const auto manifest = parse_manifest(*text, path);
    if (!manifest) return std::unexpected(manifest.error());
    if (manifest->engine != "sqlite" || manifest->name != options_.name) {
      return failure(ErrorKind::foreign, "directory " + directory_ + " holds the " +
                                             manifest->engine + " store '" + manifest->name +
                                             "'; choose another directory for '" + options_.name +
                                             "'");
    }
    return open_all(*manifest, true);
  }

 private:
  std::string file_of(unsigned index) const {
    return options_.name + "-" + std::to_string(index) + ".db";
  }

  Result<std::vector<std::unique_ptr<Store>>> create(const std::string& manifest_path) {
    if (auto done = clear_unfinished(); !done) return std::unexpected(std::move(done.error()));
    const Manifest manifest{"sqlite", options_.name, shards_for(options_.shards), random_id()};
    auto shards = open_all(manifest, false);
    if (!shards) return shards;
    const std::string parent = directory_of(directory_);
    if (auto done = disk_.sync_directory(parent); !done) {
      return failure(done.error(), "sync directory", parent);
    }
    if (auto done = replace_file(disk_, manifest_path, manifest.text()); !done) {
      return failure(done.error(), "write", manifest_path);
    }
    return shards;
  }

  Result<void> clear_unfinished() {
    const auto names = disk_.list(directory_);
    if (!names) return failure(names.error(), "list", directory_);
    for (const std::string& name : *names) {
      if (!name.starts_with(options_.name + "-") || !name.ends_with(".db")) continue;
      const std::string path = directory_ + "/" + name;
      auto store = open_sqlite(path, options_.sqlite);
      if (!store) return std::unexpected(std::move(store.error()));
      const auto first = (*store)->page({}, std::nullopt, 1);
      if (!first) return std::unexpected(first.error());
      if (!first->empty()) {
        return failure(ErrorKind::corrupt, "directory " + directory_ +
                                               " has lost its manifest, but " + name +
                                               " has entries; restore the manifest from a backup");
      }
      if (auto done = (*store)->close(); !done) return done;
      if (auto done = disk_.remove(path); !done) return failure(done.error(), "remove", path);
    }
    return {};
  }

  Result<std::vector<std::unique_ptr<Store>>> open_all(const Manifest& manifest, bool existing) {
    std::vector<std::unique_ptr<Store>> shards;
    const auto names = disk_.list(directory_);
    if (!names) return failure(names.error(), "list", directory_);
    for (unsigned index = 0; index < manifest.shards; ++index) {
      const std::string file = file_of(index);
      // A lost shard made anew in silence would be a quarter of all sessions gone in silence.
      if (existing && !std::ranges::binary_search(*names, file)) {
        return failure(ErrorKind::corrupt, "shard " + directory_ + "/" + file +
                                               " is missing; restore it from a backup");
      }
      const ShardIdentity identity{
          manifest.id + " " + std::to_string(index) + "/" + std::to_string(manifest.shards),
          existing};
      auto shard = open_sqlite_shard(directory_ + "/" + file, options_.sqlite, identity);
      if (!shard) return std::unexpected(std::move(shard.error()));
      shards.push_back(std::move(*shard));
    }
    return shards;
  }

  Disk& disk_;
  const std::string& directory_;
  ShardedOptions options_;
};

}  // namespace

struct ShardedStore::Lock {
  std::unique_ptr<DiskLock> held;
};

ShardedStore::ShardedStore() = default;
ShardedStore::~ShardedStore() = default;

Result<std::unique_ptr<ShardedStore>> ShardedStore::open(const std::string& path,
                                                         const ShardedOptions& options) {
  std::string directory = path;
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  std::unique_ptr<ShardedStore> store{new ShardedStore};
  if (options.durability == Durability::memory) {
    for (unsigned index = 0; index < shards_for(options.shards); ++index) {
      store->shards_.push_back(open_memory());
    }
    return store;
  }
  if (!usable(options.name)) {
    return failure(ErrorKind::io,
                   "'" + options.name + "' cannot name a store; use letters, digits, _ and -");
  }
  Disk& disk = disk_or_real(options.disk);
  if (auto made = disk.make_directory(directory); !made) {
    return failure(made.error(), "make directory", directory);
  }
  auto lock = lock_directory(disk, directory);
  if (!lock) return std::unexpected(std::move(lock.error()));
  store->lock_ = std::make_unique<Lock>(std::move(*lock));
  auto shards = ShardOpening{disk, directory, options}.run();
  if (!shards) return std::unexpected(std::move(shards.error()));
  store->shards_ = std::move(*shards);
  return store;
}

unsigned ShardedStore::shard_of(std::string_view key) const {
  return storage::shard_of(key, shard_count());
}

Result<void> ShardedStore::close() {
  Result<void> result;
  for (auto& shard : shards_) {
    auto done = shard->close();
    if (!done && result) result = std::move(done);
  }
  lock_.reset();
  return result;
}

unsigned shard_of(std::string_view key, unsigned shards) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  // FNV's high bits are weak for short keys; the finaliser spreads them.
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return static_cast<unsigned>(((hash >> 32) * shards) >> 32);
}

}  // namespace troupe::storage
