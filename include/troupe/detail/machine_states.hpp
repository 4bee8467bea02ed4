// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/detail/enum_names.hpp>
#include <troupe/detail/fields.hpp>
#include <troupe/detail/type_name.hpp>

namespace troupe::detail {

// What of a state may be compared: a state without == has changed whenever another one is given.
template <class T>
bool is_same_state(const T& a, const T& b) {
  if constexpr (std::equality_comparable<T>) {
    return a == b;
  } else {
    return false;
  }
}

template <class First, class... Rest>
struct FirstOf {
  using Type = First;
};
template <class... St>
using FirstState = FirstOf<St...>::Type;
template <class... St>
inline constexpr bool default_state = std::is_default_constructible_v<FirstState<St...>>;

// The state that a GenStatem is in: one object of one of several types.
template <class... St>
class MachineState {
  static_assert(sizeof...(St) > 0 && sizeof...(St) < 256, "a machine has between 1 and 255 states");
  static_assert((std::is_nothrow_move_constructible_v<St> && ...),
                "a state is moved when the machine goes there, which must not fail half-way");

 public:
  using Types = TypeList<St...>;
  template <class T>
  static constexpr bool is_state = (std::is_same_v<T, St> || ...);

  template <class T>
    requires is_state<T>
  MachineState(T state) noexcept : index_{index_of<T>()} {
    ::new (static_cast<void*>(bytes_)) T(std::move(state));
  }
  MachineState(MachineState&& other) noexcept : index_{other.index_} {
    other.visit(
        [this]<class T>(T& state) { ::new (static_cast<void*>(bytes_)) T(std::move(state)); });
  }
  MachineState& operator=(MachineState&& other) noexcept {
    std::destroy_at(this);
    return *::new (static_cast<void*>(this)) MachineState(std::move(other));
  }
  ~MachineState() {
    visit([]<class T>(T& state) { state.~T(); });
  }

  // Calls f(state) with what it is.
  template <class F>
  void visit(F&& f) {
    (void)((index_ == index_of<St>() && (f(get<St>()), true)) || ...);
  }

  template <class T>
  T* get_if() noexcept {
    return index_ == index_of<T>() ? &get<T>() : nullptr;
  }
  bool is(const MachineState& other) const {
    bool same = false;
    if (index_ == other.index_) {
      const_cast<MachineState&>(*this).visit([&]<class T>(T& state) {
        same = is_same_state<T>(state, const_cast<MachineState&>(other).template get<T>());
      });
    }
    return same;
  }
  std::string_view name() const {
    std::string_view text;
    const_cast<MachineState&>(*this).visit([&]<class T>(T&) {
      static constexpr std::string_view name = last_identifier(type_name<T>());
      text = name;
    });
    return text;
  }

 private:
  template <class T>
  static constexpr std::uint8_t index_of() noexcept {
    std::uint8_t index = 0;
    (void)((std::is_same_v<T, St> || (++index, false)) || ...);
    return index;
  }
  template <class T>
  T& get() noexcept {
    return *std::launder(reinterpret_cast<T*>(bytes_));
  }

  alignas(St...) std::byte bytes_[std::max({sizeof(St)...})];
  std::uint8_t index_;
};

// The same of a value of an enumeration.
template <class E>
  requires std::is_enum_v<E>
class MachineState<E> {
 public:
  using Types = TypeList<E>;
  template <class T>
  static constexpr bool is_state = std::is_same_v<T, E>;

  MachineState(E state) noexcept : state_{state} {}
  template <class F>
  void visit(F&& f) {
    f(state_);
  }
  bool is(const MachineState& other) const noexcept { return state_ == other.state_; }
  E value() const noexcept { return state_; }
  std::string_view name() const {
    const auto place = static_cast<long long>(state_) - enum_range<E>.first;
    const bool is_named = place >= 0 && place < static_cast<long long>(enum_names<E>.size());
    return is_named ? enum_names<E>[static_cast<std::size_t>(place)] : std::string_view{};
  }

 private:
  E state_;
};

}  // namespace troupe::detail
