// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/detail/take.hpp>

namespace troupe::detail {

// The one owner of what was made with `new`: std::unique_ptr, where <memory> is too dear (see
// shared.hpp). T must be complete where this is destroyed or assigned to.
template <class T>
class Unique {
 public:
  constexpr Unique() noexcept = default;
  explicit Unique(T* object) noexcept : object_{object} {}
  Unique(Unique&& other) noexcept : object_{take(other.object_)} {}
  // As a base class of T.
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Unique(Unique<U> other) noexcept : object_{other.release()} {}
  Unique& operator=(Unique&& other) noexcept {
    T* const next = take(other.object_);
    delete object_;
    object_ = next;
    return *this;
  }
  ~Unique() { delete object_; }

  T* release() noexcept { return take(object_); }
  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

template <class T, class... A>
Unique<T> own(A&&... arguments) {
  return Unique<T>{new T(std::forward<A>(arguments)...)};
}

}  // namespace troupe::detail
