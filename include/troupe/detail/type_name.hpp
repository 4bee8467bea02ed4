// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string_view>

namespace troupe::detail {

// The spelling of T as the compiler prints it, cut out of __PRETTY_FUNCTION__: names messages in
// reports without RTTI and without registration. Clang ends the list with ']', GCC may go on with
// ';' where it explains an alias.
template <class T>
constexpr std::string_view type_name() noexcept {
  std::string_view text = __PRETTY_FUNCTION__;
  const auto start = text.find("T = ") + 4;
  auto end = text.find(';', start);
  if (end == std::string_view::npos) end = text.size() - 1;
  return text.substr(start, end - start);
}

}  // namespace troupe::detail
