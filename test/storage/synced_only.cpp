// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Preloaded into a program, is the drive below it: the folder that TROUPE_DRIVE names has what a
// power cut would leave, which is what fsync and fdatasync were called for and nothing else.
// drive.hpp says how it is laid out, and makes files of it again.
//
// What this does not know (O_SYNC, msync, syncfs, sync_file_range, io_uring) keeps nothing: a
// program that relies on it is found to lose data, never one that loses data to keep it. The calls
// do not reach the kernel, whose drive is not the one that is cut off.
//
// A file that is copied while somebody else writes to it may come out with some of that: so it may
// on a drive, where no sync says what else was written. And a copy that a kill interrupts has some
// pages of before and some of after, as a drive that lost its power while it wrote.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

std::string place(const char* part, ino_t inode) {
  static const std::string drive = [] {
    const char* name = std::getenv("TROUPE_DRIVE");
    return std::string{name ? name : "no drive"};
  }();
  return drive + "/" + part + "/" + std::to_string(inode);
}

// Two that sync one file take turns, or the older copy might come last. Freed by the kernel when
// its holder is killed.
bool lock(int file) {
  while (::flock(file, LOCK_EX) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

// By a second name, so that the number goes to no other file as long as the drive knows it.
bool hold(int file, ino_t inode) {
  const std::string self = "/proc/self/fd/" + std::to_string(file);
  const std::string held = place("live", inode);
  return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, held.c_str(), AT_SYMLINK_FOLLOW) == 0 ||
         errno == EEXIST;
}

bool write_at(int file, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), at);
    if (count < 0 && errno != EINTR) return false;
    if (count < 0) continue;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    at += count;
  }
  return true;
}

// In place: a new file would be there whole or not at all, which no drive promises.
bool copy(int from, int to) {
  char bytes[64 * 1024];
  off_t at = 0;
  for (;;) {
    const ssize_t count = ::pread(from, bytes, sizeof bytes, at);
    if (count < 0 && errno != EINTR) return false;
    if (count < 0) continue;
    if (count == 0) return ::ftruncate(to, at) == 0;
    if (!write_at(to, {bytes, static_cast<std::size_t>(count)}, at)) return false;
    at += count;
  }
}

bool keep_content(int file, ino_t inode) {
  // Without a name it was not held, and nobody will find it.
  if (!hold(file, inode)) return errno == ENOENT;
  // Not by `file`, which may be open for writing only.
  const Descriptor from{::open(place("live", inode).c_str(), O_RDONLY | O_CLOEXEC)};
  const Descriptor to{
      ::open(place("content", inode).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  return from.is_open() && to.is_open() && lock(to.number()) && copy(from.number(), to.number());
}

// A line for each entry. One that goes meanwhile is left out; other failures give nothing.
std::optional<std::string> read_names(int folder) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const entries = own < 0 ? nullptr : ::fdopendir(own);
  if (!entries) return std::nullopt;
  std::optional<std::string> lines{""};
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name{entry->d_name};
    if (name == "." || name == "..") continue;
    const Descriptor file{::openat(folder, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat about{};
    const bool is_there = file.is_open() && ::fstat(file.number(), &about) == 0 &&
                          (!S_ISREG(about.st_mode) || hold(file.number(), about.st_ino));
    if (!is_there && errno == ENOENT) continue;
    if (!is_there) {
      lines.reset();
      break;
    }
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) continue;
    *lines += S_ISDIR(about.st_mode) ? "d " : "f ";
    *lines += std::to_string(about.st_ino) + ' ';
    *lines += name;
    *lines += '\n';
  }
  ::closedir(entries);
  return lines;
}

// All names at once, or those of before: file systems do not tear a rename.
bool keep_names(int file, ino_t inode) {
  const Descriptor folder{::openat(file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open() || !lock(folder.number())) return false;
  // One that is renamed while the folder is read may be seen under neither name, so it is read
  // until that finds the same twice.
  std::optional<std::string> before;
  std::optional<std::string> now;
  do {
    before = std::move(now);
    now = read_names(folder.number());
    if (!now) return false;
  } while (now != before);
  const std::string next = place("names", inode) + ".next";
  {
    const Descriptor to{::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!to.is_open() || !write_at(to.number(), *now, 0)) return false;
  }
  return ::rename(next.c_str(), place("names", inode).c_str()) == 0;
}

int keep(int file) noexcept {
  struct stat about{};
  if (::fstat(file, &about) != 0) return -1;
  const bool is_kept = S_ISDIR(about.st_mode)   ? keep_names(file, about.st_ino)
                       : S_ISREG(about.st_mode) ? keep_content(file, about.st_ino)
                                                : true;
  if (is_kept) return 0;
  ::dprintf(STDERR_FILENO, "the drive of the test keeps nothing of file %llu: %s\n",
            static_cast<unsigned long long>(about.st_ino), std::strerror(errno));
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" int fsync(int file) { return keep(file); }
extern "C" int fdatasync(int file) { return keep(file); }
