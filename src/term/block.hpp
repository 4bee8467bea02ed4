// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "base/assert.hpp"
#include "term/box.hpp"

namespace troupe::detail {

inline constexpr std::size_t box_alignment = 16;

// The bytes of a box in a block with so many bytes of payload.
constexpr std::size_t box_bytes(std::size_t payload_bytes) noexcept {
  return sizeof(TermBox) + (payload_bytes + box_alignment - 1) / box_alignment * box_alignment;
}

// The memory of one decoded term, freed unless it is given to a Term.
class Block {
 public:
  explicit Block(std::size_t boxes_bytes) {
    std::size_t size = sizeof(TermBox) + boxes_bytes;
    memory_ = static_cast<std::byte*>(::operator new(size));
    ::new (static_cast<void*>(memory_)) TermBox{1, 0, 0, detail::block_kind, 0, 0, 0};
    next_ = memory_ + sizeof(TermBox);
    end_ = memory_ + size;
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { ::operator delete(memory_); }

  TermBox* make(TermKind kind, std::size_t size, std::size_t payload_bytes,
                std::uint8_t form = detail::form_plain) noexcept {
    std::size_t bytes = box_bytes(payload_bytes);
    TROUPE_ASSERT(static_cast<std::size_t>(end_ - next_) >= bytes,
                  "the decoder needs more memory than it measured");
    auto owner =
        static_cast<std::uint32_t>(static_cast<std::size_t>(next_ - memory_) / box_alignment);
    auto* box = ::new (static_cast<void*>(next_)) TermBox{
        0, owner, static_cast<std::uint32_t>(size), static_cast<std::uint8_t>(kind), form, 0, 0};
    next_ += bytes;
    return box;
  }

  // The root refers to a box in the block: from here on its count keeps the memory.
  void give_away() noexcept { memory_ = nullptr; }

 private:
  std::byte* memory_;
  std::byte* next_;
  std::byte* end_;
};

}  // namespace troupe::detail
