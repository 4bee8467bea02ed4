// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/parker.hpp"

#include <cerrno>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "the kernel reads the word itself");

// Sleeps while *word == expected, until woken or until the deadline. False when the deadline
// passed; true says nothing (woken, changed, interrupted): look at the word.
bool futex_wait_until(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t deadline_ns) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  timespec deadline{};
  const timespec* limit = nullptr;
  if (deadline_ns != Parker::forever) {
    if (deadline_ns <= 0) return false;
    deadline.tv_sec = deadline_ns / second;
    deadline.tv_nsec = deadline_ns % second;
    limit = &deadline;
  }
  // WAIT_BITSET rather than WAIT: its time is absolute and monotonic, so a wait that is interrupted
  // and begun again does not stretch.
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                                limit, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 || errno != ETIMEDOUT;
}

}  // namespace

bool Parker::park(std::int64_t deadline_ns) noexcept {
  std::uint32_t seen = empty;
  if (!word_.compare_exchange_strong(seen, sleeping, std::memory_order_acquire)) {
    // Only the owner takes permits, so it is still there and this exchange takes it, together with
    // the writes of everybody who has unparked until now.
    word_.exchange(empty, std::memory_order_acquire);
    return true;
  }
  for (;;) {
    const bool in_time = futex_wait_until(word_, sleeping, deadline_ns);
    if (!in_time) return word_.exchange(empty, std::memory_order_acquire) == permit;
    seen = permit;
    if (word_.compare_exchange_strong(seen, empty, std::memory_order_acquire)) return true;
  }
}

void Parker::unpark() noexcept {
  if (word_.exchange(permit, std::memory_order_release) != sleeping) return;
  ::syscall(SYS_futex, &word_, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

}  // namespace troupe
