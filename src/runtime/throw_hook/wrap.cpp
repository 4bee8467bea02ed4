// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The throw hook for programs with the static C++ library: the linker turns every call of
// `__cxa_throw`, the library's own included, into one of this (--wrap=__cxa_throw). With the shared
// library it would miss the throws from inside; see define.cpp.
#include <typeinfo>

#include "runtime/throw_site.hpp"

extern "C" {

void __real___cxa_throw(void* exception, std::type_info* type, void (*destructor)(void*));

// The last call is a jump; see define.cpp.
[[gnu::noinline]] void __wrap___cxa_throw(void* exception, std::type_info* type,
                                          void (*destructor)(void*)) {
  troupe::detail::record_throw(exception);
  return __real___cxa_throw(exception, type, destructor);
}
}
