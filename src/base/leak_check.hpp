// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "base/sanitizer.hpp"

#if TROUPE_ADDRESS_SANITIZER
// Of LeakSanitizer, a part of it (sanitizer/lsan_interface.h, which is not always installed).
extern "C" void __lsan_ignore_object(const void* object);
#endif

namespace troupe {

// LeakSanitizer takes for lost what no pointer in memory leads to. A container that keeps more than
// the address in a word says so of each object it keeps; what the object points to counts as found.
inline void keep_from_leak_check([[maybe_unused]] const void* object) noexcept {
#if TROUPE_ADDRESS_SANITIZER
  __lsan_ignore_object(object);
#endif
}

}  // namespace troupe
