// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif
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

void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") || std::getenv("GLIBC_TUNABLES")) return;
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(malloc_keeps_bytes));
  // Setting the one ends the adjustment of the other, which would have come to this.
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(malloc_keeps_bytes) / 4);
#endif
}

}  // namespace troupe
