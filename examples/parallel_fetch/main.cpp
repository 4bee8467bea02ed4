// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "parallel_fetch.hpp"

using namespace parallel_fetch;

int main(int argc, char** argv) {
  const std::vector<std::string> urls(argv + 1, argv + argc);
  if (urls.empty()) {
    std::fprintf(stderr, "usage: example_parallel_fetch URL...\n");
    return 2;
  }
  return run(
      [](Process& self, std::vector<std::string> all) -> Async<> {
        for (const Page& page : co_await fetch_all(self, std::move(all))) {
          std::printf("%s: %d, %zu bytes\n", page.url.c_str(), page.status, page.body.size());
        }
      },
      urls);
}
