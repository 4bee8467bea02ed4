// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// TROUPE_ASSERT states what can only be false through a bug of ours. It stays on in release builds,
// because a runtime that goes on with a broken invariant loses other people's data; the test is a
// predicted branch, everything else is in one cold function. It prints file, line, condition and
// message to stderr and aborts, so a core dump has the failing frame. Nothing that comes from
// outside (a peer, a file, a caller's argument that a caller may get wrong) may reach one.
//
// Usable in constant expressions: a false condition there is a compile error.
#define TROUPE_ASSERT(condition, message) \
  (static_cast<bool>(condition)           \
       ? static_cast<void>(0)             \
       : ::troupe::detail::assertion_failed(#condition, message, __FILE__, __LINE__))

// Marks code that cannot be reached, as the end of a switch over all enumerators.
#define TROUPE_UNREACHABLE(message) \
  ::troupe::detail::assertion_failed(nullptr, message, __FILE__, __LINE__)

namespace troupe::detail {

// `condition` is null for TROUPE_UNREACHABLE.
[[noreturn, gnu::cold, gnu::noinline]] void assertion_failed(const char* condition,
                                                             const char* message, const char* file,
                                                             int line) noexcept;

}  // namespace troupe::detail
