// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <troupe/detail/enum_names.hpp>
#include <troupe/detail/snake_case.hpp>
#include <troupe/detail/struct_fields.hpp>
#include <troupe/detail/type_name.hpp>
#include <troupe/term.hpp>

// C++ values as terms and back, without macros and without registration:
//
//     struct Session { std::string user; int visits; std::optional<std::string> note; };
//     Term term = to_term(Session{"ann", 3, {}});  // #{note => nil,user => <<"ann">>,visits => 3}
//     std::expected<Session, MappingError> back = from_term<Session>(term);
//
//   struct                      map with the fields' names as atom keys (a trailing _ is left out)
//   ... as_tuple                {type_name, Field, ...}; without fields the atom type_name
//   ... elixir_module           map with __struct__: an Elixir struct
//   bool, Atom, Term, Pid, Ref  themselves; the null Pid and Ref are nil
//   integers, floats            numbers, range-checked; a float is also read from an integer
//   enum                        atom, in snake_case; values without a name are integers
//   std::string                 binary; also read from a list of bytes
//   vector of std::byte         binary
//   optional, unique_ptr        nil or the value; undefined and a missing key are read as nil too
//   variant                     {tag, Value} (see below); std::monostate is nil
//   vector, deque, set, array   list
//   map, unordered_map          map
//   pair, tuple                 tuple
//   duration                    integer: milliseconds, or the type's own count where that is finer
//   system_clock time_point     integer: microseconds since 1970, as DateTime.from_unix! reads them
//
// The shape of a struct is chosen by static members of it:
//
//     struct Put { static constexpr bool as_tuple = true; std::string key; int value; };
//     struct User { static constexpr std::string_view elixir_module = "MyApp.User"; ... };
//
// An alternative of a variant that is such a tuple is itself; all others are {tag, Value}, the tag
// being the type's name in snake_case (of a struct or enum), or integer, float, boolean, atom,
// binary, list, map, tuple, pid, reference, term.
//
// Reading ignores unknown keys, and a missing key of a field that is not optional is an error that
// names it. Writing fails only where a float is not finite: std::domain_error, as Erlang has no
// such floats. Whatever a type cannot do by itself, a Codec does.
namespace troupe {

// Why a term is not a value of some type.
struct MappingError {
  enum class Code : std::uint8_t {
    missing_key,   // the struct's map has no such key
    wrong_kind,    // a term of another kind
    wrong_size,    // a tuple or list of another length
    wrong_tag,     // a tuple or struct of another name, or no alternative of the variant
    out_of_range,  // a number the type cannot hold
    unknown_name,  // an atom that names no value of the enum
    too_deep,      // nested deeper than max_mapping_depth
    refused,       // for codecs: anything else
  };
  Code code = Code::refused;
  std::string path;      // "user.tags[3]", empty for the whole
  std::string expected;  // what would have been right there
  std::string found;     // the term, cut short

  // All of that in one sentence.
  std::string message() const;
};

// Reading recurses with the types, and types may be recursive.
inline constexpr std::size_t max_mapping_depth = 200;

// How a type of one's own is mapped, specialised with two functions:
//
//     template <> struct troupe::Codec<Money> {
//       static Term encode(const Money& money) { return Term{money.cents()}; }
//       static std::expected<Money, MappingError> decode(const Term& term) {
//         auto cents = from_term<std::int64_t>(term);
//         if (!cents) return std::unexpected{cents.error()};
//         return Money{*cents};
//       }
//     };
template <class T>
struct Codec;

template <class T>
Term to_term(const T& value);

template <class T>
std::expected<T, MappingError> from_term(const Term& term);

namespace detail {

using MappingCode = MappingError::Code;

std::unexpected<MappingError> mismatch(MappingError::Code code, std::string_view expected,
                                       const Term& found);
// Puts the name of a field, or an index, before the path of an error that came from inside.
MappingError within(MappingError error, std::string_view field);
MappingError within(MappingError error, std::size_t index);
MappingError missing_key(std::string_view field);
// Counts how deep from_term is in itself.
class MappingDepth {
 public:
  MappingDepth() noexcept;
  ~MappingDepth();
  MappingDepth(const MappingDepth&) = delete;
  MappingDepth& operator=(const MappingDepth&) = delete;
  bool exceeded() const noexcept;
};

template <class T>
using Mapped = std::expected<T, MappingError>;

template <class T>
concept HasCodec = requires(const T& value, const Term& term) {
  { Codec<T>::encode(value) } -> std::convertible_to<Term>;
  { Codec<T>::decode(term) } -> std::same_as<Mapped<T>>;
};

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... A>
inline constexpr bool is_a<Template<A...>, Template> = true;

template <class T>
concept PlainInteger = TermInteger<T>;
template <class T>
concept DurationLike = requires(const T& value) {
  typename T::rep;
  typename T::period;
  { value.count() } -> std::same_as<typename T::rep>;
  T::period::num;
};
template <class T>
concept SystemTime = requires(const T& value) {
  typename T::clock;
  typename T::duration;
  { value.time_since_epoch() } -> std::same_as<typename T::duration>;
  T::clock::to_time_t(value);
};
template <class T>
concept OwningPointer = requires(T pointer) {
  typename T::element_type;
  typename T::deleter_type;
  { pointer.release() } -> std::same_as<typename T::element_type*>;
};
template <class T>
concept Nullable = is_a<T, std::optional> || OwningPointer<T>;
template <class T>
concept Bytes = requires(const T& value) {
  { value.data() } -> std::same_as<const std::byte*>;
  value.resize(1);
} || requires(T& value) {
  { value.data() } -> std::same_as<std::byte*>;
  value.resize(1);
};
template <class T>
concept Keyed = requires(T& value, typename T::key_type key, typename T::mapped_type mapped) {
  value.insert_or_assign(std::move(key), std::move(mapped));
  value.begin();
};
template <class T>
concept Collection =
    !std::same_as<T, std::string> && requires(T& value, typename T::value_type element) {
      value.insert(value.end(), std::move(element));
      value.size();
    };
template <class T>
concept FixedArray = requires {
  typename T::value_type;
  std::tuple_size<T>::value;
} && !is_a<T, std::pair> && !is_a<T, std::tuple>;
template <class T>
concept TupleLike = is_a<T, std::pair> || is_a<T, std::tuple>;

template <class T>
concept AsTuple = requires { requires T::as_tuple; };
template <class T>
concept ElixirStruct = requires { std::string_view{T::elixir_module}; };

// One sentence for each thing the mapping cannot look into, and its remedy. True, so that it can
// stand in a static_assert itself.
template <class T>
consteval bool check_struct() {
  static_assert(!std::is_array_v<T>,
                "a C array cannot be mapped to a term: use std::array, or specialise "
                "troupe::Codec<T> for the struct that has it");
  static_assert(
      !std::is_pointer_v<T> && !std::is_reference_v<T>,
      "a pointer or reference cannot be mapped to a term: hold the value, a std::optional "
      "or a std::unique_ptr, or specialise troupe::Codec<T>");
  static_assert(std::is_class_v<T> && std::is_aggregate_v<T>,
                "this type cannot be mapped to a term: it is no plain aggregate; specialise "
                "troupe::Codec<T> with encode and decode");
  if constexpr (std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_empty_v<T>) {
    static_assert(!HasBase<T>,
                  "a struct with a base class cannot be mapped to a term: make the base a member, "
                  "or specialise troupe::Codec<T>");
    static_assert(!has_reference<T>(),
                  "a struct with a reference member cannot be mapped to a term: hold the value, or "
                  "specialise troupe::Codec<T>");
    constexpr std::size_t count = field_count_of<T>;
    static_assert(count <= max_struct_fields,
                  "a struct with more than 32 fields cannot be mapped to a term: group some in a "
                  "struct of their own, or specialise troupe::Codec<T>");
    static_assert(count != 0 || has_reference<T>(),
                  "the fields of this struct cannot be counted: specialise troupe::Codec<T>");
    if constexpr (!HasBase<T> && count != 0 && count <= max_struct_fields) {
      static_assert(!has_c_array<T, AnyField<T>, count>(),
                    "a struct with a C array cannot be mapped to a term: use std::array, or "
                    "specialise troupe::Codec<T>");
      if constexpr (!has_c_array<T, AnyField<T>, count>()) {
        static_assert(!has_bit_field<T>(),
                      "a struct with a bit-field cannot be mapped to a term: use a whole member, "
                      "or specialise troupe::Codec<T>");
      }
    }
  }
  return true;
}

template <class T>
Term encode_struct(const T& value);
template <class T>
Mapped<T> decode_struct(const Term& term);
template <class... A>
Term encode_variant(const std::variant<A...>& value);
template <class V>
Mapped<V> decode_variant(const Term& term);
template <class E>
Term encode_enum(E value);
template <class E>
Mapped<E> decode_enum(const Term& term);

}  // namespace detail
}  // namespace troupe

#include <troupe/detail/struct_term_structs.hpp>
#include <troupe/detail/struct_term_values.hpp>
