// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>

namespace troupe {

// The calling thread is about to allocate so many bytes in small pieces that will stay: a store
// that restarts, a table that is filled. Has malloc take the memory from the system in steps of
// eight megabytes, and in large pages where they are at hand.
//
//     for (const Record& record : records) {
//       expect_allocations(record.size() + overhead);
//       keep(make_entry(record));
//     }
//
// A thread's heap in glibc grows by a page at a time otherwise, with a system call for each, and
// each is one page fault more: for a hundred megabytes 25,000 calls, and faults of 1.5 us on one
// virtual machine and 20 on another. Cheap: most calls subtract from what an earlier one has
// brought.
//
// A hint. It never fails; with another malloc than glibc's (a sanitizer's, too), or where the
// system has no large pages at hand, nothing happens or less. At most one step stays unused, of
// which the address space is taken and two megabytes of memory. Not for what is freed soon: that
// memory is there already.
void expect_allocations(std::size_t bytes) noexcept;

}  // namespace troupe
