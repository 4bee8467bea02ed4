// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string_view>

namespace troupe::detail {

template <class T>
constexpr std::string_view signature_with() noexcept {
  return {__PRETTY_FUNCTION__, sizeof(__PRETTY_FUNCTION__) - 1};
}

// Where a type stands in such a text. What is around it is the same for all types, so it is looked
// for once and not in every text, which the compiler would have to interpret.
struct Spelling {
  static constexpr std::string_view sample = signature_with<double>();
  static constexpr std::size_t before = sample.find("double");
  static constexpr std::size_t around = sample.size() - (sizeof("double") - 1);
};

// The spelling of T as the compiler prints it, cut out of __PRETTY_FUNCTION__: names messages in
// reports without RTTI and without registration.
template <class T>
constexpr std::string_view type_name() noexcept {
  constexpr std::string_view text = signature_with<T>();
  return {text.data() + Spelling::before, text.size() - Spelling::around};
}

}  // namespace troupe::detail
