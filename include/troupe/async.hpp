// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

namespace troupe {

class Process;

namespace detail {

void* allocate(std::size_t size);
void deallocate(void* memory, std::size_t size) noexcept;

// Whether the running process is letting go of its frames. A coroutine catches what a destructor of
// its locals throws, even while it is being destroyed; then this ends the program, with a report.
bool frames_are_going() noexcept;
[[noreturn]] void destructor_has_thrown() noexcept;

// Where a process goes on when it is next given the worker, and where it last stopped. The process
// owns one; every coroutine that runs in it points at that one.
//
// There is no symmetric transfer here: whoever wants to go on elsewhere writes `next` and returns
// to the worker's loop, which resumes it. So a million awaits that finish at once use no stack,
// with every compiler and at every optimisation level.
struct Continuation {
  std::coroutine_handle<> next;  // null: the body has ended
  std::source_location where;    // of the co_await it stands in
};

// What all coroutine frames of a process have in common.
struct PromiseBase {
  Continuation* process = nullptr;  // set when the coroutine is first awaited or spawned
  std::coroutine_handle<> caller;   // null in a process body
  // Where the Async that is awaited keeps this frame: an ending process destroys its frames one by
  // one, innermost first, and not by the recursion of their destructors.
  std::coroutine_handle<>* owner = nullptr;
  std::exception_ptr failure;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> self) const noexcept {
      PromiseBase& promise = self.promise();
      promise.process->next = promise.caller;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept {
    if (frames_are_going()) destructor_has_thrown();
    failure = std::current_exception();
  }

  // Notes where the process waits: what `process_info` shows as file and line.
  template <class A>
  A&& await_transform(A&& awaitable,
                      std::source_location where = std::source_location::current()) noexcept {
    process->where = where;
    return std::forward<A>(awaitable);
  }

  void* operator new(std::size_t size) { return allocate(size); }
  void operator delete(void* memory, std::size_t size) noexcept { deallocate(memory, size); }
};

template <class T>
struct Promise;

}  // namespace detail

// A piece of a process: the coroutine type of process bodies, of handlers that wait, and of any
// function that awaits on behalf of its caller. It starts when it is awaited, runs in the process
// that awaits it, and hands its value or its exception to that `co_await`.
//
// Owns its frame: destroying an Async that has not finished destroys the coroutine where it stands.
// Awaited at most once. Move-only.
template <class T = void>
class [[nodiscard("an Async does nothing until it is awaited")]] Async {
 public:
  using promise_type = detail::Promise<T>;
  using Value = T;

  Async() noexcept = default;
  Async(Async&& other) noexcept : frame_{other.frame_} { other.frame_ = nullptr; }
  Async& operator=(Async&& other) noexcept {
    const std::coroutine_handle<> before = frame_;
    frame_ = other.frame_;
    other.frame_ = before;
    return *this;
  }
  ~Async() {
    if (frame_) frame_.destroy();
  }

  auto operator co_await() noexcept { return Awaiter{frame_}; }

  // Gives the frame away; for the runtime, which keeps the frame of a process body itself.
  std::coroutine_handle<promise_type> release() noexcept {
    const std::coroutine_handle<> frame = frame_;
    frame_ = nullptr;
    return typed(frame);
  }

 private:
  friend promise_type;
  explicit Async(std::coroutine_handle<promise_type> frame) noexcept : frame_{frame} {}

  static std::coroutine_handle<promise_type> typed(std::coroutine_handle<> frame) noexcept {
    return std::coroutine_handle<promise_type>::from_address(frame.address());
  }

  struct Awaiter {
    std::coroutine_handle<>& frame;
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) const noexcept {
      promise_type& promise = typed(frame).promise();
      promise.caller = caller;
      promise.owner = &frame;
      promise.process = caller.promise().process;
      promise.process->next = frame;
    }
    T await_resume() const { return typed(frame).promise().take(); }
  };

  std::coroutine_handle<> frame_;
};

namespace detail {

// Of a coroutine of any type. All promises begin with their PromiseBase and are at most aligned as
// far as the two pointers in front of them.
inline PromiseBase& promise_of(std::coroutine_handle<> frame) noexcept {
  return std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
}

template <class T>
struct Promise : PromiseBase {
  static_assert(alignof(T) <= 2 * alignof(void*),
                "over-aligned results are not supported: return a std::unique_ptr to the value");
  Promise() noexcept {}
  ~Promise() {
    if (has_value) value.~T();
  }

  Async<T> get_return_object() noexcept {
    return Async<T>{std::coroutine_handle<Promise>::from_promise(*this)};
  }
  // T by default, so that `co_return {a, b}` works.
  template <class U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& result) {
    ::new (static_cast<void*>(&value)) T(std::forward<U>(result));
    has_value = true;
  }
  T take() {
    if (failure) std::rethrow_exception(std::move(failure));
    return std::move(value);
  }

  union {
    T value;
  };
  bool has_value = false;
};

template <>
struct Promise<void> : PromiseBase {
  Async<void> get_return_object() noexcept {
    return Async<void>{std::coroutine_handle<Promise>::from_promise(*this)};
  }
  void return_void() const noexcept {}
  void take() {
    if (failure) std::rethrow_exception(std::move(failure));
  }
};

template <class T>
inline constexpr bool is_async = false;
template <class T>
inline constexpr bool is_async<Async<T>> = true;

}  // namespace detail
}  // namespace troupe
