// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace troupe::storage::test {

// A drive below a program that is not ours, and below all its processes, of which the power can be
// cut. simulated_disk.hpp is for engines that write through a Disk or a VFS; here a library that is
// preloaded (synced_only.cpp) sees each fsync and fdatasync, and keeps in a folder, by the inode
// numbers of the files:
//
//   content/N   the bytes of file N when it was last synced
//   names/N     the entries of directory N when it was last synced, a line each: f (file) or
//               d (directory), the entry's number, its name
//   live/N      a second name for file N, so that its number is given to no other
//
// Names and content are apart, as on a drive: a rename counts once its directory was synced, and a
// name whose file never was names an empty file. ext4 and XFS keep the name of a new file when it
// is synced; POSIX does not promise that, nor does this drive. Directories are not held, so one
// that is removed must not have its number taken by another.
class Drive {
 public:
  enum class Survival : std::uint8_t {
    nothing,  // of what was not synced
    some,     // of what was written since to files, by blocks: a drive writes when it likes
  };

  // Below `root`, whose owner runs the program. `folder` is made, and is on the same file system.
  Drive(std::string root, std::string folder, std::string_view library);

  // For the processes of the program. What it finds must be synced before it begins.
  std::vector<std::string> environment() const;

  // Once they are dead: makes `root` what the drive has of it, and forgets that. Throws
  // std::runtime_error, or std::filesystem's errors.
  void cut_power(Survival survival, std::mt19937& random);

 private:
  struct Rest;
  void make_folders() const;
  void give(const std::string& path) const;

  std::string root_;
  std::string folder_;
  std::string library_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
};

}  // namespace troupe::storage::test
