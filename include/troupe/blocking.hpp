// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/unique.hpp>
#include <troupe/process.hpp>

namespace troupe {
namespace detail {

// Work for the blocking pool, together with its outcome. Owned by the pool while it runs and by the
// reply envelope afterwards, never by the waiting frame: a process that dies abandons its job, and
// what the job touches dies with the job.
struct BlockingJob {
  virtual ~BlockingJob() = default;
  virtual void run() noexcept = 0;
  std::exception_ptr failure;
  std::vector<void*> thrown_at;  // the stack of that failure
};

template <class F>
struct BlockingCall final : BlockingJob {
  using Result = std::invoke_result_t<F&>;
  using Kept = std::conditional_t<std::is_void_v<Result>, bool, Result>;
  explicit BlockingCall(F function) : call(std::move(function)) {}
  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<Result>) {
        call();
        result = true;
      } else {
        result.emplace(call());
      }
    } catch (...) {
      failure = std::current_exception();
    }
  }
  F call;
  std::optional<Kept> result;
};

// Hands the job to the pool; its reply carries it back.
void submit_blocking(Process& self, std::uint64_t id, Unique<BlockingJob> job);
Unique<BlockingJob> take_job(Envelope* reply) noexcept;
[[noreturn]] void rethrow_failure(const BlockingJob& job);

}  // namespace detail

template <>
inline constexpr bool enable_message<detail::Unique<detail::BlockingJob>> = true;

// Runs `function` on a pool of threads that may block, and waits for what it returns; an exception
// of it is thrown here. The function must own all it touches, because the process may be gone
// before it ends. The pool has RuntimeOptions::max_blocking_threads threads; further jobs wait in
// line.
template <class F>
auto blocking(Process& self, F function) -> Async<std::invoke_result_t<F&>> {
  const detail::CallerPlace place{self};
  using Call = detail::BlockingCall<F>;
  const std::uint64_t id = detail::next_reply_id(self);
  detail::submit_blocking(self, id, detail::own<Call>(std::move(function)));
  detail::Envelope* reply = co_await place(detail::ReplyAwaiter{self, id, infinity});
  const detail::Unique<detail::BlockingJob> job = detail::take_job(reply);
  auto& call = static_cast<Call&>(*job);
  if (call.failure) detail::rethrow_failure(call);
  if constexpr (!std::is_void_v<std::invoke_result_t<F&>>) co_return std::move(*call.result);
}

}  // namespace troupe
