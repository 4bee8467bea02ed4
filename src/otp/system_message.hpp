// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/detail/server_core.hpp>
#include <troupe/sys.hpp>

namespace troupe::detail {

enum class SystemVerb : std::uint8_t {
  terminate,
  get_state,
  get_status,
  suspend,
  resume,
  count,
  statistics,
  trace,
};

// What sys asks of a server, whatever its type: handled by the loop itself, also while the server
// is suspended. `terminate` is answered by the server's end.
struct SystemRequest {
  SystemVerb verb;
  ExitReason reason = {};  // of terminate
  bool on = false;         // of count and trace
};
static_assert(alignof(Call<SystemRequest>) <= 16);

inline constexpr RequestType system_type =
    request_type<Call<SystemRequest>, SystemRequest>(RequestRole::system, nullptr, nullptr);

inline bool is_system(const Envelope* envelope) noexcept {
  return is_request(envelope) && request_type_of(envelope).role == RequestRole::system;
}

// Frees the envelope.
void handle_system(ServerCore& core, Envelope* envelope);

// What sys has asked to be watched in a server; null in most.
struct Watch {
  bool counts = false;
  bool traces = false;
  sys::Statistics statistics = {};
};
// Before a message is handled; null: the timeout.
void observe(ServerCore& core, const Envelope* envelope);

}  // namespace troupe::detail
