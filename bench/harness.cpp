// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "harness.hpp"

#include <ctime>
#include <fstream>
#include <sys/resource.h>

namespace troupe::bench {

namespace {

double status_bytes(std::string_view key) {
  std::ifstream status{"/proc/self/status"};
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(key)) return std::atof(line.c_str() + key.size()) * 1024;
  }
  return 0;
}

rusage usage() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used;
}

double ms_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

}  // namespace

void print(std::string_view workload, std::string_view metric, double value,
           std::string_view unit) {
  std::printf("%.*s troupe %.*s %.3f %.*s\n", static_cast<int>(workload.size()), workload.data(),
              static_cast<int>(metric.size()), metric.data(), value, static_cast<int>(unit.size()),
              unit.data());
  std::fflush(stdout);
}

std::int64_t now_ns() noexcept {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

double resident_bytes() { return status_bytes("VmRSS:"); }
double peak_resident_bytes() { return status_bytes("VmHWM:"); }
double processor_ms() { return ms_of(usage().ru_utime) + ms_of(usage().ru_stime); }
std::int64_t context_switches() { return usage().ru_nvcsw + usage().ru_nivcsw; }

void Histogram::add(std::int64_t ns) noexcept {
  if (ns < 0) ns = 0;
  std::int64_t bucket = ns < 10'000'000 ? ns / 100 : fine + ns / 10'000;
  if (bucket >= size) bucket = size - 1;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
}

void Histogram::print(std::string_view workload, const std::string& prefix) const {
  std::uint64_t total = 0;
  for (std::int64_t i = 0; i < size; ++i) total += buckets_[i].load(std::memory_order_relaxed);
  bench::print(workload, prefix + "count", static_cast<double>(total), "n");
  const struct {
    const char* name;
    double part;
  } quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
  for (const auto& quantile : quantiles) {
    std::uint64_t sum = 0;
    std::int64_t last = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      const std::uint64_t count = buckets_[i].load(std::memory_order_relaxed);
      if (count == 0) continue;
      last = i;
      sum += count;
      if (static_cast<double>(sum) >= quantile.part * static_cast<double>(total)) break;
    }
    const std::int64_t ns = last < fine ? last * 100 + 50 : (last - fine) * 10'000 + 5'000;
    bench::print(workload, prefix + quantile.name, static_cast<double>(ns) / 1e3, "us");
  }
}

RuntimeOptions options() {
  RuntimeOptions options;
  if (const char* workers = std::getenv("BENCH_SCHED")) {
    options.workers = static_cast<unsigned>(std::atoi(workers));
    if (options.workers == 0) options.execution = Execution::single;
  }
  return options;
}

}  // namespace troupe::bench
