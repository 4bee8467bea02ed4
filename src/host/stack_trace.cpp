// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/stack_trace.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <unwind.h>

#include "host/thread.hpp"

#if TROUPE_HAVE_LIBBACKTRACE
// Declared here, because the header lies in a directory of GCC's that other compilers do not search
// (libbacktrace's backtrace.h; the interface has been the same since 2012).
extern "C" {
struct backtrace_state;
using backtrace_error_callback = void (*)(void* data, const char* message, int error);
using backtrace_full_callback = int (*)(void* data, std::uintptr_t pc, const char* file, int line,
                                        const char* function);
using backtrace_syminfo_callback = void (*)(void* data, std::uintptr_t pc, const char* name,
                                            std::uintptr_t value, std::uintptr_t size);
backtrace_state* backtrace_create_state(const char* program, int threaded,
                                        backtrace_error_callback on_error, void* data);
int backtrace_pcinfo(backtrace_state* state, std::uintptr_t pc, backtrace_full_callback found,
                     backtrace_error_callback on_error, void* data);
int backtrace_syminfo(backtrace_state* state, std::uintptr_t pc, backtrace_syminfo_callback found,
                      backtrace_error_callback on_error, void* data);
}
#endif

namespace troupe {

namespace {

struct Capture {
  std::span<void*> frames;
  std::span<void* const*> slots;
  std::size_t count;
  unsigned skip;
  const void* outermost;
};

// Where the return address lies that leads into the frame the unwinder is at: a call pushes it, so
// it is the last word before that frame's own.
void* const* slot_of(_Unwind_Context* context, std::uintptr_t address) noexcept {
#ifdef __x86_64__
  auto* const slot = reinterpret_cast<void* const*>(_Unwind_GetCFA(context)) - 1;
  return reinterpret_cast<std::uintptr_t>(*slot) == address ? slot : nullptr;
#else
  (void)context;
  (void)address;
  return nullptr;
#endif
}

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* data) {
  auto& capture = *static_cast<Capture*>(data);
  if (capture.skip > 0) {
    --capture.skip;
    return _URC_NO_REASON;
  }
  // The stack grows down: an older frame has a higher address. What the unwinder tells here is
  // where the frame ends, so the one that `outermost` lies in is the last that was taken.
  if (capture.outermost &&
      _Unwind_GetCFA(context) > reinterpret_cast<std::uintptr_t>(capture.outermost)) {
    if (capture.count > 0) --capture.count;
    return _URC_END_OF_STACK;
  }
  int before_instruction = 0;
  std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (address == 0) return _URC_END_OF_STACK;
  if (!capture.slots.empty()) {
    capture.slots[capture.count] = before_instruction == 0 ? slot_of(context, address) : nullptr;
  }
  // A return address lies behind its call, which may be the last instruction of its function; an
  // interrupted one is exact.
  if (before_instruction == 0) --address;
  capture.frames[capture.count++] = reinterpret_cast<void*>(address);
  return capture.count == capture.frames.size() ? _URC_END_OF_STACK : _URC_NO_REASON;
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text{
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free};
  return status == 0 ? text.get() : name;
}

#if TROUPE_HAVE_LIBBACKTRACE
void ignore_error(void*, const char*, int) {}

backtrace_state* debug_information() {
  // For the life of the program: it is never given back.
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, &ignore_error, nullptr);
  return state;
}

int take_nothing(void*, std::uintptr_t, const char*, int, const char*) { return 0; }

// Reading it all is one long step inside the first question, so that step has a thread of its own,
// and who cannot wait for ever goes on without names.
struct Loading {
  std::mutex lock;
  std::condition_variable changed;
  bool has_begun = false;
  bool is_done = false;
};

bool is_loaded(std::chrono::nanoseconds patience) {
  static auto& loading = *new Loading;  // outlives every thread
  std::unique_lock guard{loading.lock};
  if (!loading.has_begun) {
    loading.has_begun = true;
    try {
      start_thread("troupe-symbols", [] {
        if (backtrace_state* state = debug_information()) {
          const auto here = reinterpret_cast<std::uintptr_t>(&take_nothing);
          backtrace_pcinfo(state, here, &take_nothing, &ignore_error, nullptr);
        }
        const std::lock_guard done{loading.lock};
        loading.is_done = true;
        loading.changed.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      loading.is_done = true;  // then whoever asks reads it himself
    }
  }
  return loading.changed.wait_for(guard, patience, [] { return loading.is_done; });
}

void take_name(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name) *static_cast<std::string*>(data) = demangled(name);
}

std::string symbol_of(std::uintptr_t pc) {
  std::string name;
  backtrace_syminfo(debug_information(), pc, &take_name, &ignore_error, &name);
  return name;
}

// With -g1 the debug information names inlined functions only; the others are in the symbol table.
int take_line(void* data, std::uintptr_t pc, const char* file, int line, const char* function) {
  const std::string name = function ? demangled(function) : symbol_of(pc);
  if (name.empty()) return 0;
  auto& lines = *static_cast<std::string*>(data);
  if (!lines.empty()) lines += '\n';
  lines += name;
  if (file) lines.append(" at ").append(file).append(":").append(std::to_string(line));
  return 0;
}

std::string look_up(void* address) {
  std::string lines;
  backtrace_state* state = debug_information();
  if (!state) return lines;
  const auto pc = reinterpret_cast<std::uintptr_t>(address);
  backtrace_pcinfo(state, pc, &take_line, &ignore_error, &lines);
  return lines.empty() ? symbol_of(pc) : lines;
}
#else
bool is_loaded(std::chrono::nanoseconds) { return true; }
std::string look_up(void*) { return {}; }
#endif

// The lines of one frame, the innermost of its inlined functions first.
std::string lines_of(void* address, bool is_named) {
  if (is_named) {
    if (std::string lines = look_up(address); !lines.empty()) return lines;
  }
  char text[32];
  Dl_info info{};
  if (::dladdr(address, &info) == 0) {
    std::snprintf(text, sizeof text, "%p", address);
    return text;
  }
  if (info.dli_sname) return demangled(info.dli_sname);
  std::snprintf(
      text, sizeof text, "+0x%zx",
      static_cast<std::size_t>(static_cast<char*>(address) - static_cast<char*>(info.dli_fbase)));
  return std::string{info.dli_fname} + text;
}

// What was asked for before: a program crashes at few places. Bounded, so that one that loads and
// unloads code for ever does not grow.
constexpr std::size_t max_known = 4096;
std::mutex known_lock;
std::unordered_map<void*, std::string>& known_lines() {
  static auto& known = *new std::unordered_map<void*, std::string>;  // outlives every thread
  return known;
}

// One thread at a time: libbacktrace hands the memory that one question used to the next by atomics
// of its own, which a thread sanitizer cannot see in a library that was built without it; and a
// burst of crashes at one place asks for the same names.
void append_lines(std::string& text, void* address, bool is_named) {
  const std::lock_guard guard{known_lock};
  const auto found = known_lines().find(address);
  if (found != known_lines().end()) {
    text += found->second;
    return;
  }
  std::string lines = lines_of(address, is_named);
  text += lines;
  if (!is_named) return;
  if (known_lines().size() >= max_known) known_lines().clear();
  known_lines().emplace(address, std::move(lines));
}

}  // namespace

[[gnu::noinline]] std::size_t capture_stack(std::span<void*> frames, const void* outermost,
                                            std::span<void* const*> slots) noexcept {
  if (frames.empty()) return 0;
  if (slots.size() < frames.size()) slots = {};
  Capture capture{frames, slots, 0, 2, outermost};
  _Unwind_Backtrace(&take_frame, &capture);
  return capture.count;
}

std::string describe_stack(std::span<void* const> frames, std::chrono::nanoseconds patience) {
  std::string text;
  const bool is_named = frames.empty() || is_loaded(patience);
  for (void* frame : frames) {
    if (!text.empty()) text += '\n';
    append_lines(text, frame, is_named);
  }
  return text;
}

}  // namespace troupe
