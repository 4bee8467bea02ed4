// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// troupe-stress: a thousand processes on four workers, for as long as it is told.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <troupe/log.hpp>
#include <troupe/runtime.hpp>

#include "stress/crowd.hpp"

namespace {

using namespace troupe;

struct Options {
  unsigned seconds = 2;
  unsigned workers = 4;
  unsigned size = 1'000;
};

Options read_options(int argc, char** argv) {
  Options options;
  const char* nightly = std::getenv("TROUPE_NIGHTLY");
  if (nightly && std::string_view{nightly} == "1") options.seconds = 600;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view argument = argv[i];
    unsigned* target = argument == "--seconds"   ? &options.seconds
                       : argument == "--workers" ? &options.workers
                       : argument == "--size"    ? &options.size
                                                 : nullptr;
    const std::string_view value = target && i + 1 < argc ? argv[i + 1] : "";
    if (value.empty() ||
        std::from_chars(value.data(), value.data() + value.size(), *target).ec != std::errc{}) {
      std::fprintf(stderr, "troupe-stress [--seconds N] [--workers N] [--size N]\n");
      std::exit(2);
    }
  }
  return options;
}

Async<stress::Outcome> crowd(Process& self, std::size_t size, Duration time) {
  return stress::run_crowd(self, size, time);
}

void print(const char* what, std::uint64_t count) {
  std::printf(", %llu %s", static_cast<unsigned long long>(count), what);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  // They end of everything there is to end of; reports of that would be all there is to see.
  log::set_sink([](void*, const log::Record&) {}, nullptr);
  Runtime runtime{RuntimeOptions{.workers = options.workers, .max_processes = 1'048'576}};
  const auto outcome = runtime.try_run(crowd, std::size_t{options.size},
                                       Duration{std::chrono::seconds{options.seconds}});
  if (!outcome) {
    std::printf("stress: failed, its keeper ended with %s\n", outcome.error().to_string().c_str());
    return 1;
  }
  const stress::Counts& counts = outcome->counts;
  std::printf("stress: %u s, %u workers, %u processes", options.seconds, options.workers,
              options.size);
  print("ends", counts.ends);
  print("links", counts.links);
  print("unlinks", counts.unlinks);
  print("monitors", counts.monitors);
  print("demonitors", counts.demonitors);
  print("exit signals", counts.exits_sent);
  print("trapped", counts.exits_trapped);
  print("downs", counts.downs);
  print("messages", counts.messages);
  print("timers", counts.timers);
  print("names", counts.names);
  print("violations", outcome->violations);
  std::printf("\n");
  if (outcome->violations > 0) std::printf("first: %s\n", outcome->first_violation.c_str());
  return outcome->violations == 0 && counts.ends > 0 ? 0 : 1;
}
