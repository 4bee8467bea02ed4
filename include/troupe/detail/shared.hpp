// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <troupe/detail/take.hpp>

namespace troupe::detail {

// What several owners may share: it carries the count of them. Copies are things of their own.
class Counted {
 public:
  Counted() noexcept = default;
  Counted(const Counted&) noexcept {}
  Counted& operator=(const Counted&) noexcept { return *this; }
  virtual ~Counted();

 private:
  friend class SharedCount;
  mutable std::uint32_t references_ = 0;  // atomic, by std::atomic_ref in shared.cpp
};

// One owner of a Counted thing, or of nothing. The thing is destroyed with its last owner.
class SharedCount {
 public:
  constexpr SharedCount() noexcept = default;
  SharedCount(const SharedCount& other) noexcept : counted_{other.counted_} {
    if (counted_) retain();
  }
  SharedCount(SharedCount&& other) noexcept : counted_{take(other.counted_)} {}
  SharedCount& operator=(SharedCount other) noexcept {
    const Counted* const before = counted_;
    counted_ = other.counted_;
    other.counted_ = before;
    return *this;
  }
  ~SharedCount() {
    if (counted_) release();
  }

 protected:
  explicit SharedCount(const Counted* counted) noexcept : counted_{counted} {
    if (counted_) retain();
  }

  const Counted* counted_ = nullptr;

 private:
  void retain() const noexcept;
  void release() const noexcept;
};

// std::shared_ptr, for what derives from Counted. Ours, because <memory> would be a quarter of what
// a program costs to compile that includes <troupe/troupe.hpp>: libstdc++'s prints pointers, and
// brings streams and locales for that (clang 19, libstdc++ 12: 0.12 s more than the 0.4 s without).
// So it is for the headers behind troupe.hpp only, and does what these need: no weak pointers, no
// deleters, no arrays. Code that includes <memory> anyhow uses the standard's.
//
// It is one word. Like std::shared_ptr, it can be copied and destroyed where T is only declared.
template <class T>
class Shared : SharedCount {
 public:
  constexpr Shared() noexcept = default;
  constexpr Shared(std::nullptr_t) noexcept {}
  // Of a thing that was made with `new`, or that has owners already.
  explicit Shared(T* object) noexcept : SharedCount{static_cast<const Counted*>(object)} {}
  // Shared<const T>, and the base classes of T.
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Shared(Shared<U> other) noexcept : SharedCount{static_cast<SharedCount&&>(other)} {}

  T* get() const noexcept { return const_cast<T*>(static_cast<const T*>(counted_)); }
  T& operator*() const noexcept { return *get(); }
  T* operator->() const noexcept { return get(); }
  explicit operator bool() const noexcept { return counted_ != nullptr; }

  friend bool operator==(const Shared& one, const Shared& other) noexcept {
    return one.counted_ == other.counted_;
  }
  friend bool operator==(const Shared& one, std::nullptr_t) noexcept { return !one.counted_; }

 private:
  template <class U>
  friend class Shared;
};

// A value of any type, where that is to be shared.
template <class T>
struct CountedValue final : Counted {
  template <class... A>
  explicit CountedValue(A&&... arguments) : value(std::forward<A>(arguments)...) {}
  T value;
};

template <class T, class... A>
Shared<T> share(A&&... arguments) {
  return Shared<T>{new T(std::forward<A>(arguments)...)};
}

}  // namespace troupe::detail
