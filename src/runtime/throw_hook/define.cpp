// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The throw hook for programs with the shared C++ library: a `__cxa_throw` of the program's own.
// The dynamic linker finds it first, so throws from inside the library (std::vector::at) come here
// too. With the static library it would be a second definition; see wrap.cpp. Which of them a
// program gets is decided by its target's property TROUPE_STATIC_RUNTIME.
#include <dlfcn.h>
#include <typeinfo>

#include "runtime/throw_site.hpp"

extern "C" {

// AddressSanitizer's own hook tells it that the stack is about to be left; ours stands in its
// place.
[[gnu::weak]] void __asan_handle_no_return();

// Under another name in C++, because GCC declares __cxa_throw by itself where it compiles a throw,
// and with other types than the ABI has. Does not say that it never returns: then the last call is
// a jump, and the unwinder, who takes 2,500 instructions for a frame, has one less to pass.
void throw_hook(void* exception, std::type_info* type,
                void (*destructor)(void*)) __asm__("__cxa_throw");

[[gnu::noinline]] void throw_hook(void* exception, std::type_info* type,
                                  void (*destructor)(void*)) {
  using Throw = void (*)(void*, std::type_info*, void (*)(void*));
  static const auto real = reinterpret_cast<Throw>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  troupe::detail::record_throw(exception);
  if (__asan_handle_no_return) __asan_handle_no_return();
  return real(exception, type, destructor);
}
}
