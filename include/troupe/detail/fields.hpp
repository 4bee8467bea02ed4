// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <troupe/detail/with_fields.hpp>

namespace troupe::detail {

// Looks into plain aggregates without macros: how many fields they have and of which types. The
// count comes from how many initialisers a brace list accepts, the types from structured bindings,
// so base classes, C arrays and bit-fields are outside of what it can see (has_plain_fields).

// Stands for an initialiser of any type. (These are never made or called, only asked about.)
struct ConvertsToAnything {
  template <class T>
  operator T() const noexcept;
};
// Stands for one of a base class of T.
template <class T>
struct AnyBase {
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_base_of_v<U, T>)
  operator U() const noexcept;
};

template <class T, class Any, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) noexcept {
  return requires { T{(void(I), Any{})...}; };
}
// {} for a field, and then so many more initialisers.
template <class T, class Any, std::size_t... I, std::size_t... J>
consteval bool takes_empty_after(std::index_sequence<I...>, std::index_sequence<J...>) noexcept {
  return requires { T{(void(I), Any{})..., {}, (void(J), Any{})...}; };
}

// The number of fields of aggregate T, or max_struct_fields + 1 where it has more than can be seen.
template <class T, std::size_t N = 0>
consteval std::size_t field_count() noexcept {
  if constexpr (N > max_struct_fields) {
    return N;
  } else if constexpr (takes<T, ConvertsToAnything>(std::make_index_sequence<N + 1>{})) {
    return field_count<T, N + 1>();
  } else {
    return N;
  }
}

template <class T>
concept HasBase = requires { T{AnyBase<T>{}}; };

// Of T, which takes Count initialisers. A C array takes several of them, so that with {} for all of
// it the count is no longer right.
template <class T, class Any, std::size_t Count, std::size_t I = 0>
consteval bool has_c_array() noexcept {
  if constexpr (I >= Count) {
    return false;
  } else {
    using Before = std::make_index_sequence<I>;
    using After = std::make_index_sequence<Count - I - 1>;
    if constexpr (!takes_empty_after<T, Any>(Before{}, After{}) &&
                  takes_empty_after<T, Any>(Before{}, std::index_sequence<>{})) {
      return true;
    } else {
      return has_c_array<T, Any, Count, I + 1>();
    }
  }
}

template <class... T>
struct TypeList {};

struct TypesOfFields {
  template <class... F>
  constexpr TypeList<std::remove_cv_t<F>...> operator()(F&...) const noexcept {
    return {};
  }
};

template <class T, std::size_t Count>
struct FieldTypesOfCount {
  using Types = decltype(with_fields<Count>(std::declval<T&>(), TypesOfFields{}));
};
template <class T>
struct FieldTypesOfCount<T, 0> {
  using Types = TypeList<>;
};

// TypeList of the field types of aggregate T, which has at most max_struct_fields, no base class
// and no C array. NoAddress: it has a bit-field.
template <class T>
using FieldTypes = typename FieldTypesOfCount<T, field_count<T>()>::Types;

// Whether the fields of aggregate T can be counted and bound one by one.
template <class T>
consteval bool has_plain_fields() noexcept {
  constexpr std::size_t count = field_count<T>();
  if constexpr (count > max_struct_fields || HasBase<T>) {
    return false;
  } else if constexpr (has_c_array<T, ConvertsToAnything, count>()) {
    return false;
  } else {
    return !std::is_same_v<FieldTypes<T>, NoAddress>;
  }
}

}  // namespace troupe::detail
