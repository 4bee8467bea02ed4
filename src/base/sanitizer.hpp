// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Which sanitizer a file is compiled with: GCC defines a macro for each, clang is asked.
#if defined(__SANITIZE_ADDRESS__)
#define TROUPE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TROUPE_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef TROUPE_ADDRESS_SANITIZER
#define TROUPE_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__)
#define TROUPE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TROUPE_THREAD_SANITIZER 1
#endif
#endif
#ifndef TROUPE_THREAD_SANITIZER
#define TROUPE_THREAD_SANITIZER 0
#endif
