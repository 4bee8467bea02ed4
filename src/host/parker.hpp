// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>

namespace troupe {

// Lets one thread sleep until another wakes it. One permit: unpark() before park() is remembered
// (several count once), and the next park() takes it and returns at once. No wake-up is lost.
//
// One 32-bit futex word, three states:
//
//   empty     nobody sleeps, no permit
//   permit    unpark() came first; the next park takes it
//   sleeping  the owner is in the kernel, or on its way into or out of it
//
//   who     from      to        order    pairs with
//   park    permit    empty     acquire  unpark's release: what was done before unpark() is seen
//   park    empty     sleeping  acquire  nothing; on its way into futex_wait(word == sleeping),
//                                        which the kernel refuses when unpark() changed the word
//                                        meanwhile
//   park    permit    empty     acquire  after the wait, as in the first line
//   park    sleeping  empty     acquire  the deadline passed; an exchange, so that an unpark() that
//                                        came in the last moment is taken rather than left behind
//   unpark  any       permit    release  park's acquire; an exchange even when the permit is there
//                                        already, so that the owner sees this caller's writes too
//                                        (the exchanges form one release sequence)
//
// unpark() calls the kernel only when the word was `sleeping`.
//
// A caller that publishes work and then asks "does it sleep?" through some other variable needs
// its own sequentially consistent fence between the two; unpark() and park() alone need none.
class Parker {
 public:
  static constexpr std::int64_t forever = INT64_MAX;

  Parker() = default;
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  // Sleeps until unpark() or until the monotonic clock (CLOCK_MONOTONIC, as
  // PosixHost::monotonic_ns) reaches `deadline_ns`; true when a permit was taken. A deadline in the
  // past takes a permit if there is one and never sleeps. Only the owning thread calls it.
  bool park(std::int64_t deadline_ns = forever) noexcept;

  // Wakes the owner, or leaves the permit for it. Any thread. The Parker may be destroyed by its
  // owner as soon as the permit is set: what remains is a wake-up of an address, which is never
  // read.
  void unpark() noexcept;

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t permit = 1;
  static constexpr std::uint32_t sleeping = 2;

  std::atomic<std::uint32_t> word_{empty};
};

}  // namespace troupe
