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

  void push(const T& value) {
    if (count_ < N) {
      first_[count_] = value;
    } else {
      more_.push_back(value);
    }
    ++count_;
  }
  // The stack must not be empty.
  T& top() noexcept { return count_ <= N ? first_[count_ - 1] : more_.back(); }
  void pop() noexcept {
    if (count_-- > N) more_.pop_back();
  }

 private:
  std::size_t count_ = 0;
  T first_[N];
  std::vector<T> more_;
};

}  // namespace troupe::detail
