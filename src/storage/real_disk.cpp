// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "storage/disk.hpp"

namespace troupe::storage {
namespace {

std::unexpected<Fault> last_fault() { return std::unexpected(Fault{errno}); }

class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

class RealFile final : public DiskFile {
 public:
  explicit RealFile(Descriptor descriptor) : descriptor_{std::move(descriptor)} {}

  Outcome<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto count = ::pread(descriptor_.number(), into.data() + done, into.size() - done,
                                 static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return last_fault();
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Outcome<void> write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto count =
          ::pwrite(descriptor_.number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return last_fault();
      // A short count means the next call will say why (no space, file size limit).
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Outcome<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.number(), static_cast<off_t>(size)) != 0) return last_fault();
    return {};
  }

  Outcome<std::uint64_t> size() override {
    struct stat status;
    if (::fstat(descriptor_.number(), &status) != 0) return last_fault();
    return static_cast<std::uint64_t>(status.st_size);
  }

  // fdatasync keeps a changed length too (POSIX: all that is needed to read the data back).
  Outcome<void> sync() override {
    if (::fdatasync(descriptor_.number()) != 0) return last_fault();
    return {};
  }

 private:
  Descriptor descriptor_;
};

class RealLock final : public DiskLock {
 public:
  explicit RealLock(Descriptor descriptor) : descriptor_{std::move(descriptor)} {}

 private:
  Descriptor descriptor_;
};

class RealDisk final : public Disk {
 public:
  Outcome<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC | (mode == OpenMode::read ? O_RDONLY : O_RDWR);
    if (mode == OpenMode::create) flags |= O_CREAT;
    // Sessions are nobody else's business: 0600, whatever the umask.
    Descriptor descriptor{::open(path.c_str(), flags, 0600)};
    if (descriptor.number() < 0) return last_fault();
    return std::make_unique<RealFile>(std::move(descriptor));
  }

  Outcome<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return last_fault();
    return {};
  }

  Outcome<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return last_fault();
    return {};
  }

  Outcome<std::vector<std::string>> list(const std::string& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return last_fault();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int code = errno;
    ::closedir(stream);
    if (code != 0) return std::unexpected(Fault{code});
    std::sort(names.begin(), names.end());
    return names;
  }

  Outcome<void> make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return last_fault();
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return last_fault();
    if (!S_ISDIR(status.st_mode)) return std::unexpected(Fault{ENOTDIR});
    return {};
  }

  Outcome<void> sync_directory(const std::string& path) override {
    Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (descriptor.number() < 0) return last_fault();
    if (::fsync(descriptor.number()) != 0) return last_fault();
    return {};
  }

  // flock and not fcntl: its lock belongs to the open file, so a second opening in this process is
  // refused too, and closing an unrelated descriptor of the same file does not drop it.
  Outcome<std::unique_ptr<DiskLock>> lock(const std::string& path) override {
    Descriptor descriptor{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (descriptor.number() < 0) return last_fault();
    if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) return last_fault();
    // The number is for the sentence the refused process prints; failing to write it harms nothing.
    char text[24];
    const int length = std::snprintf(text, sizeof text, "%ld\n", static_cast<long>(::getpid()));
    if (::ftruncate(descriptor.number(), 0) == 0) {
      [[maybe_unused]] const auto count =
          ::pwrite(descriptor.number(), text, static_cast<std::size_t>(length), 0);
    }
    return std::make_unique<RealLock>(std::move(descriptor));
  }

  std::uint64_t random_number() override {
    std::random_device entropy;
    return std::uint64_t{entropy()} << 32 | entropy();
  }
};

}  // namespace

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

}  // namespace troupe::storage
