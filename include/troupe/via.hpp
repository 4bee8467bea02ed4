// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>

#include <troupe/process.hpp>

namespace troupe {

// A way to give a starting server a name other than an atom: in a Registry, or in whatever
// implements this. OTP's {via, Module, Name}.
class ViaName {
 public:
  ViaName() = default;
  ViaName(const ViaName&) = delete;
  virtual ~ViaName();

  // Gives the running process the name: the null pid, or who has it already.
  virtual Async<Pid> claim(Process& self) const = 0;
  // Takes it back from the running process.
  virtual void release(Process& self) const = 0;
  // Who has it, as far as is known without asking anybody.
  virtual Pid holder() const = 0;
};

// Shared, so that a child specification can keep it for each start.
using Via = std::shared_ptr<const ViaName>;

}  // namespace troupe
