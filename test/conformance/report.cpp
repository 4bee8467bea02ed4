// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Real time is spent waiting, virtual time computing: scenarios on real executors run many at a
// time, each in a runtime of its own, and simulated ones as many at a time as there are cores.
//
// In real time a machine that has other things to do can hold up one process for longer than
// another one waits for it, and no rule says that this is wrong. What differs there is run again,
// alone, and has failed when it differs each time. Races are for the simulated runs to find.
#include "conformance/report.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace troupe::conformance {

namespace {

using Clock = std::chrono::steady_clock;

// A run this long hangs: every scenario gives up by itself long before.
constexpr auto hang_limit = std::chrono::seconds{90};
// How often what differed in real time is run again.
constexpr int runs_alone = 3;

struct Failure {
  std::string scenario;
  std::string_view executor;
  std::uint64_t seed;
  std::string differences;
};

// One scenario on one executor, with all of its seeds.
struct Job {
  const Scenario* scenario;
  const std::vector<std::string>* expected;
  ExecutorChoice executor;
};

class Suite {
 public:
  explicit Suite(const SuiteOptions& options) : options_{options} {}

  bool run() {
    collect();
    std::vector<Job> real;
    std::vector<Job> simulated;
    for (const ExecutorChoice& executor : options_.executors) {
      auto& jobs = executor.kind == ExecutorKind::simulated ? simulated : real;
      for (std::size_t i = 0; i < scenarios_.size(); ++i) {
        if (scenarios_[i].body) jobs.push_back({&scenarios_[i], &expected_[i], executor});
      }
    }
    std::jthread watch{[this](const std::stop_token& stop) { watch_for_hangs(stop); }};
    run_all(real, options_.at_once, "in real time");
    for (const Job& job : std::exchange(held_up_, {})) run_alone(job);
    run_all(simulated, std::max(1U, std::thread::hardware_concurrency()), "simulated");
    return report();
  }

 private:
  struct Running {
    const Job* job = nullptr;
    std::uint64_t seed = 0;
    Clock::time_point since;
  };

  void collect() {
    std::set<std::string> unwritten;
    for (const auto& entry : std::filesystem::directory_iterator{options_.expected}) {
      if (entry.path().extension() == ".txt") unwritten.insert(entry.path().stem().string());
    }
    for (const Scenario& scenario : all_scenarios()) {
      const std::string name{scenario.name};
      unwritten.erase(name);
      if (!name.contains(options_.filter)) continue;
      auto expected = read_trace(options_.expected / (name + ".txt"));
      if (!expected) {
        failures_.push_back({name, "-", 0, "  there is no expected trace of this name\n"});
        continue;
      }
      scenarios_.push_back(scenario);
      expected_.push_back(std::move(*expected));
    }
    unwritten_ = unwritten.size();
  }

  void run_all(const std::vector<Job>& jobs, unsigned at_once, const char* how) {
    if (jobs.empty()) return;
    const auto start = Clock::now();
    std::atomic<std::size_t> next{0};
    {
      const std::lock_guard lock{mutex_};
      running_.assign(at_once, Running{});
    }
    {
      std::vector<std::jthread> threads;
      for (unsigned lane = 0; lane < at_once; ++lane) {
        threads.emplace_back([&, lane] {
          for (;;) {
            const std::size_t index = next.fetch_add(1);
            if (index >= jobs.size()) return;
            run_job(jobs[index], lane);
          }
        });
      }
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("%zu runs %s in %.1f s\n", runs_.exchange(0), how, took.count());
  }

  void run_job(const Job& job, unsigned lane) {
    const bool seeded = job.executor.kind == ExecutorKind::simulated;
    const std::uint64_t seeds = seeded ? options_.seeds : 1;
    std::uint64_t failed = 0;
    for (std::uint64_t i = 0; i < seeds; ++i) {
      const std::uint64_t seed = options_.first_seed + i;
      const auto printed = run_once(job, seed, lane);
      ++runs_;
      if (printed == *job.expected) continue;
      const std::lock_guard lock{mutex_};
      if (!seeded) {
        held_up_.push_back(job);
      } else if (++failed == 1) {
        failures_.push_back({std::string{job.scenario->name}, job.executor.name, seed,
                             diff(*job.expected, printed)});
      }
    }
    if (failed > 1) {
      const std::lock_guard lock{mutex_};
      for (Failure& failure : failures_) {
        if (failure.scenario == job.scenario->name && failure.executor == job.executor.name) {
          failure.differences +=
              "  (" + std::to_string(failed) + " of " + std::to_string(seeds) + " seeds)\n";
        }
      }
    }
  }

  void run_alone(const Job& job) {
    std::string differences;
    for (int i = 0; i < runs_alone; ++i) {
      const auto printed = run_once(job, options_.first_seed, 0);
      if (printed == *job.expected) {
        std::printf("held up once: %s on %s\n", std::string{job.scenario->name}.c_str(),
                    std::string{job.executor.name}.c_str());
        return;
      }
      differences = diff(*job.expected, printed);
    }
    failures_.push_back({std::string{job.scenario->name}, job.executor.name, options_.first_seed,
                         std::move(differences)});
  }

  std::vector<std::string> run_once(const Job& job, std::uint64_t seed, unsigned lane) {
    {
      const std::lock_guard lock{mutex_};
      running_[lane] = Running{&job, seed, Clock::now()};
    }
    auto printed = run_scenario(*job.scenario, job.executor, seed);
    const std::lock_guard lock{mutex_};
    running_[lane] = Running{};
    return printed;
  }

  void watch_for_hangs(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!ended_.wait_for(lock, stop, std::chrono::seconds{1}, [] { return false; }) &&
           !stop.stop_requested()) {
      for (const Running& running : running_) {
        if (!running.job || Clock::now() - running.since < hang_limit) continue;
        std::printf("FAIL %s on %s, seed %llu: hangs\nconformance: stopped by a hang, 1 failed\n",
                    std::string{running.job->scenario->name}.c_str(),
                    std::string{running.job->executor.name}.c_str(),
                    static_cast<unsigned long long>(running.seed));
        std::fflush(stdout);
        std::_Exit(1);
      }
    }
  }

  bool report() {
    std::ranges::sort(failures_, {},
                      [](const Failure& f) { return std::pair{f.scenario, f.executor}; });
    for (const Failure& failure : failures_) {
      const std::string executor{failure.executor};
      std::printf("FAIL %s on %s\n%s  again: troupe-conformance %s --executor %s",
                  failure.scenario.c_str(), executor.c_str(), failure.differences.c_str(),
                  failure.scenario.c_str(), executor.c_str());
      if (executor == "simulated") {
        std::printf(" --seed %llu", static_cast<unsigned long long>(failure.seed));
      }
      std::printf("\n");
    }
    std::set<std::string> failed;
    for (const Failure& failure : failures_) failed.insert(failure.scenario);
    std::size_t not_applicable = 0;
    for (const Scenario& scenario : scenarios_) {
      if (scenario.body) continue;
      ++not_applicable;
      std::printf("not applicable: %s (%s)\n", std::string{scenario.name}.c_str(),
                  std::string{scenario.not_applicable}.c_str());
    }
    std::size_t passed = 0;
    for (const Scenario& scenario : scenarios_) {
      if (scenario.body && !failed.contains(std::string{scenario.name})) ++passed;
    }
    if (unwritten_ > 0) std::printf("not written yet: %zu\n", unwritten_);
    std::printf("conformance: %zu passed, %zu not applicable, %zu failed\n", passed, not_applicable,
                failed.size());
    return failed.empty();
  }

  const SuiteOptions& options_;
  std::vector<Scenario> scenarios_;
  std::vector<std::vector<std::string>> expected_;  // of scenarios_, in the same order
  std::size_t unwritten_ = 0;
  std::mutex mutex_;
  std::condition_variable_any ended_;  // nobody notifies: stopping the watching thread wakes it
  std::vector<Running> running_;       // by lane
  std::vector<Failure> failures_;
  std::vector<Job> held_up_;  // what differed in real time
  std::atomic<std::size_t> runs_{0};
};

}  // namespace

std::optional<std::vector<std::string>> read_trace(const std::filesystem::path& file) {
  std::ifstream input{file};
  if (!input) return std::nullopt;
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

std::string diff(const std::vector<std::string>& expected,
                 const std::vector<std::string>& printed) {
  // The longest common subsequence; traces are short.
  const std::size_t n = expected.size();
  const std::size_t m = printed.size();
  std::vector<std::vector<std::size_t>> common(n + 1, std::vector<std::size_t>(m + 1, 0));
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = m; j-- > 0;) {
      common[i][j] = expected[i] == printed[j] ? common[i + 1][j + 1] + 1
                                               : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string text;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && expected[i] == printed[j]) {
      text += "    " + expected[i++] + "\n";
      ++j;
    } else if (i < n && (j == m || common[i + 1][j] >= common[i][j + 1])) {
      text += "  - " + expected[i++] + "\n";
    } else {
      text += "  + " + printed[j++] + "\n";
    }
  }
  return text;
}

bool run_suite(const SuiteOptions& options) { return Suite{options}.run(); }

}  // namespace troupe::conformance
