// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>

namespace troupe::detail {

// Memory for envelopes and coroutine frames: small, short-lived, and usually released by another
// thread than the one that took it.
//
// Each thread keeps a free list per size class (16 bytes apart, up to 512). A list that grows
// beyond two batches gives one to a depot shared by all threads, an empty one takes a batch from
// there, so producer and consumer on two workers exchange whole batches and meet once per 64
// messages. Chunks are not given back to the system: the next burst needs them again. A class that
// has used a megabyte gets large pages from then on, because the faults of small ones cost more
// than everything else that is done with fresh memory (where they do not: see host/page_costs.hpp);
// before that, from the second chunk on, the pages of one come all at once (222 faults instead of
// 449 until 100,000 messages wait for the first time). Larger blocks are malloc's.
//
// Tried instead: malloc alone, 6-7 ns a pair against 2 ns here, and its cross-thread frees contend.
// Stacks of addresses instead of lists through the blocks, so that a thread can fetch what it hands
// out next from the core that has released it: fan-in of 10 with two workers 23 M messages a
// second, as with the lists, and all to all the same.
//
// Under AddressSanitizer everything is malloc's, so that use after free is seen.
void* allocate(std::size_t size);
void deallocate(void* memory, std::size_t size) noexcept;

}  // namespace troupe::detail
