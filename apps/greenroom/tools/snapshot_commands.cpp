// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/snapshot_commands.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>

#include <troupe/storage.hpp>

#include "persistence/data_directory.hpp"
#include "persistence/snapshot_file.hpp"
#include "text/units.hpp"
#include "text/utc_time.hpp"
#include "tools/progress_bar.hpp"

namespace greenroom {

namespace storage = troupe::storage;

namespace {

constexpr std::size_t batch_bytes = 4u << 20;

int say(const std::string& sentence) {
  std::fprintf(stderr, "greenroom: %s\n", sentence.c_str());
  return 1;
}

troupe::Duration now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// The newest whole snapshot of the directory that is older than `file`; empty: none.
std::string one_before(const std::string& file) {
  const auto directory = std::filesystem::path{file}.parent_path();
  const auto files = snapshots_in(directory.empty() ? "." : directory.string());
  for (auto each = files.rbegin(); each != files.rend(); ++each) {
    const bool is_older =
        std::filesystem::path{*each}.filename() < std::filesystem::path{file}.filename();
    if (is_older && verify_snapshot(*each)) return *each;
  }
  return {};
}

// Writes records to their shards, many at a time.
class Restore {
 public:
  Restore(storage::ShardedStore& stores, std::uint64_t total)
      : stores_{stores}, waiting_(stores.shard_count()), bar_{"sessions", total, now()} {}

  bool add(std::string_view key, std::string_view value) {
    const unsigned shard = stores_.shard_of(key);
    Waiting& waiting = waiting_[shard];
    waiting.entries.push_back({std::string{key}, std::string{value}});
    waiting.bytes += key.size() + value.size();
    ++done_;
    bar_.show(done_, now());
    return waiting.bytes < batch_bytes || write(shard);
  }
  bool finish() {
    for (unsigned shard = 0; shard < waiting_.size(); ++shard) {
      if (!write(shard)) return false;
    }
    bar_.finish(done_, now());
    return true;
  }
  const std::string& error() const { return error_; }

 private:
  struct Waiting {
    std::vector<storage::Entry> entries;
    std::size_t bytes = 0;
  };

  bool write(unsigned shard) {
    Waiting& waiting = waiting_[shard];
    std::vector<storage::Change> changes;
    changes.reserve(waiting.entries.size());
    for (const storage::Entry& entry : waiting.entries) {
      changes.push_back(storage::Change::put(entry.key, entry.value));
    }
    if (!changes.empty()) {
      const auto written = stores_.shard(shard).write_batch(changes);
      if (!written) error_ = written.error().text;
    }
    waiting = Waiting{};
    return error_.empty();
  }

  storage::ShardedStore& stores_;
  std::vector<Waiting> waiting_;
  ProgressBar bar_;
  std::uint64_t done_ = 0;
  std::string error_;
};

}  // namespace

int list_snapshots(const std::string& directory) {
  std::error_code missing;
  if (!std::filesystem::is_directory(directory, missing)) {
    return say(directory + " is no directory");
  }
  const auto files = snapshots_in(directory);
  if (files.empty()) {
    std::printf("No snapshots in %s.\n", directory.c_str());
    return 0;
  }
  for (const std::string& file : files) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file, error);
    std::printf("%s  %10s\n", file.c_str(), bytes_text(error ? 0 : bytes).c_str());
  }
  return 0;
}

int verify_snapshots(const std::vector<std::string>& files) {
  int code = 0;
  for (const std::string& file : files) {
    const auto facts = verify_snapshot(file);
    if (!facts) {
      code = say(facts.error());
      continue;
    }
    std::printf("%s: whole, %llu sessions, %s, begun %s\n", file.c_str(),
                static_cast<unsigned long long>(facts->records), bytes_text(facts->bytes).c_str(),
                time_text(facts->created_at_ms).c_str());
  }
  return code;
}

int restore_snapshot(const std::string& file, const std::string& data, unsigned shards) {
  std::error_code error;
  if (std::filesystem::exists(data, error) && !std::filesystem::is_empty(data, error)) {
    return say(data + " is not empty; a snapshot is restored into a new directory");
  }
  const auto facts = verify_snapshot(file);
  if (!facts) {
    const std::string before = one_before(file);
    return say(facts.error() + (before.empty() ? std::string{"; no older one here is whole"}
                                               : "; the newest whole one before it is " + before));
  }
  storage::ShardedOptions options = data_directory_options();
  options.shards = shards;
  auto stores = storage::ShardedStore::open(data, options);
  if (!stores) return say(stores.error().text);
  Restore restore{**stores, facts->records};
  const auto read = read_snapshot(
      file,
      [](void* context, std::string_view key, std::string_view value) {
        return static_cast<Restore*>(context)->add(key, value);
      },
      &restore);
  if (!restore.error().empty()) return say(restore.error());
  if (!read) return say(read.error());
  if (!restore.finish()) return say(restore.error());
  if (const auto closed = (*stores)->close(); !closed) return say(closed.error().text);
  std::printf("%llu sessions of %s are in %s.\n", static_cast<unsigned long long>(facts->records),
              time_text(facts->created_at_ms).c_str(), data.c_str());
  return 0;
}

}  // namespace greenroom
