// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define TROUPE_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TROUPE_LEAK_CHECK 1
#endif
#endif

#ifdef TROUPE_LEAK_CHECK
// Of LeakSanitizer (sanitizer/lsan_interface.h, which is not always installed).
extern "C" void __lsan_ignore_object(const void* object);
#endif

namespace troupe {

// LeakSanitizer takes for lost what no pointer in memory leads to. A container that keeps more than
// the address in a word says so of each object it keeps; what the object points to counts as found.
inline void keep_from_leak_check([[maybe_unused]] const void* object) noexcept {
#ifdef TROUPE_LEAK_CHECK
  __lsan_ignore_object(object);
#endif
}

}  // namespace troupe
