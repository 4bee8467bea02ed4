// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/simulated_vfs.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <sqlite3.h>
#include <utility>

namespace troupe::storage::test {
namespace {

struct OpenFile {
  sqlite3_file base;  // First: SQLite sees this part.
  SimulatedDisk* disk;
  std::unique_ptr<DiskFile> file;
  std::string path;
  bool name_is_new;
  bool temporary;
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

int write_code(Fault fault) { return fault.code == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE; }

int close_file(sqlite3_file* base) {
  OpenFile& file = of(base);
  if (file.temporary) (void)file.disk->remove(file.path);
  file.~OpenFile();
  return SQLITE_OK;
}

int read_file(sqlite3_file* base, void* into, int count, sqlite3_int64 offset) {
  const auto size = static_cast<std::size_t>(count);
  const auto done =
      of(base).file->read(static_cast<std::uint64_t>(offset), {static_cast<char*>(into), size});
  if (!done) return SQLITE_IOERR_READ;
  if (*done == size) return SQLITE_OK;
  std::memset(static_cast<char*>(into) + *done, 0, size - *done);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* base, const void* from, int count, sqlite3_int64 offset) {
  const auto done =
      of(base).file->write(static_cast<std::uint64_t>(offset),
                           {static_cast<const char*>(from), static_cast<std::size_t>(count)});
  return done ? SQLITE_OK : write_code(done.error());
}

int truncate_file(sqlite3_file* base, sqlite3_int64 size) {
  const auto done = of(base).file->truncate(static_cast<std::uint64_t>(size));
  return done ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* base, int) {
  OpenFile& file = of(base);
  if (!file.file->sync()) return SQLITE_IOERR_FSYNC;
  // As SQLite's own VFS does for a new file.
  if (std::exchange(file.name_is_new, false) &&
      !file.disk->sync_directory(directory_of(file.path))) {
    return SQLITE_IOERR_DIR_FSYNC;
  }
  return SQLITE_OK;
}

int size_of_file(sqlite3_file* base, sqlite3_int64* size) {
  const auto found = of(base).file->size();
  if (!found) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(*found);
  return SQLITE_OK;
}

int accept_lock(sqlite3_file*, int) { return SQLITE_OK; }
int no_reserved_lock(sqlite3_file*, int* held) {
  *held = 0;
  return SQLITE_OK;
}
int no_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

// Version 1 knows no shared memory, so the WAL index has to be on the heap.
const sqlite3_io_methods methods = [] {
  sqlite3_io_methods m{};
  m.iVersion = 1;
  m.xClose = close_file;
  m.xRead = read_file;
  m.xWrite = write_file;
  m.xTruncate = truncate_file;
  m.xSync = sync_file;
  m.xFileSize = size_of_file;
  m.xLock = accept_lock;
  m.xUnlock = accept_lock;
  m.xCheckReservedLock = no_reserved_lock;
  m.xFileControl = no_control;
  m.xSectorSize = sector_size;
  m.xDeviceCharacteristics = characteristics;
  return m;
}();

SimulatedDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<SimulatedDisk*>(vfs->pAppData); }

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags, int* out_flags) {
  base->pMethods = nullptr;
  SimulatedDisk& disk = disk_of(vfs);
  const bool temporary = name == nullptr;
  const std::string path = temporary ? "/temporary" + std::to_string(disk.operations()) : name;
  const bool existed = !temporary && disk.open(path, OpenMode::read).has_value();
  auto file =
      disk.open(path, (flags & SQLITE_OPEN_CREATE) != 0 ? OpenMode::create : OpenMode::write);
  if (!file) return SQLITE_CANTOPEN;
  new (base) OpenFile{{&methods}, &disk, std::move(*file), path, !existed, temporary};
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync) {
  SimulatedDisk& disk = disk_of(vfs);
  if (auto done = disk.remove(name); !done) {
    return done.error().code == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
  }
  if (sync != 0 && !disk.sync_directory(directory_of(name))) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int find_file(sqlite3_vfs* vfs, const char* name, int, int* found) {
  auto file = disk_of(vfs).open(name, OpenMode::read);
  if (!file && file.error().code == EIO) return SQLITE_IOERR_ACCESS;
  *found = 0;
  if (file) {
    const auto size = (*file)->size();
    *found = size && *size > 0 ? 1 : 0;  // As SQLite's own VFS: an empty file is none.
  }
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int random_bytes(sqlite3_vfs* vfs, int count, char* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<char>(disk_of(vfs).random_number());
  return count;
}

int sleep_not(sqlite3_vfs*, int microseconds) { return microseconds; }
int stopped_clock(sqlite3_vfs*, double* days) {
  *days = 2461000;
  return SQLITE_OK;
}
int no_last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

struct SimulatedVfs::Registration {
  std::string name;
  sqlite3_vfs vfs{};
};

SimulatedVfs::SimulatedVfs(std::string name, SimulatedDisk& disk)
    : registration_{new Registration{std::move(name)}} {
  sqlite3_vfs& vfs = registration_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 512;
  vfs.zName = registration_->name.c_str();
  vfs.pAppData = &disk;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = find_file;
  vfs.xFullPathname = full_name;
  vfs.xRandomness = random_bytes;
  vfs.xSleep = sleep_not;
  vfs.xCurrentTime = stopped_clock;
  vfs.xGetLastError = no_last_error;
  sqlite3_vfs_register(&vfs, 0);
}

SimulatedVfs::~SimulatedVfs() {
  sqlite3_vfs_unregister(&registration_->vfs);
  delete registration_;
}

}  // namespace troupe::storage::test
