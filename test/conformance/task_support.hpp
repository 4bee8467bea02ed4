// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>

#include <troupe/task.hpp>

#include "conformance/worker.hpp"

namespace troupe::conformance {

// {ok, Value}, {exit, Reason}, or nil where there is no outcome yet.
template <class R>
Term to_term(const TaskOutcome<R>& outcome) {
  if (!outcome) return tuple({atoms::exit, norm(outcome.error())});
  return tuple({atoms::ok, Term{*outcome}});
}
template <class R>
Term to_term(const std::optional<TaskOutcome<R>>& outcome) {
  return outcome ? to_term<R>(*outcome) : Term{atoms::nil};
}

}  // namespace troupe::conformance
