// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/calling_process.hpp>
#include <troupe/name_at.hpp>
#include <troupe/runtime.hpp>

namespace troupe {

Pid whereis(const NameAt& at) {
  const Process& self = detail::calling_process();
  return self.runtime().name() == at.node ? whereis(at.name) : Pid{};
}

}  // namespace troupe
