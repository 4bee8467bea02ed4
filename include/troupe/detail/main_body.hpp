// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>

#include <troupe/async.hpp>

namespace troupe {

class Process;

namespace detail {

// How Runtime makes the body of a main process: from `begin`, a callable `begin(self)` that stands
// in the frame of the caller, who waits until all processes are gone.
using MainBody = Async<> (*)(Process& self, void* begin);

template <class Begin>
Async<> begun_body(Process& self, void* begin) {
  return (*static_cast<Begin*>(begin))(self);
}

// --- Programs: a main of the usual kind, whose result is the exit code. What they have in common
// is in a source file, so that main() costs its compiler little more than the call.

// What is known of a program when its processes are gone.
struct ProgramEnd {
  bool returned = false;  // false: main ended otherwise
  int code = 0;
};
using ProgramBody = Async<> (*)(Process& self, void* begin, ProgramEnd& end);

// Makes the runtime, too, with default options.
int run_program(ProgramBody make, void* begin);

// Each notes what `main` returned.
Async<> program_of(Async<int> main, ProgramEnd& end);
Async<> program_of(Async<> main, ProgramEnd& end);
// Calls it in the process.
Async<> program_of(Process& self, void (*call)(Process& self, void* begin, int& code), void* begin,
                   ProgramEnd& end);

template <class Begin>
void call_main(Process& self, void* begin, int& code) {
  auto& main = *static_cast<Begin*>(begin);
  if constexpr (std::is_void_v<std::invoke_result_t<Begin&, Process&>>) {
    main(self);
  } else {
    code = main(self);
  }
}

template <class Begin>
Async<> program_body(Process& self, void* begin, ProgramEnd& end) {
  if constexpr (is_async<std::invoke_result_t<Begin&, Process&>>) {
    return program_of((*static_cast<Begin*>(begin))(self), end);
  } else {
    return program_of(self, &call_main<Begin>, begin, end);
  }
}

template <class R>
inline constexpr bool is_exit_code = std::is_void_v<R> || std::is_same_v<R, int>;
template <class R>
inline constexpr bool is_exit_code<Async<R>> = is_exit_code<R>;

// F gives an exit code, and, where it is a coroutine, does not need its captures to outlive the
// frame of the caller.
template <class F, class Begin>
concept IsProgram = is_exit_code<std::invoke_result_t<Begin&, Process&>> &&
                    (std::is_empty_v<F> || std::is_pointer_v<F>);

}  // namespace detail
}  // namespace troupe
