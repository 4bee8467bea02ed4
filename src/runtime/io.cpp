// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/io.hpp>

#include "runtime/runtime_state.hpp"

namespace troupe::detail {

Host* host_of(std::uint32_t node) noexcept {
  RuntimeState* runtime = runtime_of(node);
  return runtime ? &runtime->executor->host() : nullptr;
}

Async<bool> wait_for_io(Process& self, SocketId socket, Interest interest, Duration timeout) {
  Executor& executor = *self.runtime().state().executor;
  const std::uint64_t id = next_reply_id(self);
  const std::uint64_t token = executor.watch(socket, interest, self.pid(), id);
  Envelope* reply = co_await ReplyAwaiter{self, id, timeout};
  if (!reply) {
    executor.unwatch(token);
    co_return false;
  }
  free_envelope(reply);
  co_return true;
}

}  // namespace troupe::detail
