// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <sys/mman.h>

namespace troupe {

void* reserve_memory(std::size_t bytes) noexcept {
  void* range = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return range == MAP_FAILED ? nullptr : range;
}

void discard_memory(void* range, std::size_t bytes) noexcept {
  madvise(range, bytes, MADV_DONTNEED);
}

}  // namespace troupe
