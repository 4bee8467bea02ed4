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

inline constexpr std::size_t max_message_fields = 32;

// The number of fields of aggregate T, or max_message_fields + 1 where it has more than can be
// seen.
template <class T, std::size_t N = 0>
consteval std::size_t field_count() noexcept {
  if constexpr (N > max_message_fields) {
    return N;
  } else if constexpr (accepts_initialisers<T>(std::make_index_sequence<N + 1>{})) {
    return field_count<T, N + 1>();
  } else {
    return N;
  }
}

template <class T>
struct ConvertsToBaseOf {
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T>)
  operator U() const noexcept;
};
template <class T, std::size_t... I, std::size_t... J>
constexpr bool accepts_empty_between(std::index_sequence<I...>,
                                     std::index_sequence<J...>) noexcept {
  return requires {
    T{(void(I), ConvertsToAnything{})..., {}, (void(J), ConvertsToAnything{})...};
  };
}

// Whether the fields of aggregate T, of which there are N, can be bound one by one. A base class
// with fields of its own cannot; a C array counts as many as it has elements, so that with {} for
// all of it the count is no longer right.
template <class T, std::size_t N, std::size_t I = 0>
consteval bool has_plain_fields() noexcept {
  if constexpr (I == N) {
    return !requires { T{ConvertsToBaseOf<T>{}}; };
  } else if constexpr (accepts_empty_between<T>(std::make_index_sequence<I>{},
                                                std::make_index_sequence<N - I - 1>{})) {
    return has_plain_fields<T, N, I + 1>();
  } else {
    return !accepts_empty_between<T>(std::make_index_sequence<I>{}, std::index_sequence<>{}) &&
           has_plain_fields<T, N, I + 1>();
  }
}

template <class... T>
struct TypeList {};

template <class... T>
TypeList<std::remove_cvref_t<T>...> type_list_of(T&&...) noexcept;

// TypeList of the field types of aggregate T, which must have at most max_message_fields fields.
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
  } else if constexpr (count == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m)){};
  } else if constexpr (count == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n)){};
  } else if constexpr (count == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)){};
  } else if constexpr (count == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)){};
  } else if constexpr (count == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)){};
  } else if constexpr (count == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)){};
  } else if constexpr (count == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)){};
  } else if constexpr (count == 20) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t)){};
  } else if constexpr (count == 21) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)){};
  } else if constexpr (count == 22) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u,
                                 v)){};
  } else if constexpr (count == 23) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w)){};
  } else if constexpr (count == 24) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x)){};
  } else if constexpr (count == 25) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y)){};
  } else if constexpr (count == 26) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z)){};
  } else if constexpr (count == 27) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A] =
        object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A)){};
  } else if constexpr (count == 28) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B] =
        object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A, B)){};
  } else if constexpr (count == 29) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C] =
        object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A, B, C)){};
  } else if constexpr (count == 30) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C,
           D] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A, B, C, D)){};
  } else if constexpr (count == 31) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D,
           E] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A, B, C, D, E)){};
  } else if constexpr (count == 32) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D,
           E, F] = object;
    return decltype(type_list_of(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
                                 w, x, y, z, A, B, C, D, E, F)){};
  } else {
    return TypeList<struct TooManyFields>{};
  }
}

template <class T>
using FieldTypes = decltype(field_types(std::declval<T&>()));

}  // namespace troupe::detail
