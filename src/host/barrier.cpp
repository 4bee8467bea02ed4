// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe {
namespace {

bool membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

bool barrier_on_all_threads() noexcept { return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

bool prepare_barriers() noexcept {
  static const bool prepared = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return prepared;
}

}  // namespace troupe
