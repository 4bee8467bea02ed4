// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/assert.hpp"

namespace troupe {

// Bytes that come in at the back and are used up at the front, always in one piece: what a socket
// has read and a parser has not, or what is to be written. Not a ring, because parsers and system
// calls are simplest over one piece.
//
//   memory   [ used up | bytes | room ]
//
// When the room at the back is too small, the bytes move to the front if at least as many were used
// up, and else to new memory of more than twice their size. Either way a byte moves once for each
// byte consumed or appended, so that both are amortised constant.
//
// An empty buffer owns no memory until the first byte, and gives it back when it becomes empty
// after a large burst; a limit keeps what a peer can make it hold.
class ByteBuffer {
 public:
  explicit ByteBuffer(std::size_t limit = SIZE_MAX) noexcept : limit_{limit} {}
  ByteBuffer(ByteBuffer&& other) noexcept
      : memory_{std::move(other.memory_)},
        capacity_{std::exchange(other.capacity_, 0)},
        head_{std::exchange(other.head_, 0)},
        size_{std::exchange(other.size_, 0)},
        limit_{other.limit_} {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    head_ = std::exchange(other.head_, 0);
    size_ = std::exchange(other.size_, 0);
    limit_ = other.limit_;
    return *this;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  // How many bytes may still be appended.
  std::size_t room() const noexcept { return limit_ - std::min(size_, limit_); }
  std::size_t limit() const noexcept { return limit_; }
  // A limit below the size keeps the bytes that are there.
  void set_limit(std::size_t limit) noexcept { limit_ = limit; }
  std::size_t allocated_bytes() const noexcept { return capacity_; }

  // Valid until the next call that is not const.
  std::span<const std::byte> data() const noexcept { return {memory_.get() + head_, size_}; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(memory_.get() + head_), size_};
  }

  // False, and nothing is appended, when the limit does not allow all of it. The bytes are not this
  // buffer's own.
  [[nodiscard]] bool append(std::span<const std::byte> bytes) {
    if (bytes.size() > room()) return false;
    if (bytes.empty()) return true;
    make_room(bytes.size());
    std::memcpy(memory_.get() + head_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return true;
  }
  [[nodiscard]] bool append(std::string_view text) {
    return append(std::as_bytes(std::span{text}));
  }

  // Memory to read into, of `count` bytes or of what the limit leaves; commit() appends what was
  // written to its front. Empty when the buffer is full.
  std::span<std::byte> prepare(std::size_t count) {
    count = std::min(count, room());
    if (count == 0) return {};
    make_room(count);
    return {memory_.get() + head_ + size_, count};
  }
  void commit(std::size_t count) noexcept {
    TROUPE_ASSERT(count <= capacity_ - head_ - size_, "only what was prepared can be committed");
    size_ += count;
  }

  void consume(std::size_t count) noexcept {
    TROUPE_ASSERT(count <= size_, "only bytes that are there can be consumed");
    head_ += count;
    size_ -= count;
    if (size_ != 0) return;
    head_ = 0;
    if (capacity_ > kept_when_empty) release();
  }
  void clear() noexcept { consume(size_); }
  // For a connection that goes idle: an empty buffer owns nothing afterwards.
  void release() noexcept {
    if (size_ != 0) return;
    memory_.reset();
    capacity_ = head_ = 0;
  }

 private:
  static constexpr std::size_t smallest = 64;
  static constexpr std::size_t kept_when_empty = 64 * 1024;

  void make_room(std::size_t count) {
    if (count <= capacity_ - head_ - size_) return;
    if (head_ >= size_ && count <= capacity_ - size_) {
      std::memmove(memory_.get(), memory_.get() + head_, size_);
      head_ = 0;
      return;
    }
    const std::size_t capacity = std::bit_ceil(std::max(smallest, 2 * size_ + count));
    auto memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ != 0) std::memcpy(memory.get(), memory_.get() + head_, size_);
    memory_ = std::move(memory);
    capacity_ = capacity;
    head_ = 0;
  }

  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::size_t limit_;
};

}  // namespace troupe
