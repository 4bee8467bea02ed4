// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/crc32c.hpp"
#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/file_names.hpp"
#include "storage/files_records.hpp"

// The directory, with everything of ours in one place that no key can name:
//
//   NAME                    the bytes of a value
//   .troupe/sums/NAME       its checksum, its size and its key
//   .troupe/temporary/      N.value and N.sum of the batch being written
//   .troupe/journal         what that batch does
//   .troupe/lock
//
// A batch: write and sync all temporaries; write and sync the journal, which is the moment the
// batch happens; rename the temporaries to their names and remove what is to be removed; sync both
// directories. Opening does an unfinished journal to its end: a step whose temporary is gone was
// done already. The journal names files and not values, so once it is written no step needs space.
// It is overwritten by the next batch, whose temporaries have other numbers.

namespace troupe::storage {
namespace {

using files::Step;
using files::Sum;

constexpr std::size_t max_journal_bytes = std::size_t{1} << 31;
// A key at most triples, and the other lines are short.
constexpr std::size_t max_sum_bytes = 3 * max_key_bytes + 200;

std::unexpected<StorageError> newer(const std::string& path) {
  return failure(ErrorKind::newer_version,
                 "file " + path + " was written by a newer Troupe; start that");
}

class FilesStore final : public Store {
 public:
  FilesStore(std::string directory, const FilesOptions& options)
      : directory_{std::move(directory)},
        own_{directory_ + "/.troupe"},
        sums_{own_ + "/sums"},
        temporary_{own_ + "/temporary"},
        disk_{disk_or_real(options.disk)} {}
  ~FilesStore() override { (void)close(); }

  Result<void> open();

 private:
  Result<std::optional<std::string>> do_get(std::string_view key) override;
  Result<void> do_write(std::span<const Change> changes) override;
  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override;
  Result<void> do_flush() override { return usable(); }
  Result<void> do_compact() override { return usable(); }
  Result<void> do_close() override;

  Result<void> finish_last_batch();
  Result<std::optional<Sum>> read_sum(const std::string& name);
  Result<std::optional<std::string>> read_value(const std::string& name, std::string_view key);
  Result<void> check_collision(const std::string& name, std::string_view key);
  Outcome<void> write_file(const std::string& path, std::string_view bytes);
  Result<void> prepare(const std::vector<Step>& steps, const std::vector<const Change*>& changes);
  Result<void> commit(const std::vector<Step>& steps);
  Outcome<void> apply(const std::vector<Step>& steps);
  Outcome<void> remove_if_there(const std::string& path);
  void drop_temporaries(const std::vector<Step>& steps);

  std::string value_path(const std::string& name) const { return directory_ + "/" + name; }
  std::string sum_path(const std::string& name) const { return sums_ + "/" + name; }
  std::string temporary_value(std::uint64_t number) const {
    return temporary_ + "/" + std::to_string(number) + ".value";
  }
  std::string temporary_sum(std::uint64_t number) const {
    return temporary_ + "/" + std::to_string(number) + ".sum";
  }

  Result<void> usable() const {
    if (poison_) return failure(ErrorKind::poisoned, *poison_);
    return {};
  }
  std::unexpected<StorageError> poison(Fault fault, std::string_view doing,
                                       const std::string& path);

  const std::string directory_;
  const std::string own_;
  const std::string sums_;
  const std::string temporary_;
  Disk& disk_;
  std::unique_ptr<DiskLock> lock_;
  std::unique_ptr<DiskFile> journal_;
  std::uint64_t next_number_ = 1;
  std::optional<std::string> poison_;
};

Result<void> FilesStore::open() {
  for (const std::string* path : {&directory_, &own_, &sums_, &temporary_}) {
    if (auto done = disk_.make_directory(*path); !done) {
      return failure(done.error(), "make directory", *path);
    }
    if (path == &own_) {
      auto lock = lock_directory(disk_, own_);
      if (!lock) return std::unexpected(std::move(lock.error()));
      lock_ = std::move(*lock);
    }
  }
  const std::string path = own_ + "/journal";
  auto journal = disk_.open(path, OpenMode::create);
  if (!journal) return failure(journal.error(), "open", path);
  journal_ = std::move(*journal);
  return finish_last_batch();
}

Result<void> FilesStore::finish_last_batch() {
  const std::string path = own_ + "/journal";
  const auto text = read_file(disk_, path, max_journal_bytes);
  if (!text) return failure(text.error(), "read", path);
  if (files::is_newer(*text)) return newer(path);
  Outcome<void> done;
  if (const auto steps = files::parse_journal(*text)) done = apply(*steps);
  if (done) done = disk_.sync_directory(directory_of(directory_));
  if (done) done = disk_.sync_directory(directory_);
  if (done) done = disk_.sync_directory(own_);
  if (done) done = disk_.sync_directory(sums_);
  // Only now: a journal that outlived its temporaries would do half of a batch.
  if (done) done = journal_->truncate(0);
  // An empty batch says which format this is. A disk without room does without.
  if (done) (void)journal_->write(0, files::text_of(std::vector<Step>{}));
  if (done) done = journal_->sync();
  if (!done) return failure(done.error(), "finish the last batch in", directory_);
  const auto left = disk_.list(temporary_);
  if (!left) return failure(left.error(), "list", temporary_);
  for (const std::string& name : *left) {
    // One that stays is in the way: its number will be used again.
    const std::string file = temporary_ + "/" + name;
    if (auto gone = remove_if_there(file); !gone) return failure(gone.error(), "remove", file);
  }
  return {};
}

std::unexpected<StorageError> FilesStore::poison(Fault fault, std::string_view doing,
                                                 const std::string& path) {
  poison_ = explain(fault, doing, path).text +
            " -- nothing more is acknowledged until the store is opened again";
  return failure(ErrorKind::poisoned, *poison_);
}

Outcome<void> FilesStore::remove_if_there(const std::string& path) {
  auto done = disk_.remove(path);
  if (!done && done.error().code == ENOENT) return {};
  return done;
}

Result<std::optional<Sum>> FilesStore::read_sum(const std::string& name) {
  const std::string path = sum_path(name);
  const auto text = read_file(disk_, path, max_sum_bytes);
  if (!text) {
    if (text.error().code == ENOENT) return std::nullopt;
    return failure(text.error(), "read", path);
  }
  if (files::is_newer(*text)) return newer(path);
  auto sum = files::parse_sum(*text);
  if (!sum || file_name_of(sum->key) != name) {
    return failure(ErrorKind::corrupt, "file " + path +
                                           " is damaged; if the value beside it is right, remove "
                                           "the damaged file, else restore both from a backup");
  }
  return sum;
}

Result<std::optional<std::string>> FilesStore::read_value(const std::string& name,
                                                          std::string_view key) {
  auto sum = read_sum(name);
  if (!sum) return std::unexpected(std::move(sum.error()));
  const std::string path = value_path(name);
  auto value = read_file(disk_, path, max_value_bytes);
  if (!value) {
    if (value.error().code == EFBIG) {
      return failure(ErrorKind::too_large, "file " + path + " is over the limit for values");
    }
    const bool absent = value.error().code == ENOENT || value.error().code == EISDIR;
    if (!absent) return failure(value.error(), "read", path);
    if (!*sum) return std::nullopt;
    return failure(ErrorKind::corrupt, "file " + path +
                                           " is missing; restore it from a backup, or "
                                           "remove " +
                                           sum_path(name) + " to do without it");
  }
  if (!*sum) {
    // Another program's file. From a hashed name its key cannot be told.
    if (is_hashed_name(name)) return std::nullopt;
    return std::move(*value);
  }
  if ((*sum)->key != key) return std::nullopt;  // Two long keys with one hash.
  if ((*sum)->size != value->size() || (*sum)->crc != crc32c(*value)) {
    return failure(ErrorKind::corrupt,
                   "file " + path +
                       " is not what was written there; restore it from a backup, or, "
                       "if another program changed it on purpose, remove " +
                       sum_path(name));
  }
  return std::move(*value);
}

Result<std::optional<std::string>> FilesStore::do_get(std::string_view key) {
  return read_value(file_name_of(key), key);
}

Result<void> FilesStore::check_collision(const std::string& name, std::string_view key) {
  if (!is_hashed_name(name)) return {};
  const auto sum = read_sum(name);
  if (!sum) return std::unexpected(sum.error());
  if (!*sum || (*sum)->key == key) return {};
  return failure(ErrorKind::too_large,
                 "a long key has the same file name as another one, " + value_path(name));
}

Outcome<void> FilesStore::write_file(const std::string& path, std::string_view bytes) {
  auto file = disk_.open(path, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->write(0, bytes); !done) return done;
  return (*file)->sync();
}

void FilesStore::drop_temporaries(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.drop) continue;
    (void)disk_.remove(temporary_value(step.number));
    (void)disk_.remove(temporary_sum(step.number));
  }
}

Result<void> FilesStore::do_write(std::span<const Change> changes) {
  if (auto fine = usable(); !fine) return fine;
  // The last change of a key is the one that counts.
  std::map<std::string, const Change*> last;
  for (const Change& change : changes) {
    std::string name = file_name_of(change.key);
    if (auto fine = check_collision(name, change.key); !fine) return fine;
    const auto [at, fresh] = last.try_emplace(std::move(name), &change);
    if (!fresh && at->second->key != change.key) {
      return failure(ErrorKind::too_large, "two long keys of a batch have the same file name");
    }
    at->second = &change;
  }
  std::vector<Step> steps;
  std::vector<const Change*> kept;
  for (const auto& [name, change] : last) {
    steps.push_back({change->removal, change->removal ? 0 : next_number_++, name});
    kept.push_back(change);
  }
  if (auto done = prepare(steps, kept); !done) return done;
  if (auto done = commit(steps); !done) return done;
  if (auto done = apply(steps); !done) return poison(done.error(), "finish a batch in", directory_);
  for (const std::string* path : {&directory_, &sums_}) {
    if (auto done = disk_.sync_directory(*path); !done) {
      return poison(done.error(), "sync directory", *path);
    }
  }
  return {};
}

Result<void> FilesStore::prepare(const std::vector<Step>& steps,
                                 const std::vector<const Change*>& changes) {
  Outcome<void> done;
  for (std::size_t i = 0; i < steps.size() && done; ++i) {
    if (steps[i].drop) continue;
    const Change& change = *changes[i];
    const Sum sum{crc32c(change.value), change.value.size(), std::string{change.key}};
    done = write_file(temporary_value(steps[i].number), change.value);
    if (done) done = write_file(temporary_sum(steps[i].number), files::text_of(sum));
  }
  if (done) done = disk_.sync_directory(temporary_);
  if (done) return {};
  drop_temporaries(steps);
  const StorageError error = explain(done.error(), "write to", directory_);
  // No room or no permission is refused and over. What else can fail here is the disk.
  if (error.kind != ErrorKind::io) return std::unexpected(error);
  return poison(done.error(), "write to", directory_);
}

Result<void> FilesStore::commit(const std::vector<Step>& steps) {
  const std::string path = own_ + "/journal";
  const std::string text = files::text_of(steps);
  Outcome<void> done = journal_->truncate(0);
  if (done) done = journal_->write(0, text);
  if (!done) {
    // Not all of it was taken, so its checksum cannot be right and the batch never happens.
    drop_temporaries(steps);
    return failure(done.error(), "write to", path);
  }
  if (done = journal_->sync(); !done) return poison(done.error(), "sync", path);
  return {};
}

// In any order and any number of times, with the same result.
Outcome<void> FilesStore::apply(const std::vector<Step>& steps) {
  const auto move = [&](const std::string& from, const std::string& to) -> Outcome<void> {
    auto done = disk_.rename(from, to);
    if (!done && done.error().code == ENOENT) return {};
    return done;
  };
  for (const Step& step : steps) {
    Outcome<void> done;
    if (step.drop) {
      done = remove_if_there(value_path(step.name));
      if (done) done = remove_if_there(sum_path(step.name));
    } else {
      done = move(temporary_value(step.number), value_path(step.name));
      if (done) done = move(temporary_sum(step.number), sum_path(step.name));
    }
    if (!done) return done;
  }
  return {};
}

Result<void> FilesStore::do_visit(const Scan& scan, Visit visitor, void* object) {
  const auto names = disk_.list(directory_);
  if (!names) return failure(names.error(), "list", directory_);
  std::map<std::string, const std::string*> found;  // by key
  for (const std::string& name : *names) {
    std::optional<std::string> key;
    if (is_hashed_name(name)) {
      auto sum = read_sum(name);
      if (!sum) return std::unexpected(std::move(sum.error()));
      if (*sum) key = std::move((*sum)->key);
    } else {
      key = unescape_key(name);
    }
    if (!key || !key->starts_with(scan.prefix) || (scan.after && *key <= *scan.after)) continue;
    found.emplace(std::move(*key), &name);
  }
  for (const auto& [key, name] : found) {
    std::string value;
    if (scan.with_values) {
      auto read = read_value(*name, key);
      if (!read) return std::unexpected(std::move(read.error()));
      if (!*read) continue;
      value = std::move(**read);
    }
    if (!visitor(object, key, value)) break;
  }
  return {};
}

Result<void> FilesStore::do_close() {
  journal_.reset();
  lock_.reset();
  return usable();
}

}  // namespace

Result<std::unique_ptr<Store>> open_files(const std::string& directory,
                                          const FilesOptions& options) {
  auto store = std::make_unique<FilesStore>(directory, options);
  if (auto done = store->open(); !done) return std::unexpected(std::move(done.error()));
  return store;
}

}  // namespace troupe::storage
