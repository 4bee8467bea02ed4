// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <charconv>
#include <optional>

#include <troupe/store_pool.hpp>

#include "storage/disk.hpp"
#include "storage/fault.hpp"

namespace troupe::storage {
namespace {

struct PartName {
  unsigned worker = 0;
  unsigned workers = 0;

  std::string text() const { return std::to_string(worker) + "-of-" + std::to_string(workers); }
};

std::optional<PartName> parse(std::string_view text) {
  PartName name;
  const char* end = text.data() + text.size();
  const auto worker = std::from_chars(text.data(), end, name.worker);
  if (worker.ec != std::errc{} || !std::string_view{worker.ptr, end}.starts_with("-of-")) return {};
  const auto workers = std::from_chars(worker.ptr + 4, end, name.workers);
  if (workers.ec != std::errc{} || workers.ptr != end) return {};
  return name;
}

// Parts are made in order, because a supervisor starts its children in order: a later one that is
// there proves that this one was.
Result<void> check_parts(Disk& disk, const std::string& directory, const PartName& wanted) {
  const auto names = disk.list(directory);
  if (!names) return failure(names.error(), "list", directory);
  bool is_there = false;
  bool has_later = false;
  for (const std::string& text : *names) {
    const auto part = parse(text);
    if (!part) continue;
    if (part->workers != wanted.workers) {
      return failure(ErrorKind::foreign, "directory " + directory + " was made for " +
                                             std::to_string(part->workers) + " workers, not " +
                                             std::to_string(wanted.workers) +
                                             "; start as many, or use another directory");
    }
    is_there |= part->worker == wanted.worker;
    has_later |= part->worker > wanted.worker;
  }
  if (has_later && !is_there) {
    return failure(ErrorKind::corrupt, "part " + directory + "/" + wanted.text() +
                                           " is missing; restore it from a backup");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> open_part(const std::string& directory, unsigned worker,
                                         unsigned workers, const PartOptions& options) {
  if (options.durability == Durability::memory) return open_memory();
  Disk& disk = disk_or_real(options.disk);
  if (auto made = disk.make_directory(directory); !made) {
    return failure(made.error(), "make directory", directory);
  }
  const std::string parent = directory_of(directory);
  if (auto done = disk.sync_directory(parent); !done) {
    return failure(done.error(), "sync directory", parent);
  }
  const PartName part{worker, workers};
  if (auto fine = check_parts(disk, directory, part); !fine) {
    return std::unexpected(std::move(fine.error()));
  }
  const std::string path = directory + "/" + part.text();
  if (options.files) return open_files(path, {.disk = &disk});
  return open_log(path, {.durability = options.durability, .disk = &disk});
}

}  // namespace troupe::storage
