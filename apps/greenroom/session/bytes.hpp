// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace greenroom {

// A growable byte buffer of 16 bytes beside its one allocation. A million sessions make two
// properties of std::string expensive: its 32 bytes, and the doubling that leaves up to half empty.
// Here assign() allocates exactly, and growth adds an eighth. Up to max_size bytes.
//
// Throws std::bad_alloc when memory is out. Not copyable, because nothing here copies by accident.
class Bytes {
 public:
  static constexpr std::size_t max_size = UINT32_MAX;

  Bytes() noexcept = default;
  explicit Bytes(std::string_view bytes) { assign(bytes); }
  Bytes(Bytes&& other) noexcept { swap(other); }
  Bytes& operator=(Bytes&& other) noexcept {
    Bytes moved{static_cast<Bytes&&>(other)};
    swap(moved);
    return *this;
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes();

  std::string_view view() const noexcept { return {data_, size_}; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }

  // The arguments must not point into this buffer, here and below.
  void assign(std::string_view bytes);
  void append(std::string_view bytes) { splice(size_, 0, {bytes}); }

  // Replaces `removed` bytes at `at` by the pieces, one behind the other. Requires
  // at + removed <= size().
  void splice(std::size_t at, std::size_t removed, std::initializer_list<std::string_view> pieces);

  // Overwrites from `at` on; a gap behind the end is filled with zero bytes.
  void overwrite(std::size_t at, std::string_view bytes);

  // Gives back what was allocated ahead.
  void fit();

  void swap(Bytes& other) noexcept;

 private:
  void reserve(std::size_t size, std::size_t capacity);

  char* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace greenroom
