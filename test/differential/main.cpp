// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// troupe-differential: makes random scripts, runs each once on real Erlang, and looks for a seed of
// the simulator with which Troupe shows the same trace. What Erlang did must be among what Troupe
// can do. The reverse is not asked: Erlang may well show a trace once in a million runs.
//
// When no seed reproduces a trace, Erlang is asked again: on a busy machine its timers can be so
// late that what is units of time apart changes places, and that is no rule of Erlang's. The last
// two of these traces are looked for on threads too, which takes real time. From the third on
// Erlang has one scheduler: with two, a link can reach a process that is about to end, which
// answers `noproc`; threads can do that here too, but hardly at will, and the simulator lets no
// process act in the middle of another one's step. Only a script with which every run of Erlang
// shows something that Troupe was not seen to do counts as different.
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>
#include <thread>
#include <vector>

#include <troupe/log.hpp>

#include "differential/erlang_run.hpp"
#include "differential/troupe_run.hpp"

namespace {

using namespace troupe::differential;

constexpr int skipped = 77;

struct Options {
  std::uint64_t scripts = 200;
  std::uint64_t first = 1;      // seed of the first script
  std::uint64_t seeds = 5'000;  // how many of Troupe's runs to look through for a trace
  std::uint64_t real = 1000;    // and how many in real time, when Erlang was asked again
  std::uint64_t retries = 5;    // how often Erlang is asked again
  bool shows = false;           // print scripts and traces
};

[[noreturn]] void usage(int status) {
  std::fprintf(status == 0 ? stdout : stderr,
               R"(troupe-differential [options]   compares Troupe with `erl` on random scripts
--scripts N   how many (200; with TROUPE_NIGHTLY=1 10000)
--first N     the number of the first (1)
--seeds N     how many runs of Troupe to look through for Erlang's trace (5000)
--real N      how many in real time, when Erlang was asked again (1000)
--retries N   how often Erlang is asked again for a trace that is not found (5)
--show        print each script and its trace
Status 77: there is no erl.
)");
  std::exit(status);
}

Options read_options(int argc, char** argv) {
  Options options;
  const char* nightly = std::getenv("TROUPE_NIGHTLY");
  if (nightly && std::string_view{nightly} == "1") options.scripts = 10'000;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help") usage(0);
    if (argument == "--show") {
      options.shows = true;
      continue;
    }
    std::uint64_t* target = argument == "--scripts"   ? &options.scripts
                            : argument == "--first"   ? &options.first
                            : argument == "--seeds"   ? &options.seeds
                            : argument == "--real"    ? &options.real
                            : argument == "--retries" ? &options.retries
                                                      : nullptr;
    if (!target || ++i == argc) usage(2);
    const std::string_view value = argv[i];
    if (std::from_chars(value.data(), value.data() + value.size(), *target).ec != std::errc{}) {
      usage(2);
    }
  }
  return options;
}

// How many simulated runs of Troupe it took to see this trace; 0 if it is not among so many.
std::uint64_t look_for(const Script& script, const Observed& wanted, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (run_simulated(script, seed) == wanted) return seed;
  }
  return 0;
}

// Whether one of so many runs on threads shows it. A script mostly waits, so several run at once.
bool shows_on_threads(const Script& script, const Observed& wanted, std::uint64_t runs) {
  constexpr unsigned at_once = 10;
  std::atomic<std::uint64_t> begun = 0;
  std::atomic<bool> found = false;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < at_once; ++i) {
    threads.emplace_back([&] {
      while (!found && begun++ < runs) {
        if (run_on_threads(script) == wanted) found = true;
      }
    });
  }
  threads.clear();  // joins
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  if (!has_erlang()) {
    std::printf("differential: skipped, there is no erl (package erlang-base)\n");
    return skipped;
  }
  // Crashes are what many scripts are about; reports of them would hide everything else.
  troupe::log::set_sink([](void*, const troupe::log::Record&) {}, nullptr);
  std::vector<Script> open;
  for (std::uint64_t i = 0; i < options.scripts; ++i)
    open.push_back(make_script(options.first + i));
  std::uint64_t runs = 0;
  std::map<std::uint64_t, Observed> last;
  for (std::uint64_t attempt = 0; attempt <= options.retries && !open.empty(); ++attempt) {
    const auto traces = run_on_erlang(open, attempt < 2 ? 2 : 1);
    if (!traces) {
      std::printf("differential: failed, erl ended early\n");
      return 1;
    }
    const bool also_on_threads = attempt + 1 >= options.retries && attempt > 0;
    std::vector<Script> missed;
    for (Script& script : open) {
      const Observed& trace = traces->at(script.seed);
      if (options.shows) {
        std::printf("script %llu\n%s  erl: %s\n", static_cast<unsigned long long>(script.seed),
                    to_string(script).c_str(), trace.c_str());
      }
      const std::uint64_t found = look_for(script, trace, options.seeds);
      runs += found == 0 ? options.seeds : found;
      if (found > 0) continue;
      if (also_on_threads && shows_on_threads(script, trace, options.real)) continue;
      missed.push_back(std::move(script));
    }
    const std::uint64_t asked = attempt + 1;
    std::fprintf(stderr, "differential: Erlang asked %llu times, %zu scripts open\n",
                 static_cast<unsigned long long>(asked), missed.size());
    open = std::move(missed);
    last = *traces;
  }
  for (const Script& script : open) {
    std::printf("DIFFERENT script %llu\n%s  erl:    %s\n  troupe: %s (with seed 1)\n",
                static_cast<unsigned long long>(script.seed), to_string(script).c_str(),
                last.at(script.seed).c_str(), run_simulated(script, 1).c_str());
  }
  std::printf("differential: %llu scripts, %llu runs of Troupe, %zu different\n",
              static_cast<unsigned long long>(options.scripts),
              static_cast<unsigned long long>(runs), open.size());
  return open.empty() ? 0 : 1;
}
