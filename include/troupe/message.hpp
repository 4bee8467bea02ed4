// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/detail/fields.hpp>
#include <troupe/detail/take.hpp>
#include <troupe/detail/type_name.hpp>

namespace troupe {

// What may be sent from one process to another. Processes share nothing, so a message must own all
// it refers to: a plain struct (checked into its fields, recursively), a number, an enum, a Term, a
// Pid, std::string and the standard containers of such things, std::unique_ptr to such a thing, and
// std::shared_ptr to const. Refused are raw pointers, references, views and spans, shared pointers
// to what somebody may change, closures, and what the check cannot look into: classes with private
// members or a constructor, base classes, bit-fields, C arrays, structs of more than 32 fields.
//
// A class that is safe to hand over says so in one line, at namespace scope:
//
//     template <> inline constexpr bool troupe::enable_message<Matrix> = true;
//
// Messages are moved, never copied, so that a large payload costs a pointer. Where one is refused
// the compiler names the concept below that it does not satisfy.
template <class T>
inline constexpr bool enable_message = false;

namespace detail {

template <class... T>
struct Seen {};

template <class T, class... S>
constexpr bool is_seen(Seen<S...>) noexcept {
  return (std::is_same_v<T, S> || ...);
}

// The name of a thing of the standard library without its inline namespaces and its arguments, such
// as `vector`; empty where it is not the library's own.
constexpr std::string_view std_name(std::string_view name) noexcept {
  if (!name.starts_with("std::")) return {};
  name.remove_prefix(5);
  if (name.starts_with("__cxx11::")) name.remove_prefix(9);
  if (name.starts_with("__1::")) name.remove_prefix(5);
  return name.substr(0, name.find('<'));
}

constexpr bool is_one_of(std::string_view name,
                         std::initializer_list<std::string_view> names) noexcept {
  for (std::string_view one : names) {
    if (name == one) return true;
  }
  return false;
}

template <class T>
inline constexpr bool is_std_value = is_one_of(std_name(type_name<T>()), {"basic_string",
                                                                          "vector",
                                                                          "deque",
                                                                          "list",
                                                                          "forward_list",
                                                                          "map",
                                                                          "multimap",
                                                                          "set",
                                                                          "multiset",
                                                                          "unordered_map",
                                                                          "unordered_multimap",
                                                                          "unordered_set",
                                                                          "unordered_multiset",
                                                                          "optional",
                                                                          "variant",
                                                                          "tuple",
                                                                          "pair",
                                                                          "expected",
                                                                          "unique_ptr",
                                                                          "chrono::duration",
                                                                          "chrono::time_point"});

// Template arguments of the standard's own that carry no data of the user's.
template <class T>
inline constexpr bool is_std_policy =
    std_name(type_name<T>()).starts_with("chrono::") ||
    is_one_of(std_name(type_name<T>()), {"allocator", "char_traits", "less", "greater", "hash",
                                         "equal_to", "default_delete", "ratio"});

// What is a message wherever it stands: numbers, enums, what its author vouches for, and the
// standard containers of these. Its answer is kept per type, while the walk below, which has to
// know the way that led to a type, is a new one for every way.
template <class T>
inline constexpr bool is_value =
    std::is_same_v<T, std::remove_cv_t<T>> &&
    (std::is_arithmetic_v<T> || std::is_enum_v<T> || enable_message<T>);

template <template <class...> class C, class... A>
inline constexpr bool is_value<C<A...>> =
    enable_message<C<A...>> ||
    (is_std_value<C<A...>> && ((is_std_policy<A> || is_value<A>) && ...));

template <class T, class Path>
constexpr bool is_message() noexcept;

template <class A, class Path>
constexpr bool is_template_argument() noexcept {
  if constexpr (is_std_policy<A>) {
    return true;
  } else {
    return is_message<A, Path>();
  }
}

template <class T, class Path>
struct TemplateArguments {
  static constexpr bool known = false;
};

template <template <class...> class C, class... A, class... S>
struct TemplateArguments<C<A...>, Seen<S...>> {
  static constexpr bool known = true;
  static constexpr bool are_messages = (is_template_argument<A, Seen<S...>>() && ...);
};

template <class T>
struct StdArray {
  static constexpr bool value = false;
};
template <template <class, std::size_t> class C, class T, std::size_t N>
struct StdArray<C<T, N>> {
  static constexpr bool value = std_name(type_name<C<T, N>>()) == "array";
  using Element = T;
};

template <class T>
struct ConstPointee {
  static constexpr bool value = false;
};
template <template <class> class P, class T>
struct ConstPointee<P<const T>> {
  static constexpr bool value = std_name(type_name<P<const T>>()) == "shared_ptr";
  using Pointee = T;
};

template <class Path, class... F>
constexpr bool fields_are_messages(TypeList<F...>) noexcept {
  return (is_message<F, Path>() && ...);
}

template <class T, class... S>
constexpr bool is_message_within(Seen<S...> path) noexcept {
  if constexpr (std::is_reference_v<T> || std::is_const_v<T> || std::is_volatile_v<T> ||
                std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_array_v<T>) {
    return std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>;
  } else if constexpr (is_seen<T>(path)) {
    return true;  // a recursive type: whatever is wrong with it is found elsewhere in the walk
  } else if constexpr (StdArray<T>::value) {
    return is_message<typename StdArray<T>::Element, Seen<S..., T>>();
  } else if constexpr (ConstPointee<T>::value) {
    return is_message<typename ConstPointee<T>::Pointee, Seen<S..., T>>();
  } else if constexpr (is_std_value<T>) {
    if constexpr (TemplateArguments<T, Seen<S..., T>>::known) {
      return TemplateArguments<T, Seen<S..., T>>::are_messages;
    } else {
      return false;
    }
  } else if constexpr (type_name<T>().starts_with("std::")) {
    return std_name(type_name<T>()) == "monostate";
  } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_polymorphic_v<T>) {
    if constexpr (std::is_empty_v<T>) {
      // A captureless closure is an aggregate to some compilers; it owns nothing, so it is safe.
      return true;
    } else if constexpr (!has_plain_fields<T>()) {
      return false;
    } else {
      return fields_are_messages<Seen<S..., T>>(FieldTypes<T>{});
    }
  } else {
    return std::is_empty_v<T> && std::is_trivially_copyable_v<T> && std::is_aggregate_v<T>;
  }
}

template <class T, class Path>
constexpr bool is_message() noexcept {
  if constexpr (is_value<T>) {
    return true;
  } else {
    return is_message_within<T>(Path{});
  }
}

// A class whose fields is_message would look at; what comes before is for classes of others.
template <class T>
inline constexpr bool is_looked_into = std::is_class_v<T> && !std::is_empty_v<T> && !is_value<T> &&
                                       !type_name<T>().starts_with("std::");

template <class T>
constexpr bool has_too_many_fields() noexcept {
  if constexpr (is_looked_into<T> && std::is_aggregate_v<T>) {
    return field_count<T>() > max_struct_fields;
  } else {
    return false;
  }
}

template <class T>
constexpr bool is_plain_struct() noexcept {
  if constexpr (!std::is_aggregate_v<T> || std::is_polymorphic_v<T>) {
    return false;
  } else {
    return field_count<T>() > max_struct_fields ||  // and refused for that
           has_plain_fields<T>();
  }
}

}  // namespace detail

// The reasons of a refusal, one by one, because the compiler names the one that applies.
//
// A class with private members, constructors, bases, captures or C arrays has to say for itself
// that it is safe to hand over: `template <> inline constexpr bool troupe::enable_message<T> =
// true;` (see above). Instead of a C array: std::array.
template <class T>
concept PlainStructOrEnabled = !detail::is_looked_into<T> || detail::is_plain_struct<T>();

// Group some in a struct of their own, or specialise enable_message.
template <class T>
concept HasAtMost32Fields = !detail::has_too_many_fields<T>();

// No raw pointer, reference, view, span or shared pointer to what somebody may change, in a field
// of a field neither. Hold the value (std::string, std::vector), a std::unique_ptr to it, or a
// std::shared_ptr to const.
template <class T>
concept OwnsAllItRefersTo = detail::is_message<T, detail::Seen<>>();

// Written out, because the trait of the standard library costs several times as much to compile.
template <class T>
concept NothrowDestructible = requires(T& value) {
  { value.~T() } noexcept;
};

template <class T>
concept Message = NothrowDestructible<T> && std::is_move_constructible_v<T> &&
                  PlainStructOrEnabled<T> && HasAtMost32Fields<T> && OwnsAllItRefersTo<T>;

namespace detail {

// Which kind of envelope this is. Everything but `message` is a signal: it acts when the receiver
// takes it from its inbox, and never stands in the user's queue.
enum class EnvelopeKind : std::uint8_t {
  message,
  exit,
  link,
  unlink,
  unlink_ack,
  monitor,
  demonitor,
  down,
  reply,
  call,
  question,
  timeout,
  alias_message,
  suspend,
  resume,
  overflow,
};

struct Envelope;

// One constant per type that was ever sent: its address is the type's identity.
struct MessageType {
  EnvelopeKind kind;
  std::uint32_t size;                            // of the whole envelope
  std::uint32_t offset;                          // of the value within it
  void (*destroy)(Envelope* envelope) noexcept;  // ends the value only; null: nothing to end
  std::string_view name;
};

// A queued message: two words, then the value.
struct Envelope {
  Envelope* next = nullptr;
  const MessageType* type = nullptr;
};

template <class M>
struct TypedEnvelope final : Envelope {
  template <class... A>
  explicit TypedEnvelope(A&&... arguments) : value(std::forward<A>(arguments)...) {}
  M value;
};

template <class M>
void destroy_value(Envelope* envelope) noexcept {
  static_cast<TypedEnvelope<M>*>(envelope)->value.~M();
}

// Of the value itself, not of what it owns elsewhere. An envelope is one block of memory, and the
// value is moved into it and out of it byte by byte: what is large belongs behind a pointer.
inline constexpr std::size_t max_message_bytes = std::size_t{1} << 20;

template <class M, EnvelopeKind Kind = EnvelopeKind::message>
inline constexpr MessageType message_type{
    Kind, sizeof(TypedEnvelope<M>),
    static_cast<std::uint32_t>((sizeof(Envelope) + alignof(M) - 1) / alignof(M) * alignof(M)),
    std::is_trivially_destructible_v<M> ? nullptr : &destroy_value<M>, type_name<M>()};

// Pooled memory for envelopes and coroutine frames; any thread may release what another took.
void* allocate(std::size_t size);
void deallocate(void* memory, std::size_t size) noexcept;

template <class M, EnvelopeKind Kind = EnvelopeKind::message, class... A>
[[nodiscard]] Envelope* make_envelope(A&&... arguments) {
  using Typed = TypedEnvelope<M>;
  static_assert(alignof(Typed) <= 16,
                "over-aligned messages are not supported: put the value "
                "behind a std::unique_ptr");
  static_assert(sizeof(M) <= max_message_bytes,
                "a message of more than 1 MiB (max_message_bytes): put what is large behind a "
                "std::unique_ptr, or into a std::vector");
  void* memory = allocate(sizeof(Typed));
  try {
    auto* envelope = ::new (memory) Typed(std::forward<A>(arguments)...);
    envelope->type = &message_type<M, Kind>;
    return envelope;
  } catch (...) {
    deallocate(memory, sizeof(Typed));
    throw;
  }
}

inline void free_envelope(Envelope* envelope) noexcept {
  const MessageType* type = envelope->type;
  if (type->destroy) type->destroy(envelope);
  deallocate(envelope, type->size);
}

template <class M>
M& value_of(Envelope* envelope) noexcept {
  return static_cast<TypedEnvelope<M>*>(envelope)->value;
}

template <class M>
bool holds(const Envelope* envelope) noexcept {
  return envelope->type == &message_type<M>;
}

}  // namespace detail

// A message of whatever type, owned: what a catch-all clause takes. Move-only; prints as the name
// of its type in log lines.
class Any {
 public:
  explicit Any(detail::Envelope* envelope) noexcept : envelope_{envelope} {}
  Any(Any&& other) noexcept : envelope_{detail::take(other.envelope_)} {}
  Any& operator=(Any&& other) noexcept {
    detail::Envelope* const before = envelope_;
    envelope_ = other.envelope_;
    other.envelope_ = before;
    return *this;
  }
  ~Any() {
    if (envelope_) detail::free_envelope(envelope_);
  }

  std::string_view type_name() const noexcept { return envelope_->type->name; }

  // The message if it is an M, else null. Owned by this Any.
  template <class M>
  M* get_if() noexcept {
    return detail::holds<M>(envelope_) ? &detail::value_of<M>(envelope_) : nullptr;
  }

  // Gives the envelope away: for behaviours that dispatch it further.
  detail::Envelope* release() noexcept { return detail::take(envelope_); }
  const detail::Envelope* peek() const noexcept { return envelope_; }

 private:
  detail::Envelope* envelope_;
};

template <>
inline constexpr bool enable_message<Any> = true;

}  // namespace troupe
