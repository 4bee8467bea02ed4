// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

namespace troupe::detail {

// The pointer, which is null then. std::exchange(place, nullptr), of whose noexcept the compiler
// has to think for a millisecond or two for each type.
template <class T>
constexpr T* take(T*& place) noexcept {
  T* const taken = place;
  place = nullptr;
  return taken;
}

}  // namespace troupe::detail
