// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/bytes.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace greenroom {
namespace {

void copy(char* to, std::string_view from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

Bytes::~Bytes() { std::free(data_); }

void Bytes::swap(Bytes& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

// Makes room for `size` bytes, with `capacity` allocated if anything has to be.
void Bytes::reserve(std::size_t size, std::size_t capacity) {
  if (size <= capacity_) return;
  if (size > max_size) throw std::bad_alloc{};
  capacity = std::min(capacity, max_size);
  void* grown = std::realloc(data_, capacity);
  if (grown == nullptr) throw std::bad_alloc{};
  data_ = static_cast<char*>(grown);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

void Bytes::fit() {
  if (capacity_ == size_) return;
  Bytes exact{view()};
  swap(exact);
}

void Bytes::assign(std::string_view bytes) {
  // A buffer that is much too large is given back, or one large value would be paid for for ever.
  if (bytes.size() > capacity_ || bytes.size() + bytes.size() / 4 + 16 < capacity_) {
    Bytes fresh;
    if (!bytes.empty()) fresh.reserve(bytes.size(), bytes.size());
    swap(fresh);
  }
  copy(data_, bytes);
  size_ = static_cast<std::uint32_t>(bytes.size());
}

void Bytes::splice(std::size_t at, std::size_t removed,
                   std::initializer_list<std::string_view> pieces) {
  std::size_t inserted = 0;
  for (std::string_view piece : pieces) inserted += piece.size();
  std::size_t size = size_ - removed + inserted;
  reserve(size, size_ == 0 ? size : size + size / 8);
  if (size == 0) {
    size_ = 0;
    return;
  }
  std::memmove(data_ + at + inserted, data_ + at + removed, size_ - at - removed);
  for (std::string_view piece : pieces) {
    copy(data_ + at, piece);
    at += piece.size();
  }
  size_ = static_cast<std::uint32_t>(size);
}

void Bytes::overwrite(std::size_t at, std::string_view bytes) {
  std::size_t end = at + bytes.size();
  if (end > size_) {
    reserve(end, size_ == 0 ? end : end + end / 8);
    if (at > size_) std::memset(data_ + size_, 0, at - size_);
    size_ = static_cast<std::uint32_t>(end);
  }
  copy(data_ + at, bytes);
}

}  // namespace greenroom
