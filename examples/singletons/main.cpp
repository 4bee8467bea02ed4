// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "singletons.hpp"

using namespace singletons;

int main() {
  return run([](Process& self) -> Async<> {
    const Settings settings{{"greeting", "hello"}};
    co_await start(self, settings);
    for (const double ms : {3.0, 5.0, 10.0}) {
      cast(metrics(), Metrics::Count{"requests"});
      cast(metrics(), Metrics::Observe{"latency", ms});
    }
    const auto latency = co_await call(self, metrics(), Metrics::GetSummary{"latency"});
    std::printf("%ld requests, %.0f to %.0f ms, %.0f on the average\n",
                co_await call(self, metrics(), Metrics::GetCount{"requests"}), latency.least,
                latency.most, latency.mean());
    co_await call(self, config(), Config::Watch{"greeting", self.pid()});
    co_await call(self, config(), Config::Set{"greeting", "good evening"});
    const ConfigChanged changed = co_await self.receive<ConfigChanged>();
    std::printf("%s is now \"%s\"\n", changed.key.c_str(), changed.value.c_str());
  });
}
