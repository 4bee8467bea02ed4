// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include "storage/simulated_disk.hpp"

namespace troupe::storage::test {

// SQLite on a simulated disk, under the name given: enough of a VFS for one connection that holds
// its database exclusively. The disk must outlive the registration.
class SimulatedVfs {
 public:
  SimulatedVfs(std::string name, SimulatedDisk& disk);
  SimulatedVfs(const SimulatedVfs&) = delete;
  SimulatedVfs& operator=(const SimulatedVfs&) = delete;
  ~SimulatedVfs();

 private:
  struct Registration;
  Registration* registration_;
};

}  // namespace troupe::storage::test
