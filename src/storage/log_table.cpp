// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_table.hpp"

#include "storage/disk_table.hpp"
#include "storage/memory_table.hpp"

namespace troupe::storage::log {

std::unique_ptr<Table> make_table(Residence residence, Disk& disk) {
  if (residence == Residence::in_memory) return std::make_unique<MemoryTable>();
  return std::make_unique<DiskTable>(HashKey{disk.random_number(), disk.random_number()});
}

}  // namespace troupe::storage::log
