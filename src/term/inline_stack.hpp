// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

namespace troupe::detail {

// A stack whose first N elements take no memory of their own, for walks over terms: most terms are
// shallow, some are a million deep.
template <class T, std::size_t N>
class InlineStack {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }

  // A new top with whatever value: to be set member by member, for a copy of a value that was just
  // put together waits for the members to reach the cache (a tenth of the encoder's time was that).
  [[gnu::always_inline]] T& push() {
    if (count_ < N) return first_[count_++];
    return push_more();
  }
  void push(const T& value) { push() = value; }
  // The stack must not be empty.
  T& top() noexcept { return count_ <= N ? first_[count_ - 1] : more_.back(); }
  void pop() noexcept {
    if (count_-- > N) more_.pop_back();
  }

 private:
  [[gnu::cold, gnu::noinline]] T& push_more() {
    ++count_;
    return more_.emplace_back();
  }

  std::size_t count_ = 0;
  T first_[N];
  std::vector<T> more_;
};

}  // namespace troupe::detail
