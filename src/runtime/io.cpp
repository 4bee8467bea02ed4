// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/io.hpp>

#include "runtime/io_waits.hpp"
#include "runtime/runtime_state.hpp"

namespace troupe::detail {

namespace {

// Withdraws the watch when the wait ends otherwise than by its coming true: by the timeout, or
// because the process ends.
struct Watch {
  ~Watch() {
    if (!came_true) executor.unwatch(token);
  }
  Executor& executor;
  std::uint64_t token;
  bool came_true = false;
};

}  // namespace

Host* host_of(std::uint32_t node) noexcept {
  RuntimeState* runtime = runtime_of(node);
  return runtime ? &runtime->executor->host() : nullptr;
}

Async<bool> wait_for_io(Process& self, SocketId socket, Interest interest, Duration timeout) {
  const CallerPlace place{self};
  Executor& executor = *self.runtime().state().executor;
  const std::uint64_t id = next_reply_id(self);
  Watch watch{executor, executor.watch(socket, interest, self.pid(), id)};
  Envelope* reply = co_await place(ReplyAwaiter{self, id, timeout});
  if (!reply) co_return false;
  watch.came_true = true;
  free_envelope(reply);
  co_return true;
}

std::uint64_t notify_of_io(Process& self, SocketId socket, Interest interest) {
  return self.runtime().state().executor->watch(socket, interest, self.pid(), IoWaits::as_message);
}

void withdraw_notice(std::uint32_t node, std::uint64_t watch) noexcept {
  if (RuntimeState* runtime = runtime_of(node)) runtime->executor->unwatch(watch);
}

}  // namespace troupe::detail
