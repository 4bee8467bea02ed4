// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// troupe-conformance: runs the scenarios and compares with the traces of real Erlang/OTP.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <troupe/log.hpp>

#include "conformance/execution.hpp"
#include "conformance/report.hpp"

namespace {

using namespace troupe::conformance;

constexpr int unsupported = 77;  // the exit status of a scenario that cannot exist in C++

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(problem.empty() ? stdout : stderr, "%s%s", problem.c_str(),
               R"(troupe-conformance [options]        runs every scenario on every executor
troupe-conformance NAME [options]   runs one and prints its trace (status 77: not applicable)

--executor KIND   threads1, threads2, threads4, single or simulated; may be repeated (all)
--filter TEXT     only scenarios with this in their name
--seeds N         how many seeds a simulated scenario runs with (200)
--seed S          the first of them (1); with NAME, the one
--at-once N       how many scenarios run in real time side by side (16)
--expected DIR    where the expected traces are
--list            prints the names
)");
  std::exit(problem.empty() ? 0 : 2);
}

std::uint64_t number(std::string_view option, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    usage(std::string{option} + " takes a number, not `" + std::string{text} + "`\n\n");
  }
  return value;
}

int run_one(const std::string& name, const SuiteOptions& options) {
  for (const Scenario& scenario : all_scenarios()) {
    if (scenario.name != name) continue;
    if (!scenario.body) {
      std::printf("not applicable: %s\n", std::string{scenario.not_applicable}.c_str());
      return unsupported;
    }
    const auto printed = run_scenario(scenario, options.executors.front(), options.first_seed);
    for (const std::string& line : printed) std::printf("%s\n", line.c_str());
    return read_trace(options.expected / (name + ".txt")) == printed ? 0 : 1;
  }
  if (read_trace(options.expected / (name + ".txt"))) {
    std::printf("not written yet: %s\n", name.c_str());
    return unsupported;
  }
  usage("there is no scenario `" + name + "`\n\n");
}

}  // namespace

int main(int argc, char** argv) {
  SuiteOptions options;
  options.expected = TROUPE_CONFORMANCE_EXPECTED;
  std::string name;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") usage("");
    if (argument == "--list") {
      for (const Scenario& scenario : all_scenarios()) {
        std::printf("%s\n", std::string{scenario.name}.c_str());
      }
      return 0;
    }
    if (!argument.starts_with("--")) {
      if (!name.empty()) usage("only one NAME\n\n");
      name = argument;
      continue;
    }
    if (i + 1 == argc) usage(std::string{argument} + " takes a value, or is no option\n\n");
    const std::string_view value = argv[++i];
    if (argument == "--executor") {
      const auto executor = executor_named(value);
      if (!executor) usage("there is no executor `" + std::string{value} + "`\n\n");
      options.executors.push_back(*executor);
    } else if (argument == "--filter") {
      options.filter = value;
    } else if (argument == "--seeds") {
      options.seeds = number(argument, value);
    } else if (argument == "--seed") {
      options.first_seed = number(argument, value);
    } else if (argument == "--at-once") {
      options.at_once = static_cast<unsigned>(std::max<std::uint64_t>(1, number(argument, value)));
    } else if (argument == "--expected") {
      options.expected = value;
    } else {
      usage("there is no option " + std::string{argument} + "\n\n");
    }
  }
  // Crashes are what many scenarios are about; reports of them would hide everything else.
  troupe::log::set_sink([](void*, const troupe::log::Record&) {}, nullptr);
  if (!name.empty()) {
    if (options.executors.empty()) options.executors.push_back(*executor_named("threads2"));
    return run_one(name, options);
  }
  if (options.executors.empty()) {
    options.executors.assign(std::begin(executors), std::end(executors));
  }
  return run_suite(options) ? 0 : 1;
}
