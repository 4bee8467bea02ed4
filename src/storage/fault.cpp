// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/fault.hpp"

#include <cerrno>
#include <system_error>

namespace troupe::storage {
namespace {

struct Advice {
  ErrorKind kind;
  std::string_view text;
};

Advice advice_for(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return {ErrorKind::full_disk, "; free space there, or use a directory on another disk"};
    case EFBIG:
      return {ErrorKind::full_disk, "; raise the file size limit (ulimit -f)"};
    case EACCES:
    case EPERM:
      return {ErrorKind::read_only,
              "; give this user write permission, or choose another directory"};
    case EROFS:
      return {ErrorKind::read_only,
              "; remount the file system writable, or choose another directory"};
    case EWOULDBLOCK:
      return {ErrorKind::locked_by_other, "; it is in use, stop the other user first"};
    case ENOENT:
      return {ErrorKind::io, "; check that the path exists"};
    case EMFILE:
    case ENFILE:
      return {ErrorKind::io, "; raise the limit on open files (ulimit -n)"};
    case EIO:
      return {ErrorKind::io, "; the disk may be failing, look at the kernel's log"};
    default:
      return {ErrorKind::io, ""};
  }
}

}  // namespace

StorageError explain(Fault fault, std::string_view doing, const std::string& path) {
  const Advice advice = advice_for(fault.code);
  std::string text = "cannot ";
  text += doing;
  text += ' ';
  text += path;
  text += ": ";
  text += std::generic_category().message(fault.code);
  text += advice.text;
  return {advice.kind, std::move(text)};
}

Result<std::unique_ptr<DiskLock>> lock_directory(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/lock";
  auto lock = disk.lock(path);
  if (lock) return std::move(*lock);
  if (lock.error().code != EWOULDBLOCK) return failure(lock.error(), "lock", path);
  std::string text = "directory " + directory + " is in use by another store";
  if (auto holder = read_file(disk, path, 64); holder && holder->ends_with('\n')) {
    holder->pop_back();
    text += " (process " + *holder + ")";
  }
  return failure(ErrorKind::locked_by_other, text + "; stop it, or use another directory");
}

}  // namespace troupe::storage
