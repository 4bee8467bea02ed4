// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Part of <troupe/struct_term.hpp>: numbers, texts, containers and times.
#include <limits>

#include <troupe/struct_term.hpp>

namespace troupe {
namespace detail {

template <class I>
Mapped<I> decode_integer(const Term& term) {
  if (!term.is_integer()) return mismatch(MappingCode::wrong_kind, "an integer", term);
  if constexpr (std::is_unsigned_v<I>) {
    auto value = term.as_uint();
    if (value && *value <= std::numeric_limits<I>::max()) return static_cast<I>(*value);
  } else {
    auto value = term.as_int();
    if (value && std::in_range<I>(*value)) return static_cast<I>(*value);
  }
  return mismatch(MappingCode::out_of_range, "an integer the type can hold", term);
}

template <class F>
Mapped<F> decode_float(const Term& term) {
  auto value = term.as_number();
  if (!value && term.is_integer()) return mismatch(MappingCode::out_of_range, "a float", term);
  if (!value) return mismatch(MappingCode::wrong_kind, "a number", term);
  if (*value > std::numeric_limits<F>::max() || *value < std::numeric_limits<F>::lowest()) {
    return mismatch(MappingCode::out_of_range, "a float the type can hold", term);
  }
  return static_cast<F>(*value);
}

// A duration's count in whole milliseconds where the type has no finer unit; otherwise its count.
template <class D>
inline constexpr std::int64_t milliseconds_per_tick =
    D::period::num * 1'000 % D::period::den == 0 ? D::period::num * 1'000 / D::period::den : 0;

template <class D>
Term encode_duration(const D& duration) {
  static_assert(std::integral<typename D::rep>,
                "a duration of floats cannot be mapped to a term: use one of integers, or "
                "specialise troupe::Codec<T>");
  // Beyond 292 million years the number saturates.
  std::int64_t count = duration.count();
  if constexpr (constexpr auto scale = milliseconds_per_tick<D>; scale > 1) {
    if (__builtin_mul_overflow(count, scale, &count)) {
      count = duration.count() < 0 ? std::numeric_limits<std::int64_t>::min()
                                   : std::numeric_limits<std::int64_t>::max();
    }
  }
  return Term{count};
}

template <class D>
Mapped<D> decode_duration(const Term& term) {
  using Rep = typename D::rep;
  auto count = decode_integer<std::int64_t>(term);
  if (!count) return std::unexpected{std::move(count.error())};
  if constexpr (constexpr auto scale = milliseconds_per_tick<D>; scale > 1) {
    if (*count % scale != 0) {
      return mismatch(MappingCode::out_of_range, "milliseconds that are whole units of the type",
                      term);
    }
    *count /= scale;
  }
  if (!std::in_range<Rep>(*count))
    return mismatch(MappingCode::out_of_range, "a shorter duration", term);
  return D{static_cast<Rep>(*count)};
}

// One of the two is 1: the ticks in a microsecond, and the microseconds in a tick.
template <class P>
inline constexpr std::int64_t ticks_per_microsecond = P::den > P::num * 1'000'000
                                                          ? P::den / (P::num * 1'000'000)
                                                          : 1;
template <class P>
inline constexpr std::int64_t microseconds_per_tick =
    P::den > P::num * 1'000'000 ? 1 : P::num * 1'000'000 / P::den;

template <class P>
inline constexpr bool is_microseconds =
    P::den % (P::num * 1'000'000) == 0 || P::num * 1'000'000 % P::den == 0;

// Rounds down, before 1970 too; beyond 292,000 years the number saturates.
template <class T>
Term encode_time(const T& time) {
  using Period = typename T::duration::period;
  static_assert(std::integral<typename T::rep> && is_microseconds<Period>,
                "a time whose ticks are no whole part or multiple of a microsecond cannot be "
                "mapped to a term: use another duration, or specialise troupe::Codec<T>");
  std::int64_t ticks = time.time_since_epoch().count();
  std::int64_t count = ticks / ticks_per_microsecond<Period>;
  if (ticks % ticks_per_microsecond<Period> < 0) --count;
  if (__builtin_mul_overflow(count, microseconds_per_tick<Period>, &count)) {
    count = ticks < 0 ? std::numeric_limits<std::int64_t>::min()
                      : std::numeric_limits<std::int64_t>::max();
  }
  return Term{count};
}

template <class T>
Mapped<T> decode_time(const Term& term) {
  using Period = typename T::duration::period;
  auto count = decode_integer<std::int64_t>(term);
  if (!count) return std::unexpected{std::move(count.error())};
  if (*count % microseconds_per_tick<Period> != 0) {
    return mismatch(MappingCode::out_of_range, "microseconds that are whole units of the type",
                    term);
  }
  *count /= microseconds_per_tick<Period>;
  if (__builtin_mul_overflow(*count, ticks_per_microsecond<Period>, &*count)) {
    return mismatch(MappingCode::out_of_range, "a time within three centuries of 1970", term);
  }
  return T{typename T::duration{*count}};
}

template <class B>
Mapped<B> decode_bytes(const Term& term) {
  auto bytes = term.as_binary();
  if (!bytes) return mismatch(MappingCode::wrong_kind, "a binary", term);
  B value;
  value.resize(bytes->size());
  for (std::size_t i = 0; i < bytes->size(); ++i) value[i] = static_cast<std::byte>((*bytes)[i]);
  return value;
}

template <class P>
Mapped<P> decode_nullable(const Term& term) {
  if (term.is_atom(atoms::nil) || term.is_atom(atoms::undefined)) return P{};
  if constexpr (OwningPointer<P>) {
    auto value = from_term<typename P::element_type>(term);
    if (!value) return std::unexpected{std::move(value.error())};
    return P{new typename P::element_type(std::move(*value))};
  } else {
    auto value = from_term<typename P::value_type>(term);
    if (!value) return std::unexpected{std::move(value.error())};
    return P{std::move(*value)};
  }
}

template <class C>
Term encode_collection(const C& collection) {
  std::vector<Term> elements;
  elements.reserve(collection.size());
  for (const typename C::value_type& element : collection) {
    elements.push_back(to_term<typename C::value_type>(element));
  }
  return list(elements);
}

template <class C>
Mapped<C> decode_collection(const Term& term) {
  if (!term.is_proper_list()) return mismatch(MappingCode::wrong_kind, "a list", term);
  C collection;
  auto elements = term.elements();
  if constexpr (requires { collection.reserve(elements.size()); })
    collection.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    auto element = from_term<typename C::value_type>(elements[i]);
    if (!element) return std::unexpected{within(std::move(element.error()), i)};
    collection.insert(collection.end(), std::move(*element));
  }
  return collection;
}

template <class M>
Term encode_keyed(const M& container) {
  std::vector<MapEntry> entries;
  entries.reserve(container.size());
  for (const auto& [key, value] : container) {
    entries.push_back(
        {to_term<typename M::key_type>(key), to_term<typename M::mapped_type>(value)});
  }
  return map(entries);
}

template <class M>
Mapped<M> decode_keyed(const Term& term) {
  if (!term.is_map()) return mismatch(MappingCode::wrong_kind, "a map", term);
  M container;
  for (const MapEntry& entry : term.entries()) {
    auto key = from_term<typename M::key_type>(entry.key);
    if (!key) return std::unexpected{within(std::move(key.error()), "key")};
    auto value = from_term<typename M::mapped_type>(entry.value);
    if (!value) return std::unexpected{within(std::move(value.error()), to_erlang(entry.key))};
    container.insert_or_assign(std::move(*key), std::move(*value));
  }
  return container;
}

template <class T, std::size_t... I>
Term encode_tuple(const T& value, std::index_sequence<I...>) {
  return tuple({to_term<std::tuple_element_t<I, T>>(std::get<I>(value))...});
}

// Reads one part of a tuple, list or struct into its place; true if that worked.
template <class P>
bool decode_part(std::optional<P>& part, const Term& term, auto where, MappingError& error) {
  auto value = from_term<P>(term);
  if (!value) {
    error = within(std::move(value.error()), where);
    return false;
  }
  part.emplace(std::move(*value));
  return true;
}

template <class T, std::size_t... I>
Mapped<T> decode_elements(const Term& term, std::index_sequence<I...>) {
  if (term.size() != sizeof...(I)) {
    return mismatch(MappingCode::wrong_size, std::to_string(sizeof...(I)) + " elements", term);
  }
  std::tuple<std::optional<std::tuple_element_t<I, T>>...> parts;
  MappingError error;
  if (!(decode_part(std::get<I>(parts), term[I], I, error) && ...)) return std::unexpected{error};
  return T{std::move(*std::get<I>(parts))...};
}

template <class T>
Term encode_value(const T& value) {
  if constexpr (HasCodec<T>) {
    return Codec<T>::encode(value);
  } else if constexpr (std::same_as<T, Term>) {
    return value;
  } else if constexpr (std::same_as<T, bool> || std::same_as<T, Atom> || PlainInteger<T> ||
                       std::floating_point<T>) {
    return Term{value};
  } else if constexpr (std::same_as<T, Pid> || std::same_as<T, Ref>) {
    return value ? Term{value} : Term{atoms::nil};
  } else if constexpr (std::is_enum_v<T>) {
    return encode_enum(value);
  } else if constexpr (std::same_as<T, std::string>) {
    return Term::binary(std::string_view{value});
  } else if constexpr (std::same_as<T, std::monostate>) {
    return atoms::nil;
  } else if constexpr (Nullable<T>) {
    using Value = std::remove_cvref_t<decltype(*value)>;
    return value ? to_term<Value>(*value) : Term{atoms::nil};
  } else if constexpr (is_a<T, std::variant>) {
    return encode_variant(value);
  } else if constexpr (DurationLike<T>) {
    return encode_duration(value);
  } else if constexpr (SystemTime<T>) {
    return encode_time(value);
  } else if constexpr (Bytes<T>) {
    return Term::binary(std::span<const std::byte>{value.data(), value.size()});
  } else if constexpr (Keyed<T>) {
    return encode_keyed(value);
  } else if constexpr (Collection<T> || FixedArray<T>) {
    return encode_collection(value);
  } else if constexpr (TupleLike<T>) {
    return encode_tuple(value, std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    static_assert(check_struct<T>());
    return encode_struct(value);
  }
}

template <class T>
Mapped<T> decode_value(const Term& term) {
  if constexpr (HasCodec<T>) {
    return Codec<T>::decode(term);
  } else if constexpr (std::same_as<T, Term>) {
    return term;
  } else if constexpr (std::same_as<T, bool>) {
    auto value = term.as_bool();
    if (!value) return mismatch(MappingCode::wrong_kind, "true or false", term);
    return *value;
  } else if constexpr (std::same_as<T, Atom>) {
    auto value = term.as_atom();
    if (!value) return mismatch(MappingCode::wrong_kind, "an atom", term);
    return *value;
  } else if constexpr (PlainInteger<T>) {
    return decode_integer<T>(term);
  } else if constexpr (std::floating_point<T>) {
    return decode_float<T>(term);
  } else if constexpr (std::same_as<T, Pid>) {
    auto value = term.is_atom(atoms::nil) ? Pid{} : term.as_pid();
    if (!value) return mismatch(MappingCode::wrong_kind, "a pid of a known node", term);
    return *value;
  } else if constexpr (std::same_as<T, Ref>) {
    auto value = term.is_atom(atoms::nil) ? Ref{} : term.as_ref();
    if (!value) return mismatch(MappingCode::wrong_kind, "a reference of a known node", term);
    return *value;
  } else if constexpr (std::is_enum_v<T>) {
    return decode_enum<T>(term);
  } else if constexpr (std::same_as<T, std::string>) {
    auto value = term.as_text();
    if (!value) return mismatch(MappingCode::wrong_kind, "a binary or a list of bytes", term);
    return std::move(*value);
  } else if constexpr (std::same_as<T, std::monostate>) {
    if (!term.is_atom(atoms::nil)) return mismatch(MappingCode::wrong_kind, "nil", term);
    return T{};
  } else if constexpr (Nullable<T>) {
    return decode_nullable<T>(term);
  } else if constexpr (is_a<T, std::variant>) {
    return decode_variant<T>(term);
  } else if constexpr (DurationLike<T>) {
    return decode_duration<T>(term);
  } else if constexpr (SystemTime<T>) {
    return decode_time<T>(term);
  } else if constexpr (Bytes<T>) {
    return decode_bytes<T>(term);
  } else if constexpr (Keyed<T>) {
    return decode_keyed<T>(term);
  } else if constexpr (Collection<T>) {
    return decode_collection<T>(term);
  } else if constexpr (FixedArray<T>) {
    if (!term.is_proper_list()) return mismatch(MappingCode::wrong_kind, "a list", term);
    return decode_elements<T>(term, std::make_index_sequence<std::tuple_size_v<T>>{});
  } else if constexpr (TupleLike<T>) {
    if (!term.is_tuple()) return mismatch(MappingCode::wrong_kind, "a tuple", term);
    return decode_elements<T>(term, std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    static_assert(check_struct<T>());
    return decode_struct<T>(term);
  }
}

}  // namespace detail

template <class T>
Term to_term(const T& value) {
  return detail::encode_value<T>(value);
}

template <class T>
std::expected<T, MappingError> from_term(const Term& term) {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string>) {
    return detail::decode_value<T>(term);
  } else {
    detail::MappingDepth depth;
    if (depth.exceeded()) {
      return detail::mismatch(MappingError::Code::too_deep, "less nesting", term);
    }
    return detail::decode_value<T>(term);
  }
}

}  // namespace troupe
