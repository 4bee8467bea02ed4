// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <exception>
#include <span>

namespace troupe::detail {

// Where exceptions were thrown. When a handler has an exception, the frames that threw it are gone,
// so its stack is taken in the throw itself: the program's `__cxa_throw` is ours (see throw_hook/),
// notes the return addresses and goes on in the real one. Programs that throw nothing pay nothing;
// a throw inside a process pays about a tenth of a microsecond a frame, and only the frames of the
// process are walked. Names are looked up when somebody reads the report.
//
// The last few throws of each thread are kept, by the address of the exception object. That is
// enough, because an exception becomes a reason on the thread that threw it, before the process can
// wait again. One that was kept as an exception_ptr across an await, or while its thread threw many
// others, has no stack in its report.

// Called by the hook.
void record_throw(const void* exception) noexcept;

// The stack of its throw, innermost frame first; empty if it was not recorded or is forgotten.
std::span<void* const> throw_site_of(const std::exception_ptr& exception) noexcept;
// Records it on this thread: for an exception that is carried over from another one.
void carry_throw_site(const std::exception_ptr& exception, std::span<void* const> frames) noexcept;

}  // namespace troupe::detail
