// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/io.hpp>
#include <troupe/termination.hpp>

#include "host/posix_host.hpp"
#include "host/signals.hpp"

namespace troupe {

Async<int> wait_for_termination(Process& self, Pid tell) {
  const detail::CallerPlace place{self};
  auto* host = dynamic_cast<PosixHost*>(detail::host_of(self.pid().node()));
  if (!host) {
    if (tell) send(tell, TerminationWatched{});
    co_await place(self.sleep(infinity));
    co_return 0;
  }
  auto signals = TerminationSignals::install(*host);
  if (!signals) {
    throw ErrorException{tuple({atoms::system_limit, Term::binary(signals.error().describe())})};
  }
  if (tell) send(tell, TerminationWatched{});
  for (;;) {
    if (const auto signal = (*signals)->take()) co_return *signal;
    (void)co_await place(detail::wait_for_io(self, (*signals)->source(), Interest::read, infinity));
  }
}

}  // namespace troupe
