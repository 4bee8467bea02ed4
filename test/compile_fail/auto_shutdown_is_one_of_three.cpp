// expect: AutoShutdown'
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// OTP refuses #{auto_shutdown => sometimes} when the supervisor starts (conformance 185).
#include <troupe/supervisor.hpp>

troupe::SupervisorOptions options{.auto_shutdown = "sometimes"};
