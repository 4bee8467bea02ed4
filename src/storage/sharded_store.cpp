// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>

#include <troupe/storage.hpp>

#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/log_store.hpp"
#include "storage/manifest.hpp"
#include "storage/sqlite_store.hpp"

// Order of events in a new directory: lock, manifest with the state `new`, shards, manifest with
// the state `ready`. While it says `new`, shards may be absent and are made; nobody has written to
// them, because opening has never answered. Afterwards an absent shard is a lost one, and shards
// without a manifest are a lost manifest.

namespace troupe::storage {
namespace {

unsigned shards_for(unsigned wanted) {
  return std::clamp(wanted != 0 ? wanted : std::thread::hardware_concurrency(), 1U, max_shards);
}

std::uint64_t stable_hash(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  // FNV's high bits are weak for short keys; the finaliser spreads them.
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return hash;
}

std::string random_id(Disk& disk) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx",
                static_cast<unsigned long long>(disk.random_number()),
                static_cast<unsigned long long>(disk.random_number()));
  return text;
}

// The name becomes part of file names and of a line of the manifest.
bool usable(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string ending_of(Engine engine) { return engine == Engine::sqlite ? ".db" : ".log"; }

std::optional<Engine> engine_named(std::string_view name) {
  for (const Engine engine : {Engine::sqlite, Engine::log}) {
    if (name == name_of(engine)) return engine;
  }
  return std::nullopt;
}

using Shards = std::vector<std::unique_ptr<Store>>;

class ShardOpening {
 public:
  ShardOpening(Disk& disk, const std::string& directory, const ShardedOptions& options)
      : disk_{disk},
        directory_{directory},
        options_{options},
        manifest_path_{directory + "/manifest"} {
    options_.sqlite.durability = options_.log.durability = options.durability;
    options_.sqlite.disk = options_.log.disk = &disk;
  }

  Engine engine() const { return options_.engine; }

  Result<Shards> run() {
    auto manifest = read_manifest();
    if (!manifest) return std::unexpected(std::move(manifest.error()));
    if (manifest->name != options_.name) {
      return failure(ErrorKind::foreign, "directory " + directory_ + " holds the store '" +
                                             manifest->name + "', not the store '" + options_.name +
                                             "'; choose another directory");
    }
    const auto engine = engine_named(manifest->engine);
    if (!engine) {
      return failure(ErrorKind::newer_version, "directory " + directory_ +
                                                   " was made with the engine " + manifest->engine +
                                                   "; start the newer version that has it");
    }
    options_.engine = *engine;
    auto shards = open_all(*manifest);
    if (!shards || manifest->ready) return shards;
    manifest->ready = true;
    if (auto done = write_manifest(*manifest); !done) {
      return std::unexpected(std::move(done.error()));
    }
    return shards;
  }

 private:
  Result<Manifest> read_manifest() {
    const auto text = read_file(disk_, manifest_path_, max_manifest_bytes);
    if (text) return parse_manifest(*text, manifest_path_);
    if (text.error().code == ENOENT) return create_manifest();
    return failure(text.error(), "read", manifest_path_);
  }

  Result<Manifest> create_manifest() {
    const auto names = disk_.list(directory_);
    if (!names) return failure(names.error(), "list", directory_);
    for (const std::string& name : *names) {
      if (!name.starts_with(options_.name + "-")) continue;
      if (!name.ends_with(ending_of(Engine::sqlite)) && !name.ends_with(ending_of(Engine::log))) {
        continue;
      }
      return failure(ErrorKind::corrupt, "directory " + directory_ +
                                             " has lost its manifest, but there is " + name +
                                             "; restore the manifest from a backup");
    }
    const std::string parent = directory_of(directory_);
    if (auto done = disk_.sync_directory(parent); !done) {
      return failure(done.error(), "sync directory", parent);
    }
    Manifest manifest{std::string{name_of(options_.engine)}, options_.name,
                      shards_for(options_.shards), random_id(disk_), false};
    if (auto done = write_manifest(manifest); !done) {
      return std::unexpected(std::move(done.error()));
    }
    return manifest;
  }

  Result<void> write_manifest(const Manifest& manifest) {
    const auto done = replace_file(disk_, manifest_path_, manifest.text());
    if (!done) return failure(done.error(), "write", manifest_path_);
    return {};
  }

  Result<Shards> open_all(const Manifest& manifest) {
    const auto names = disk_.list(directory_);
    if (!names) return failure(names.error(), "list", directory_);
    for (unsigned index = 0; index < manifest.shards; ++index) {
      // A lost shard made anew in silence would be a part of all sessions gone in silence.
      if (manifest.ready && !std::ranges::binary_search(*names, name_of_shard(index))) {
        return failure(ErrorKind::corrupt, "shard " + directory_ + "/" + name_of_shard(index) +
                                               " is missing; restore it from a backup");
      }
    }
    std::vector<Result<std::unique_ptr<Store>>> opened(manifest.shards);
    const auto open = [&](unsigned index) {
      const ShardIdentity identity{
          manifest.id + " " + std::to_string(index) + "/" + std::to_string(manifest.shards),
          manifest.ready};
      opened[index] = open_one(directory_ + "/" + name_of_shard(index), identity);
    };
    open_each(manifest.shards, open);
    Shards shards;
    for (auto& shard : opened) {
      if (!shard) return std::unexpected(std::move(shard.error()));
      shards.push_back(std::move(*shard));
    }
    return shards;
  }

  // What recovery and checks read takes seconds with millions of entries, and every shard its own.
  // A simulated disk is one thread's.
  template <class Open>
  void open_each(unsigned shards, const Open& open) {
    const unsigned cores = options_.disk ? 1 : std::thread::hardware_concurrency();
    const unsigned threads = std::max(std::min(shards, cores), 1U);
    const auto open_some = [&](unsigned first) {
      for (unsigned index = first; index < shards; index += threads) open(index);
    };
    std::vector<std::jthread> others;
    for (unsigned first = 1; first < threads; ++first) others.emplace_back(open_some, first);
    open_some(0);
  }

  std::string name_of_shard(unsigned index) const {
    return options_.name + "-" + std::to_string(index) + ending_of(options_.engine);
  }

  Result<std::unique_ptr<Store>> open_one(const std::string& path, const ShardIdentity& identity) {
    if (options_.engine == Engine::sqlite) {
      return open_sqlite_shard(path, options_.sqlite, identity);
    }
    return open_log_shard(path, options_.log, stable_hash(identity.text), identity.must_exist);
  }

  Disk& disk_;
  const std::string& directory_;
  ShardedOptions options_;
  const std::string manifest_path_;
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
  ShardOpening opening{disk, directory, options};
  auto shards = opening.run();
  if (!shards) return std::unexpected(std::move(shards.error()));
  store->engine_ = opening.engine();
  store->shards_ = std::move(*shards);
  return store;
}

std::string_view name_of(Engine engine) { return engine == Engine::sqlite ? "sqlite" : "log"; }

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
  return static_cast<unsigned>(((stable_hash(key) >> 32) * shards) >> 32);
}

}  // namespace troupe::storage
