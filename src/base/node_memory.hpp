// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "base/sanitizer.hpp"

namespace troupe::detail {

// Memory for the nodes of one table, side by side. A look-up in a large table is little but the
// misses of its slot and its node, and a node that lies wherever malloc has put it, a kilobyte from
// the next because other things were made in between, misses the processor's list of pages too:
// in a virtual machine that takes longer than the line itself.
//
// Sizes are rounded up to 16 bytes, and each has a list of what is free; larger ones than `largest`
// are malloc's. Chunks double from 512 bytes to 16 KiB, and stay until the table ends: it holds as
// much as it once held of each size. Under AddressSanitizer everything is malloc's, so that use
// after free is seen.
//
// Not for several threads at once.
class NodeMemory {
 public:
  static constexpr std::size_t largest = 128;

  NodeMemory() = default;
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(const NodeMemory&) = delete;
  ~NodeMemory() {
    while (chunks_) ::operator delete(std::exchange(chunks_, chunks_->next));
  }

  void* take(std::size_t size) {
    if (is_malloc(size)) return ::operator new(size);
    Free*& free = free_[class_of(size)];
    if (free) return std::exchange(free, free->next);
    size = (class_of(size) + 1) * step;
    if (left_ < size) add_chunk();
    left_ -= size;
    return std::exchange(at_, at_ + size);
  }

  // `size` as it was taken.
  void give_back(void* memory, std::size_t size) noexcept {
    if (is_malloc(size)) return ::operator delete(memory);
    Free*& free = free_[class_of(size)];
    free = new (memory) Free{free};
  }

 private:
  static constexpr std::size_t step = 16;
  static constexpr std::size_t smallest_chunk = 512;
  static constexpr std::size_t largest_chunk = 16 * 1024;

  struct Free {
    Free* next;
  };
  struct alignas(step) Chunk {
    Chunk* next;
  };

  static constexpr bool is_malloc(std::size_t size) noexcept {
    return TROUPE_ADDRESS_SANITIZER || size > largest;
  }
  static constexpr std::size_t class_of(std::size_t size) noexcept { return (size - 1) / step; }

  void add_chunk() {
    auto* chunk = new (::operator new(next_chunk_)) Chunk{chunks_};
    chunks_ = chunk;
    at_ = reinterpret_cast<char*>(chunk + 1);
    left_ = next_chunk_ - sizeof(Chunk);
    if (next_chunk_ < largest_chunk) next_chunk_ *= 2;
  }

  Chunk* chunks_ = nullptr;
  char* at_ = nullptr;    // of the newest chunk: where it is still unused
  std::size_t left_ = 0;  // and how much
  std::size_t next_chunk_ = smallest_chunk;
  Free* free_[largest / step] = {};
};

}  // namespace troupe::detail
