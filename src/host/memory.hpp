// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>

namespace troupe {

// Address space without memory behind it: pages come when they are first touched, as zeros. Null
// when the system refuses.
void* reserve_memory(std::size_t bytes) noexcept;

// Gives the memory behind a reserved range back; the range stays, and reads as zeros from now on.
void discard_memory(void* range, std::size_t bytes) noexcept;

// Lets the range have large pages where the system has them at hand: for what will be used densely.
// A page fault costs 1.5 us on one virtual machine and 12 on another, for 4 KiB; a large page costs
// one fault and the clearing of 2 MiB, 100 to 300 us.
inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;
void prefer_large_pages(void* range, std::size_t bytes) noexcept;

// Whether large pages cost less than small ones at the moment (see host/page_costs.hpp).
bool large_pages_pay() noexcept;

// One large page, there already, as zeros; ended with release_memory. Null when the system refuses,
// or where large pages do not pay: take some small ones then, and fault them in.
void* take_large_page() noexcept;

// For a large page's worth of a range that prefers large pages, at its first use: has it there as
// one, or leaves it to small pages where large ones do not pay.
void begin_large_page(void* page) noexcept;

// Has the whole pages of a range there before they are touched: one call costs less than a fault
// for each. Where the system cannot (Linux before 5.14), they come as they are touched.
void fault_in(void* range, std::size_t bytes) noexcept;

// Ends a reservation.
void release_memory(void* range, std::size_t bytes) noexcept;

// Keeps malloc from giving the memory of every large buffer back to the kernel and asking for it
// again: glibc does so when 128 KiB are free at the end of a heap, and a message of 64 KiB that is
// made, sent and freed costs 16 page faults each way. What malloc keeps is bounded by
// malloc_keeps_bytes for each of its arenas. Does nothing where the user has set a threshold in the
// environment, or the library is another; called by every runtime, and idempotent.
inline constexpr std::size_t malloc_keeps_bytes = std::size_t{32} << 20;
inline constexpr std::size_t malloc_maps_bytes =
    malloc_keeps_bytes / 4;  // one by one, from here on
void keep_freed_memory() noexcept;

}  // namespace troupe
