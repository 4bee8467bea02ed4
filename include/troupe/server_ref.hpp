// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>

#include <troupe/detail/behaviour.hpp>
#include <troupe/process.hpp>

namespace troupe {

namespace detail {
// What processes of server type S carry as their behaviour. A facade whose server is hidden in a
// source file (Supervisor) has a static function `behaviour`.
template <class S>
const Behaviour* behaviour_for() noexcept;
}  // namespace detail

// The address of a server of type S: of one process, or of whoever has a name when it is used. A
// small value that keeps nothing alive. Knowing S, it lets the compiler check what is sent to it.
template <class S>
class ServerRef {
 public:
  using Server = S;

  // No server: calls fail with noproc, casts go nowhere.
  constexpr ServerRef() noexcept = default;
  constexpr explicit ServerRef(Pid pid) noexcept : pid_{pid} {}
  constexpr explicit ServerRef(Atom name) noexcept : name_{name} {}

  // The process, looked up now if this is a name: the null pid if nobody has it, or if the process
  // that has it is no S.
  Pid pid() const {
    if (name_ == atoms::undefined) return pid_;
    const Pid holder = troupe::whereis(name_);
    return holder && detail::behaviour_of(holder) == detail::behaviour_for<S>() ? holder : Pid{};
  }
  bool is_named() const noexcept { return name_ != atoms::undefined; }
  Atom name() const noexcept { return name_; }

  friend bool operator==(const ServerRef&, const ServerRef&) noexcept = default;

 private:
  Pid pid_;
  Atom name_ = atoms::undefined;
};

template <class S>
inline constexpr bool enable_message<ServerRef<S>> = true;

// A server by name, looked up at each use, so that it survives a restart. Whether anybody has the
// name is found out then.
template <class S>
ServerRef<S> named(Name name) {
  return ServerRef<S>{name.atom};
}

// The process that has the name now; nothing if nobody has it, or if it is no S.
template <class S>
std::optional<ServerRef<S>> whereis(Name name) {
  const Pid pid = named<S>(name).pid();
  return pid ? std::optional{ServerRef<S>{pid}} : std::nullopt;
}

}  // namespace troupe
