// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <troupe/detail/fields.hpp>

// The fields of plain aggregates, without macros: how many there are, references to them, and their
// names. The number comes from how many initialisers a brace list takes, the references from
// structured bindings, and the names from how the compiler spells a pointer to a field in
// __PRETTY_FUNCTION__. What that cannot see (base classes, references, bit-fields, C arrays) is
// found out by trying, so that it is one clear sentence instead of a page of errors.
// Nothing here is ever made or called, which the compilers would like to be sure of.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

namespace troupe::detail {

// Stands for an initialiser of any type but T itself (which would be a copy) and its bases.
template <class T>
struct AnyField {
  template <class U>
    requires(!std::is_same_v<U, T> && !std::is_base_of_v<U, T>)
  operator U() const noexcept;
};
template <class T>
struct AnyReference {
  template <class U>
    requires(!std::is_same_v<U, T>)
  operator U&() const noexcept;
};

// The most initialisers T takes, or 0. Fewer may be refused (where one without a default would be
// left out), but once N are taken, one more is refused only if there is no field for it.
template <class T, class Any, std::size_t N = 1, bool Found = false>
consteval std::size_t most_initialisers() {
  if constexpr (N > max_struct_fields + 1) {
    return Found ? N - 1 : 0;
  } else if constexpr (takes<T, Any>(std::make_index_sequence<N>{})) {
    return most_initialisers<T, Any, N + 1, true>();
  } else if constexpr (Found) {
    return N - 1;
  } else {
    return most_initialisers<T, Any, N + 1>();
  }
}

template <class T>
inline constexpr std::size_t field_count_of =
    std::is_empty_v<T> ? 0 : most_initialisers<T, AnyField<T>>();

// A reference takes no temporary, so with one there is no count. Only then is this looked at: to
// ask whether a field takes a reference may instantiate its copy constructor.
template <class T>
consteval bool has_reference() {
  if constexpr (std::is_empty_v<T> || field_count_of<T> != 0) {
    return false;
  } else {
    return most_initialisers<T, AnyReference<T>>() != 0;
  }
}

struct FieldAddresses {
  template <class... F>
  constexpr auto operator()(F&... fields) const noexcept {
    return std::tuple<F*...>{&fields...};
  }
};

// An object that is never made: only the addresses of its fields are spelt.
template <class T>
struct NeverMade {
  T object;
};
template <class T>
extern const NeverMade<T> never_made;

// Clang takes no pointer into an object for a template argument but as member of a class.
template <class F>
struct FieldAddress {
  const F* address;
};

// No alias in the signature, or GCC goes on to explain it at the end of the text.
template <FieldAddress P>
consteval const char* spelling_of_address() {
  return __PRETTY_FUNCTION__;
}

// The last identifier of the spelling: "[P = FieldAddress<int>{&never_made<X>.object.name}]" for
// Clang, "... {(& never_made<X>.NeverMade<X>::object.X::name)}]" for GCC.
consteval std::string_view last_identifier(std::string_view text) {
  auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  std::size_t end = text.size();
  while (end > 0 && !is_part(text[end - 1])) --end;
  std::size_t start = end;
  while (start > 0 && is_part(text[start - 1])) --start;
  return text.substr(start, end - start);
}

template <class T>
consteval bool has_bit_field() {
  using Addresses =
      decltype(with_fields<field_count_of<T>>(never_made<T>.object, FieldAddresses{}));
  return std::is_same_v<Addresses, NoAddress>;
}

template <class T>
consteval auto struct_field_names() {
  constexpr std::size_t count = field_count_of<T>;
  if constexpr (count == 0) {
    return std::array<std::string_view, 0>{};
  } else {
    constexpr auto addresses = with_fields<count>(never_made<T>.object, FieldAddresses{});
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<std::string_view, count>{
          last_identifier(spelling_of_address<FieldAddress{std::get<I>(addresses)}>())...};
    }(std::make_index_sequence<count>{});
  }
}

// The fields' names, in order.
template <class T>
inline constexpr auto field_names = struct_field_names<T>();

}  // namespace troupe::detail

#if defined(__clang__)
#pragma clang diagnostic pop
#endif
