// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/server_support.hpp"

namespace troupe::conformance {

Term to_term(const StartError& error) {
  if (error.code == StartError::Code::ignored) return atoms::ignore;
  return tuple(
      {atoms::error, error.code == StartError::Code::failed ? norm(error.reason) : error.term()});
}

Async<Term> ok(Async<> wait) {
  co_await wait;
  co_return atoms::ok;
}

}  // namespace troupe::conformance
