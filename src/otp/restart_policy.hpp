// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>

#include <troupe/child_spec.hpp>

namespace troupe::detail {

// What a child's specification asks for beyond OTP.
struct RestartPolicy {
  std::optional<Backoff> backoff;
  std::optional<RestartBudget> budget;
  bool keeps_mailbox = false;
};

}  // namespace troupe::detail
