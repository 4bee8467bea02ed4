// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/disk.hpp"

#include <algorithm>
#include <cerrno>

namespace troupe::storage {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Outcome<std::string> read_file(Disk& disk, const std::string& path, std::size_t limit) {
  auto file = disk.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > limit) return std::unexpected(Fault{EFBIG});
  std::string bytes(static_cast<std::size_t>(*size), '\0');
  auto count = (*file)->read(0, bytes);
  if (!count) return std::unexpected(count.error());
  bytes.resize(*count);
  return bytes;
}

Outcome<void> replace_file(Disk& disk, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  auto file = disk.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  Outcome<void> done = (*file)->truncate(0);
  if (done) done = (*file)->write(0, bytes);
  if (done) done = (*file)->sync();
  file->reset();
  if (done) done = disk.rename(temporary, path);
  if (!done) {
    (void)disk.remove(temporary);
    return done;
  }
  return disk.sync_directory(directory_of(path));
}

Outcome<void> rewrite(DiskFile& file, std::uint64_t begin, std::uint64_t end) {
  const auto size = file.size();
  if (!size) return std::unexpected(size.error());
  end = std::min(end, *size);
  std::string bytes;
  while (begin < end) {
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, 1 << 20)));
    const auto count = file.read(begin, bytes);
    if (!count) return std::unexpected(count.error());
    if (*count != bytes.size()) return std::unexpected(Fault{EIO});
    if (auto done = file.write(begin, bytes); !done) return done;
    begin += bytes.size();
  }
  return file.sync();
}

}  // namespace troupe::storage
