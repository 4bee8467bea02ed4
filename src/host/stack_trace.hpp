// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

namespace troupe {

// Stacks, in two steps with very different prices. Capturing reads return addresses by way of the
// unwind tables that every program carries for its exceptions: about a tenth of a microsecond a
// frame, no allocation, no lock (glibc finds the tables without one since 2.35), so that it may
// happen inside a throw or a signal handler. Naming them means reading the program's debug
// information: tens of milliseconds the first time, microseconds for a new address, and nothing
// much for one that was asked for before. It waits until somebody wants to read the stack.
//
// Functions, files and lines come from libbacktrace, which is part of GCC's runtime and so lies
// beside libgcc wherever this compiles; where the build does not find it, from the dynamic linker,
// which knows exported functions only. What has no name is printed as module+offset, for addr2line.

// The return addresses of the calling thread, innermost first, starting with the caller of this
// function's caller; ends before the frame that `outermost` lies in (null: no end). Says how many
// there were. `slots`, if it is as long as `frames`, is told where in the stack each of them lies;
// null where this machine does not say (only x86-64 does).
std::size_t capture_stack(std::span<void*> frames, const void* outermost,
                          std::span<void* const*> slots = {}) noexcept;

// A line for each frame, `function at file:line`; inlined functions have lines of their own.
// The first question waits this long at most for the debug information to be read, on a thread of
// its own; then exported functions have names, and the rest has offsets.
std::string describe_stack(std::span<void* const> frames,
                           std::chrono::nanoseconds patience = std::chrono::hours{1});

}  // namespace troupe
