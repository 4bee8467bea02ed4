// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/detail/struct_fields.hpp>

namespace troupe {

// Which values of an enum are looked at for names. Enums with others say so at namespace scope:
//
//     template <> inline constexpr troupe::EnumRange troupe::enum_range<Errno>{1, 200};
//
// Every value in the range costs a little time to compile. A value without a name is an integer.
struct EnumRange {
  int first = 0;
  int last = 63;
};
template <class E>
inline constexpr EnumRange enum_range{};

namespace detail {

template <auto V>
consteval const char* spelling_of_value() {
  return __PRETTY_FUNCTION__;
}

// A name ends the spelling of a value that has one; of others it is "(Colour)7". The bits of the
// number become the value as they are, for casting is an error beyond what an enum without a fixed
// underlying type can hold.
template <class E, int V>
consteval std::string_view enumerator_name() {
  using Number = std::underlying_type_t<E>;
  if constexpr (static_cast<long long>(static_cast<Number>(V)) == V) {
    std::string_view name =
        last_identifier(spelling_of_value<__builtin_bit_cast(E, static_cast<Number>(V))>());
    return name[0] >= '0' && name[0] <= '9' ? std::string_view{} : name;
  } else {
    return {};
  }
}

template <class E, int First, int... I>
consteval auto enumerator_names(std::integer_sequence<int, I...>) {
  return std::array<std::string_view, sizeof...(I)>{enumerator_name<E, First + I>()...};
}

// The names of the values from enum_range<E>.first on; empty where there is none.
template <class E>
inline constexpr auto enum_names = enumerator_names<E, enum_range<E>.first>(
    std::make_integer_sequence<int, enum_range<E>.last - enum_range<E>.first + 1>{});

}  // namespace detail
}  // namespace troupe
