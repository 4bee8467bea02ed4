// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace troupe::detail {

// Looks into plain aggregates without macros: how many fields they have and of which types. The
// count comes from how many initialisers a brace list accepts, the types from structured bindings,
// so base classes, C arrays and bit-fields are outside of what it can see (the callers say so).

struct ConvertsToAnything {
  template <class T>
  operator T() const noexcept;  // never defined: only asked whether it would compile
};

template <class T, std::size_t... I>
constexpr bool accepts_initialisers(std::index_sequence<I...>) noexcept {
  return requires { T{(void(I), ConvertsToAnything{})...}; };
}

inline constexpr std::size_t max_fields = 32;

// The number of fields of aggregate T, or max_fields + 1 where it has more than can be seen.
template <class T, std::size_t N = 0>
consteval std::size_t field_count() noexcept {
  if constexpr (N > max_fields) {
    return N;
  } else if constexpr (accepts_initialisers<T>(std::make_index_sequence<N + 1>{})) {
    return field_count<T, N + 1>();
  } else {
    return N;
  }
}

template <class... T>
struct TypeList {};

template <class... T>
TypeList<std::remove_cvref_t<T>...> type_list_of(T&&...) noexcept;

// TypeList of the field types of aggregate T, which must have at most max_fields fields.
template <class T>
constexpr auto field_types(T& object) noexcept {
  constexpr std::size_t count = field_count<T>();
  if constexpr (count == 0) {
    return TypeList<>{};
  } else if constexpr (count == 1) {
    auto& [a] = object;
    return decltype(type_list_of(a)){};
  } else if constexpr (count == 2) {
    auto& [a, b] = object;
    return decltype(type_list_of(a, b)){};
  } else if constexpr (count == 3) {
    auto& [a, b, c] = object;
    return decltype(type_list_of(a, b, c)){};
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = object;
    return decltype(type_list_of(a, b, c, d)){};
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = object;
    return decltype(type_list_of(a, b, c, d, e)){};
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, f] = object;
    return decltype(type_list_of(a, b, c, d, e, f)){};
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g)){};
  } else if constexpr (count == 8) {
    auto& [a, b, c, d, e, f, g, h] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h)){};
  } else if constexpr (count == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i)){};
  } else if constexpr (count == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j)){};
  } else if constexpr (count == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k)){};
  } else if constexpr (count == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l)){};
  } else {
    return TypeList<struct TooManyFields>{};
  }
}

template <class T>
using FieldTypes = decltype(field_types(std::declval<T&>()));

}  // namespace troupe::detail
