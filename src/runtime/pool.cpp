// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/pool.hpp"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#include "base/assert.hpp"
#include "base/sanitizer.hpp"
#include "host/memory.hpp"
#include "runtime/mailbox.hpp"

namespace troupe::detail {

#if TROUPE_ADDRESS_SANITIZER

void* allocate(std::size_t size) { return ::operator new(size); }
void deallocate(void* memory, std::size_t size) noexcept { ::operator delete(memory, size); }

#else

namespace {

constexpr std::size_t class_step = 16;
constexpr std::size_t largest = 512;
constexpr std::size_t class_count = largest / class_step;
constexpr std::uint32_t batch = 64;
constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::uint32_t small_chunks = 16;  // of a class, before it gets large pages

struct Block {
  Block* next;
  Block* next_batch;  // meaningful in the first block of a batch that lies in the depot
};

struct Depot {
  std::mutex lock;
  Block* batches = nullptr;  // each exactly `batch` blocks long
  Block* loose = nullptr;    // single ones, of threads that have ended
  std::byte* fresh = nullptr;
  std::byte* fresh_end = nullptr;
  std::uint32_t chunks = 0;
};

// Never destroyed: threads that outlive main still release memory into it.
Depot* depots() noexcept {
  static Depot* all = new Depot[class_count];
  return all;
}

struct FreeList {
  Block* head;
  std::uint32_t count;
};

// Zero-initialised and trivially destructible, so that it works during thread exit too.
thread_local constinit FreeList free_lists[class_count]{};
thread_local constinit bool thread_has_ended = false;

void give_batch(std::size_t index) noexcept {
  FreeList& list = free_lists[index];
  Block* first = list.head;
  Block* last = first;
  for (std::uint32_t i = 1; i < batch; ++i) last = last->next;
  list.head = last->next;
  list.count -= batch;
  last->next = nullptr;
  Depot& depot = depots()[index];
  const std::lock_guard guard{depot.lock};
  first->next_batch = depot.batches;
  depot.batches = first;
}

// Fewer than a batch: the rest of a thread that ends.
void give_rest(std::size_t index) noexcept {
  FreeList& list = free_lists[index];
  if (!list.head) return;
  Block* last = list.head;
  while (last->next) last = last->next;
  Depot& depot = depots()[index];
  const std::lock_guard guard{depot.lock};
  last->next = depot.loose;
  depot.loose = list.head;
  list = FreeList{};
}

// Gives what a thread has kept back to the others when it ends: programs may start a thread for
// each request. What is released later, by thread-locals that are destroyed after this one, is lost
// if it is less than a batch.
struct ReturnAtExit {
  ~ReturnAtExit() {
    for (std::size_t index = 0; index < class_count; ++index) {
      while (free_lists[index].count >= batch) give_batch(index);
      give_rest(index);
    }
    thread_has_ended = true;
  }
};
thread_local ReturnAtExit return_at_exit;

// False: there is no memory.
bool add_chunk(Depot& depot) noexcept {
  std::size_t bytes = large_page_bytes;
  void* chunk = depot.chunks < small_chunks ? nullptr : take_large_page();
  if (!chunk) {
    bytes = chunk_bytes;
    chunk = std::malloc(bytes);
    // The second one says that there will be many.
    if (chunk && depot.chunks > 0) fault_in(chunk, bytes);
  }
  depot.fresh = static_cast<std::byte*>(chunk);
  depot.fresh_end = chunk ? depot.fresh + bytes : nullptr;
  if (!chunk) return false;
  TROUPE_ASSERT(Inbox::fits(chunk), "envelopes lie where an inbox cannot point to");
  ++depot.chunks;
  return true;
}

[[gnu::noinline]] void refill(std::size_t index) {
  (void)&return_at_exit;  // the first refill of a thread registers it, or the first full list
  FreeList& list = free_lists[index];
  const std::size_t size = (index + 1) * class_step;
  Depot& depot = depots()[index];
  const std::lock_guard guard{depot.lock};
  if (depot.batches) {
    list.head = depot.batches;
    depot.batches = depot.batches->next_batch;
    list.count = batch;
    return;
  }
  while (depot.loose && list.count < batch) {
    Block* block = depot.loose;
    depot.loose = block->next;
    block->next = list.head;
    list.head = block;
    ++list.count;
  }
  if (list.head) return;
  for (std::uint32_t i = 0; i < batch; ++i) {
    if (static_cast<std::size_t>(depot.fresh_end - depot.fresh) < size && !add_chunk(depot)) {
      if (list.head) return;
      throw std::bad_alloc{};
    }
    auto* block = reinterpret_cast<Block*>(depot.fresh);
    depot.fresh += size;
    block->next = list.head;
    list.head = block;
    ++list.count;
  }
}

}  // namespace

void* allocate(std::size_t size) {
  if (size > largest) [[unlikely]] {
    return ::operator new(size);
  }
  const std::size_t index = (size - 1) / class_step;
  FreeList& list = free_lists[index];
  if (!list.head) [[unlikely]] {
    refill(index);
  }
  Block* block = list.head;
  list.head = block->next;
  // Where many blocks have been released since, the next one is in no cache any more. 40,000
  // monitors cost 0.25 us each without this and 0.23 with it; what is in the cache costs the same.
  __builtin_prefetch(list.head, 1);
  --list.count;
  return block;
}

void deallocate(void* memory, std::size_t size) noexcept {
  if (size > largest) [[unlikely]] {
    ::operator delete(memory, size);
    return;
  }
  const std::size_t index = (size - 1) / class_step;
  FreeList& list = free_lists[index];
  auto* block = static_cast<Block*>(memory);
  block->next = list.head;
  list.head = block;
  if (++list.count >= 2 * batch || thread_has_ended) [[unlikely]] {
    (void)&return_at_exit;
    if (list.count >= batch) give_batch(index);
  }
}

#endif

}  // namespace troupe::detail
