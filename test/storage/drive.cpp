// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/drive.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

namespace fs = std::filesystem;

struct stat about(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) throw std::runtime_error{"stat " + path};
  return found;
}

void clear(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator{folder}) fs::remove_all(entry.path());
}

// Of PostgreSQL's pages, which are twice as large, some are torn in the middle; its control file is
// smaller, and it relies on that being written whole. The length is that of before or that of now.
std::string mix(const std::string& synced, const std::string& now, std::mt19937& random) {
  constexpr std::size_t block = 4096;
  std::string mixed = synced;
  mixed.resize(random() % 2 ? now.size() : synced.size());
  for (std::size_t at = 0; at < std::min(mixed.size(), now.size()); at += block) {
    if (random() % 2) {
      const std::size_t size = std::min({block, mixed.size() - at, now.size() - at});
      mixed.replace(at, size, now, at, size);
    }
  }
  return mixed;
}

}  // namespace

// One cut.
struct Drive::Rest {
  const Drive& drive;
  Survival survival;
  std::mt19937& random;

  std::string place(std::string_view part, const std::string& number) const {
    return drive.folder_ + "/" + std::string{part} + "/" + number;
  }

  void make_directory(const std::string& path, const std::string& number) {
    // Without a record it was never synced, and is empty.
    std::ifstream entries{place("names", number)};
    char kind = 0;
    std::string child;
    std::string name;
    while (entries >> kind >> child && entries.ignore() && std::getline(entries, name)) {
      const std::string below = path + "/" + name;
      if (kind == 'd') {
        if (::mkdir(below.c_str(), 0700) != 0) throw std::runtime_error{"mkdir " + below};
        drive.give(below);
        make_directory(below, child);
      } else {
        make_file(below, child);
      }
    }
  }

  // What has two names gets them both.
  void make_file(const std::string& path, const std::string& number) {
    const std::string content = place("content", number);
    if (!fs::exists(content)) {
      write_bytes(content, {});
      drive.give(content);
      if (::chmod(content.c_str(), 0600) != 0) throw std::runtime_error{"chmod " + content};
    }
    if (survival == Survival::some && fs::hard_link_count(content) == 1) {
      const std::string synced = read_bytes(content);
      const std::string now = read_bytes(place("live", number));
      if (synced != now) write_bytes(content, mix(synced, now, random));
    }
    fs::create_hard_link(content, path);
  }
};

Drive::Drive(std::string root, std::string folder, std::string_view library)
    : root_{std::move(root)},
      folder_{std::move(folder)},
      library_{folder_ + "/synced_only.so"},
      owner_{about(root_).st_uid},
      group_{about(root_).st_gid} {
  make_folders();
  // Where the program may read it, whoever runs that.
  fs::copy_file(library, library_);
  give(library_);
}

void Drive::make_folders() const {
  for (const std::string& path :
       {folder_, folder_ + "/content", folder_ + "/names", folder_ + "/live"}) {
    fs::create_directory(path);
    give(path);
  }
}

void Drive::give(const std::string& path) const {
  if (::chown(path.c_str(), owner_, group_) != 0) throw std::runtime_error{"chown " + path};
}

std::vector<std::string> Drive::environment() const {
  return {"LD_PRELOAD=" + library_, "TROUPE_DRIVE=" + folder_};
}

// The root itself stays: PostgreSQL knows its shared memory by the number of that directory, and
// frees what the dead server left of it.
void Drive::cut_power(Survival survival, std::mt19937& random) {
  clear(root_);
  Rest{*this, survival, random}.make_directory(root_, std::to_string(about(root_).st_ino));
  for (const char* part : {"/content", "/names", "/live"}) clear(folder_ + part);
}

}  // namespace troupe::storage::test
