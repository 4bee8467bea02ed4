// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Key-value storage behind one interface: memory, SQLite, an append log, and one file per key.
//
// Engines are plain synchronous code. A Store belongs to one caller at a time: calls may come from
// different threads (the blocking pool's) but never two at once, so nothing in here takes a lock.
// Parallelism comes from several stores; ShardedStore opens one per worker in one directory.
//
// What an acknowledgement means is fixed when the store is opened (Durability). An error from a
// write means the whole batch is not applied and was never acknowledged; after a failed fsync the
// store answers `poisoned` to every later write, because the kernel may have dropped the pages and
// a second fsync that succeeds would prove nothing.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace troupe::storage {

class Disk;  // The seam to the file system (src/storage/disk.hpp); null means the real one.

enum class ErrorKind : std::uint8_t {
  io,               // the disk or the kernel failed an operation
  full_disk,        // no space, quota or file size limit; the store goes on once there is room
  read_only,        // the file or directory may not be written by this user
  corrupt,          // bytes on disk are not what was written; the text names file and place
  foreign,          // the file is sound, but another program's or another store's
  locked_by_other,  // another process, or another Store of this one, has it open
  newer_version,    // written by a later Troupe; this one refuses to guess
  closed,           // close() was called
  poisoned,         // an earlier failure made further acknowledgements dishonest; reopen
  too_large,        // key, value or batch over the limits below
  wrong_type,       // the value is sound, but not of the type that was asked for
  no_migration,     // a state of an old version that nothing here brings up to date
  busy,             // a pool's worker is behind; nothing was done, try later
  unavailable,      // a pool's worker gave no answer; whether it did what was asked is unknown
};

// The text is for the operator: what failed, on which file, and what to do.
struct StorageError {
  ErrorKind kind;
  std::string text;
};

std::string_view name_of(ErrorKind kind);

template <class T>
using Result = std::expected<T, StorageError>;

enum class Durability : std::uint8_t {
  commit,   // acknowledged when it would survive a power cut
  relaxed,  // acknowledged when handed to the kernel (survives kill -9); flush() makes it survive a
            // power cut, and the owner calls flush() at least once a second
  memory,   // nothing touches the disk: every factory then gives a memory store
};

inline constexpr std::size_t max_key_bytes = 64 * 1024;
inline constexpr std::size_t max_value_bytes = 256 * 1024 * 1024;
inline constexpr std::size_t max_batch_bytes = 1024 * 1024 * 1024;  // keys and values together

// One step of a batch. It views its bytes; they must outlive the write_batch call.
struct Change {
  std::string_view key;
  std::string_view value;
  bool removal = false;

  static Change put(std::string_view key, std::string_view value) { return {key, value, false}; }
  static Change remove(std::string_view key) { return {key, {}, true}; }

  // A string made in the argument would be gone before the batch is written.
  template <class Key, class Value>
    requires(std::is_same_v<Key, std::string> || std::is_same_v<Value, std::string>)
  static Change put(Key&&, Value&&) = delete;
  template <class Key>
    requires std::is_same_v<Key, std::string>
  static Change remove(Key&&) = delete;
};

struct Entry {
  std::string key;
  std::string value;
};

// A part of everything that is there (Store::portion).
struct Portion {
  std::vector<Entry> entries;
  std::optional<std::string> next;  // where the next one begins; none: this was the last
};

// What an engine is asked to go through, and whom it calls.
struct Scan {
  std::string_view prefix;
  std::optional<std::string_view> after;
  bool with_values;
};
using Visit = bool (*)(void* object, std::string_view key, std::string_view value);

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;  // Closes; whoever wants to hear of errors calls close() first.

  Result<std::optional<std::string>> get(std::string_view key);
  Result<void> put(std::string_view key, std::string_view value);
  Result<void> remove(std::string_view key);  // An absent key is no error.

  // Applies all changes in order (of two on one key the later wins), or none; they become durable
  // together. One call costs one fsync, so this is where group commit happens.
  Result<void> write_batch(std::span<const Change> changes);

  // Keys that start with the prefix, in byte order.
  Result<std::vector<std::string>> list(std::string_view prefix = {});

  // Up to `limit` entries in byte order, starting behind the key `after`; fewer than `limit` means
  // the end. This streams a large store without holding it, or its owner, for the whole time.
  Result<std::vector<Entry>> page(std::string_view prefix, std::optional<std::string_view> after,
                                  std::size_t limit);

  // Calls visitor(key, value) in byte order over one consistent state. The visitor returns bool
  // (false stops) or void, must not touch this store, and must copy what it keeps.
  template <class Visitor>
  Result<void> for_each(std::string_view prefix, Visitor&& visitor) {
    using Object = std::remove_reference_t<Visitor>;
    return visit(
        {prefix, {}, true},
        [](void* object, std::string_view key, std::string_view value) -> bool {
          auto& call = *static_cast<Object*>(object);
          if constexpr (std::is_void_v<decltype(call(key, value))>) {
            call(key, value);
            return true;
          } else {
            return call(key, value);
          }
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(visitor))));
  }

  // Calls visitor(key, value) for everything, in whatever order is read fastest: with SQLite a
  // third of the time that for_each takes. Otherwise the same.
  template <class Visitor>
  Result<void> sweep(Visitor&& visitor) {
    using Object = std::remove_reference_t<Visitor>;
    return sweep(
        [](void* object, std::string_view key, std::string_view value) -> bool {
          return (*static_cast<Object*>(object))(key, value);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(visitor))));
  }

  // About `limit` entries, in whatever order is cheapest, from where the portion before ended
  // (none: the beginning). Goes through a large store while others write to it: an entry that stays
  // there all the time is in one portion, as it was when that was taken.
  Result<Portion> portion(const std::optional<std::string>& from, std::size_t limit);

  // Makes everything acknowledged so far survive a power cut. Needed in relaxed mode only.
  Result<void> flush();

  // Folds logs into their base now instead of when they are due: smaller files, faster opening.
  Result<void> compact();

  // Flushes and lets go of files and locks. Every later call answers `closed`, a second
  // close() answers success.
  Result<void> close();

 private:
  virtual Result<std::optional<std::string>> do_get(std::string_view key) = 0;
  virtual Result<void> do_write(std::span<const Change> changes) = 0;
  virtual Result<void> do_visit(const Scan& scan, Visit visitor, void* object) = 0;
  virtual Result<void> do_sweep(Visit visitor, void* object);
  virtual Result<Portion> do_portion(const std::optional<std::string>& from, std::size_t limit);
  virtual Result<void> do_flush() = 0;
  virtual Result<void> do_compact() = 0;
  virtual Result<void> do_close() = 0;

  Result<void> visit(const Scan& scan, Visit visitor, void* object);
  Result<void> sweep(Visit visitor, void* object);

  bool closed_ = false;
};

// In memory only, in the order of keys: for tests and caches. Closing it loses everything.
std::unique_ptr<Store> open_memory();

struct SqliteOptions {
  Durability durability = Durability::commit;
  // Walks the b-trees before the first use (PRAGMA quick_check, 0.1 to 0.3 s per 250,000 entries).
  // Values carry checksums in any case, compared whenever they are read.
  bool check_on_open = true;
  std::uint32_t busy_timeout_ms = 1000;     // how long opening waits for another process to let go
  std::uint32_t checkpoint_pages = 20'000;  // the write-ahead log is folded in at this length
  std::size_t cache_bytes = 16 * 1024 * 1024;
  std::string vfs;       // name of a registered SQLite VFS; empty: the default
  Disk* disk = nullptr;  // for what is done beside SQLite; the same files as the VFS has
};

// One database file (with its -wal beside it while open), held exclusively while open.
Result<std::unique_ptr<Store>> open_sqlite(const std::string& path,
                                           const SqliteOptions& options = {});

// Where an append log has its entries besides on disk.
enum class Residence : std::uint8_t {
  in_memory,  // all of them, in order: reading never waits for the disk
  on_disk,    // nowhere: memory holds an index of about 27 bytes an entry, whatever its size. A get
              // is one read of a file. Whatever is in byte order (list, page, for_each) reads all
              // entries and sorts their keys first; sweep and portion do not.
};

struct LogOptions {
  Durability durability = Durability::commit;
  Residence residence = Residence::in_memory;
  std::uint64_t snapshot_bytes = 64 * 1024 * 1024;  // log behind the last snapshot before a new one
  std::uint64_t preallocate_bytes = 1024 * 1024;    // zeros written ahead of the log; 0: none
  Disk* disk = nullptr;
};

// A directory of its own with an append log and snapshots. A write is one append and one fsync; a
// snapshot is written in slices with the writes that follow. After a crash a torn tail is cut off,
// damage elsewhere refused. The files are the same for every residence.
Result<std::unique_ptr<Store>> open_log(const std::string& directory,
                                        const LogOptions& options = {});

struct FilesOptions {
  Disk* disk = nullptr;
};

// One file per key in a directory, for other programs to read: a file holds the bytes of the value
// and nothing else, so a value in the external term format is read by :erlang.binary_to_term. The
// name is the key with everything but letters, digits, `_`, `-` and inner dots as %XX (long keys: a
// part of it and a hash). Checksums are kept beside, in DIRECTORY/.troupe; a file put there by
// another program is taken as it is. Always durable on return, whatever it costs: six fsyncs.
Result<std::unique_ptr<Store>> open_files(const std::string& directory,
                                          const FilesOptions& options = {});

enum class Engine : std::uint8_t { sqlite, log };

std::string_view name_of(Engine engine);  // as the manifest of a directory has it

struct ShardedOptions {
  unsigned shards = 0;  // 0: as many as the directory has, or one per core in a new directory
  Durability durability = Durability::commit;
  std::string name = "sessions";   // shards are files NAME-0.db, ... or directories NAME-0.log, ...
  Engine engine = Engine::sqlite;  // of a new directory; another keeps its own
  SqliteOptions sqlite;  // of the engine in use, but for durability and disk, which are these here
  LogOptions log;
  Disk* disk = nullptr;
};

inline constexpr unsigned max_shards = 1024;

// N stores in one directory, one for each worker. The directory is made if it is absent (its parent
// is not), and locked: a second opening, from whatever process, is `locked_by_other`. The engine
// and the number of shards are fixed when the directory is made and kept in its manifest; opening
// with others keeps the old ones (a key must stay with its file), so workers are started by
// shard_count(), not by what was asked for.
class ShardedStore {
 public:
  static Result<std::unique_ptr<ShardedStore>> open(const std::string& directory,
                                                    const ShardedOptions& options = {});
  ShardedStore(const ShardedStore&) = delete;
  ShardedStore& operator=(const ShardedStore&) = delete;
  ~ShardedStore();

  Engine engine() const { return engine_; }
  unsigned shard_count() const { return static_cast<unsigned>(shards_.size()); }
  unsigned shard_of(std::string_view key) const;
  Store& shard(unsigned index) { return *shards_[index]; }
  Store& shard_for(std::string_view key) { return *shards_[shard_of(key)]; }

  // Closes every shard, even after one has failed; answers the first error.
  Result<void> close();

 private:
  struct Lock;
  ShardedStore();

  Engine engine_ = Engine::sqlite;
  std::unique_ptr<Lock> lock_;  // Before the shards: it goes when they are closed.
  std::vector<std::unique_ptr<Store>> shards_;
};

// The shard a key belongs to, the same on every machine and in every version: FNV-1a over the bytes
// with 64 bits, MurmurHash3's 64-bit finaliser over the result, and the high 32 bits of that scaled
// to the number of shards.
unsigned shard_of(std::string_view key, unsigned shards);

}  // namespace troupe::storage
