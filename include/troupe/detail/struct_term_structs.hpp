// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Part of <troupe/struct_term.hpp>: structs, enums and variants, which have names.
#include <array>

#include <troupe/detail/struct_term_values.hpp>
#include <troupe/struct_term.hpp>

namespace troupe::detail {

// The type's name as an atom: my_app::PutSession<int> is put_session.
template <class T>
const Term& type_tag() {
  static const Term tag = atom(snake_case(type_name<T>()));
  return tag;
}

// The keys of a struct's map, or none for a tuple.
template <class T>
const auto& field_keys() {
  static const auto keys = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<Term, sizeof...(I)>{atom(without_underscore(field_names<T>[I]))...};
  }(std::make_index_sequence<field_count_of<T>>{});
  return keys;
}

template <class T>
const Term& module_atom() {
  static const Term module = atom("Elixir." + std::string{std::string_view{T::elixir_module}});
  return module;
}

struct EncodeFields {
  template <class... F>
  auto operator()(const F&... fields) const {
    return std::array<Term, sizeof...(F)>{to_term<F>(fields)...};
  }
};

template <class T>
Term encode_struct(const T& value) {
  constexpr std::size_t count = field_count_of<T>;
  if constexpr (AsTuple<T> && count == 0) {
    return type_tag<T>();
  } else {
    std::array<Term, count> fields;
    if constexpr (count != 0) fields = with_fields<count>(value, EncodeFields{});
    if constexpr (AsTuple<T>) {
      std::array<Term, count + 1> elements;
      elements[0] = type_tag<T>();
      for (std::size_t i = 0; i < count; ++i) elements[i + 1] = std::move(fields[i]);
      return tuple(elements);
    } else {
      std::array<MapEntry, count + ElixirStruct<T>> entries;
      for (std::size_t i = 0; i < count; ++i) {
        entries[i] = {field_keys<T>()[i], std::move(fields[i])};
      }
      if constexpr (ElixirStruct<T>) entries[count] = {atoms::struct_, module_atom<T>()};
      return map(entries);
    }
  }
}

template <class T>
struct FieldTypesOf {
  template <class... F>
  std::tuple<std::remove_const_t<F>...>* operator()(F&...) const {
    return nullptr;
  }
};
template <class T, std::size_t Count>
struct StructFields {
  using Types =
      std::remove_pointer_t<decltype(with_fields<Count>(std::declval<T&>(), FieldTypesOf<T>{}))>;
};
template <class T>
struct StructFields<T, 0> {
  using Types = std::tuple<>;
};

// The field's term in a map; a field that may be nil may be missing.
template <class F>
bool decode_field(std::optional<F>& field, const Term& map, const Term& key, std::string_view name,
                  MappingError& error) {
  if (const Term* found = map.find(key)) return decode_part(field, *found, name, error);
  if constexpr (Nullable<F> || std::same_as<F, std::monostate>) {
    field.emplace();
    return true;
  } else {
    error = missing_key(name);
    return false;
  }
}

template <class T, class... F, std::size_t... I>
Mapped<T> decode_fields(const Term& term, std::tuple<F...>*, std::index_sequence<I...>) {
  std::tuple<std::optional<F>...> fields;
  MappingError error;
  bool complete = true;
  if constexpr (AsTuple<T>) {
    complete = (decode_part(std::get<I>(fields), term[I + 1], without_underscore(field_names<T>[I]),
                            error) &&
                ...);
  } else {
    complete = (decode_field(std::get<I>(fields), term, field_keys<T>()[I],
                             without_underscore(field_names<T>[I]), error) &&
                ...);
  }
  if (!complete) return std::unexpected{std::move(error)};
  return T{std::move(*std::get<I>(fields))...};
}

template <class T>
Mapped<T> decode_struct(const Term& term) {
  constexpr std::size_t count = field_count_of<T>;
  if constexpr (AsTuple<T>) {
    bool bare = count == 0 && term == type_tag<T>();
    if (!bare) {
      if (!term.is_tuple()) return mismatch(MappingCode::wrong_kind, "a tagged tuple", term);
      if (term.size() == 0 || term[0] != type_tag<T>()) {
        return mismatch(MappingCode::wrong_tag, "a tuple with the tag " + to_erlang(type_tag<T>()),
                        term);
      }
      if (term.size() != count + 1) {
        return mismatch(MappingCode::wrong_size, std::to_string(count) + " elements after the tag",
                        term);
      }
    }
  } else {
    if (!term.is_map()) return mismatch(MappingCode::wrong_kind, "a map", term);
    if constexpr (ElixirStruct<T>) {
      const Term* name = term.find(atoms::struct_);
      if (name && *name != module_atom<T>()) {
        return mismatch(MappingCode::wrong_tag,
                        "the struct " + std::string{std::string_view{T::elixir_module}}, term);
      }
    }
  }
  if constexpr (count == 0) {
    return T{};
  } else {
    using Types = typename StructFields<T, count>::Types;
    return decode_fields<T>(term, static_cast<Types*>(nullptr), std::make_index_sequence<count>{});
  }
}

// Each name of an enum as an atom, in the order of enum_names; nil stands for none.
template <class E>
const auto& enum_atoms() {
  static const auto made = [] {
    std::array<Atom, enum_names<E>.size()> atoms{};
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      if (!enum_names<E>[i].empty()) atoms[i] = Atom{snake_case(enum_names<E>[i])};
    }
    return atoms;
  }();
  return made;
}

// The numbers of an enum, whatever it stores them in (a bool or char too).
template <class E>
using EnumNumber =
    std::conditional_t<std::is_unsigned_v<std::underlying_type_t<E>>, std::uint64_t, std::int64_t>;

template <class E>
Term encode_enum(E value) {
  auto number = static_cast<EnumNumber<E>>(value);
  constexpr EnumRange range = enum_range<E>;
  if (std::cmp_greater_equal(number, range.first) && std::cmp_less_equal(number, range.last)) {
    auto index = static_cast<std::size_t>(static_cast<int>(number) - range.first);
    if (!enum_names<E>[index].empty()) return enum_atoms<E>()[index];
  }
  return Term{number};
}

template <class E>
Mapped<E> decode_enum(const Term& term) {
  if (auto name = term.as_atom()) {
    const auto& atoms = enum_atoms<E>();
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      if (atoms[i] == *name && !enum_names<E>[i].empty()) {
        return static_cast<E>(enum_range<E>.first + static_cast<int>(i));
      }
    }
    return mismatch(MappingCode::unknown_name, "a name of the enum", term);
  }
  // Without a fixed underlying type, values beyond the names may be no values at all.
  if constexpr (!requires { E{0}; }) {
    return mismatch(MappingCode::wrong_kind, "an atom", term);
  } else {
    auto number = decode_integer<EnumNumber<E>>(term);
    if (!number) return std::unexpected{std::move(number.error())};
    auto kept = static_cast<std::underlying_type_t<E>>(*number);
    if (static_cast<EnumNumber<E>>(kept) != *number) {
      return mismatch(MappingCode::out_of_range, "an integer the enum can hold", term);
    }
    return static_cast<E>(kept);
  }
}

// What tells the alternatives of a variant apart.
template <class T>
consteval std::string_view builtin_tag() {
  if constexpr (HasCodec<T> || std::is_enum_v<T>) {
    return {};
  } else if constexpr (std::same_as<T, bool>) {
    return "boolean";
  } else if constexpr (PlainInteger<T>) {
    return "integer";
  } else if constexpr (std::floating_point<T>) {
    return "float";
  } else if constexpr (std::same_as<T, Atom>) {
    return "atom";
  } else if constexpr (std::same_as<T, std::string> || Bytes<T>) {
    return "binary";
  } else if constexpr (std::same_as<T, Pid>) {
    return "pid";
  } else if constexpr (std::same_as<T, Ref>) {
    return "reference";
  } else if constexpr (Keyed<T>) {
    return "map";
  } else if constexpr (Collection<T> || FixedArray<T>) {
    return "list";
  } else if constexpr (TupleLike<T>) {
    return "tuple";
  } else if constexpr (DurationLike<T>) {
    return "duration";
  } else if constexpr (SystemTime<T>) {
    return "time";
  } else {
    return {};  // the type's own name
  }
}

template <class T>
const Term& alternative_tag() {
  static const Term tag =
      builtin_tag<T>().empty() ? atom(snake_case(type_name<T>())) : atom(builtin_tag<T>());
  return tag;
}

template <class T>
concept BareAlternative = !HasCodec<T> && (AsTuple<T> || std::same_as<T, std::monostate>);

// Whether alternative_tag says the same of both.
template <class A, class B>
consteval bool same_tag() {
  constexpr std::string_view one = builtin_tag<A>().empty() ? type_name<A>() : builtin_tag<A>();
  constexpr std::string_view other = builtin_tag<B>().empty() ? type_name<B>() : builtin_tag<B>();
  return same_in_snake_case(one, other);
}
template <class A, class... Others>
consteval bool tag_among() {
  return (same_tag<A, Others>() || ...);
}
template <class... A>
inline constexpr bool has_equal_tags = false;
template <class A, class... Others>
inline constexpr bool has_equal_tags<A, Others...> =
    tag_among<A, Others...>() || has_equal_tags<Others...>;

template <class... A>
Term encode_variant(const std::variant<A...>& value) {
  static_assert(!has_equal_tags<A...>,
                "two alternatives of this variant would have the same tag: put them into structs "
                "with names, or specialise troupe::Codec<T>");
  return std::visit(
      []<class T>(const T& alternative) {
        if constexpr (BareAlternative<T>) {
          return to_term<T>(alternative);
        } else {
          return tuple({alternative_tag<T>(), to_term<T>(alternative)});
        }
      },
      value);
}

// True where the term is for this alternative; result then has the outcome.
template <class T, class V>
bool decode_alternative(const Term& term, Mapped<V>& result) {
  if constexpr (std::same_as<T, std::monostate>) {
    if (!term.is_atom(atoms::nil)) return false;
    result = V{T{}};
  } else {
    const Term* inside = &term;
    if constexpr (BareAlternative<T>) {
      bool is_tagged = term.is_tuple() && term.size() > 0 && term[0] == type_tag<T>();
      if (!is_tagged && term != type_tag<T>()) return false;
    } else {
      if (!term.is_tuple(2) || term[0] != alternative_tag<T>()) return false;
      inside = &term[1];
    }
    auto value = from_term<T>(*inside);
    if (value) {
      result = V{std::in_place_type<T>, std::move(*value)};
    } else {
      result = std::unexpected{std::move(value.error())};
    }
  }
  return true;
}

template <class V, class... A>
Mapped<V> decode_alternatives(const Term& term, std::variant<A...>*) {
  static_assert(!has_equal_tags<A...>,
                "two alternatives of this variant would have the same tag: put them into structs "
                "with names, or specialise troupe::Codec<T>");
  Mapped<V> result{std::unexpect};
  if ((decode_alternative<A, V>(term, result) || ...)) return result;
  return mismatch(MappingCode::wrong_tag, "a tagged tuple of an alternative", term);
}

template <class V>
Mapped<V> decode_variant(const Term& term) {
  return decode_alternatives<V>(term, static_cast<V*>(nullptr));
}

}  // namespace troupe::detail
