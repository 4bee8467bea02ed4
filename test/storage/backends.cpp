// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/backends.hpp"

#include "storage/disk_table.hpp"
#include "storage/log_store.hpp"

namespace troupe::storage::test {

std::vector<Backend> backends() {
  return {
      {"memory", false,
       [](const std::string&) -> Result<std::unique_ptr<Store>> { return open_memory(); }},
      {"sqlite", true,
       [](const std::string& directory) {
         return open_sqlite(directory + "/store.db", {.busy_timeout_ms = 1});
       }},
      {"sqlite_relaxed", true,
       [](const std::string& directory) {
         return open_sqlite(directory + "/store.db",
                            {.durability = Durability::relaxed, .busy_timeout_ms = 1});
       }},
      // A few hundred bytes of log, so that every test sees snapshots and rotated files.
      {"log", true,
       [](const std::string& directory) {
         return open_log(directory + "/store", {.snapshot_bytes = 500, .preallocate_bytes = 4096});
       }},
      {"log_relaxed", true,
       [](const std::string& directory) {
         return open_log(directory + "/store",
                         {.durability = Durability::relaxed, .preallocate_bytes = 0});
       }},
      {"log_on_disk", true,
       [](const std::string& directory) {
         return open_log(
             directory + "/store",
             {.residence = Residence::on_disk, .snapshot_bytes = 500, .preallocate_bytes = 4096});
       }},
      // Four hashes for all keys.
      {"log_on_disk_colliding", true,
       [](const std::string& directory) {
         auto table = std::make_unique<log::DiskTable>(HashKey{1, 2}, std::uint64_t{3} << 62);
         return open_log_with(std::move(table), directory + "/store",
                              {.snapshot_bytes = 500, .preallocate_bytes = 0}, 0, false);
       }},
      {"files", true,
       [](const std::string& directory) { return open_files(directory + "/store"); }},
  };
}

}  // namespace troupe::storage::test
