// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstring>
#include <cxxabi.h>
#include <exception>
#include <typeinfo>

namespace troupe {

// Its type, null if that is not known.
inline const std::type_info* thrown_type(const std::exception_ptr& exception) noexcept {
#ifdef __GLIBCXX__
  return exception ? exception.__cxa_exception_type() : nullptr;
#else
  try {
    std::rethrow_exception(exception);
  } catch (...) {
    return abi::__cxa_current_exception_type();
  }
#endif
}

// The exception as an E, null if it is none: what `catch (const E&)` would have bound to.
//
// The standard's way is to throw it again, which costs an unwinding, about a microsecond: a crash
// of a server was thrown seven times before its supervisor knew of it. C++26 has
// exception_ptr_cast; libstdc++ has what that needs since ever, as what its own catch asks.
template <class E>
const E* thrown_as(const std::exception_ptr& exception) noexcept {
#ifdef __GLIBCXX__
  const std::type_info* type = thrown_type(exception);
  if (!type) return nullptr;
  void* object;  // an exception_ptr is a pointer to the exception object, and nothing else
  static_assert(sizeof(exception) == sizeof(object));
  std::memcpy(&object, static_cast<const void*>(&exception), sizeof(object));
  return typeid(E).__do_catch(type, &object, 1) ? static_cast<const E*>(object) : nullptr;
#else
  try {
    std::rethrow_exception(exception);
  } catch (const E& error) {
    return &error;  // the exception_ptr keeps it
  } catch (...) {
    return nullptr;
  }
#endif
}

}  // namespace troupe
