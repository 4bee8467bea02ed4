// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/log.hpp>
#include <troupe/runtime.hpp>

// What the workloads share. Each prints lines of five words, `workload peer metric value unit`, and
// the programs in peers/ print the same, so that one runner (bench/run) can put them side by side.
namespace troupe::bench {

// The sizes on the command line; what is missing is 0.
class Arguments {
 public:
  explicit Arguments(std::vector<std::int64_t> values) : values_{std::move(values)} {}
  std::int64_t operator[](std::size_t index) const {
    return index < values_.size() ? values_[index] : 0;
  }

 private:
  std::vector<std::int64_t> values_;
};

struct Workload {
  std::string_view name;
  std::string_view arguments;  // what they mean
  std::string_view tiny;       // sizes at which it ends at once: for the tests
  void (*run)(const Arguments&);
};

void print(std::string_view workload, std::string_view metric, double value, std::string_view unit);

std::int64_t now_ns() noexcept;

class Stopwatch {
 public:
  double seconds() const noexcept { return static_cast<double>(now_ns() - start_) * 1e-9; }
  double milliseconds() const noexcept { return seconds() * 1e3; }
  double rate(std::int64_t count) const noexcept { return static_cast<double>(count) / seconds(); }

 private:
  std::int64_t start_ = now_ns();
};

// Of this program, as the kernel counts.
double resident_bytes();
double peak_resident_bytes();
double processor_ms();
std::int64_t context_switches();

// The draw of all programs, in every language: MINSTD.
constexpr std::uint64_t draw(std::uint64_t seed) noexcept { return seed * 48271 % 2147483647; }

// Latencies: 100 ns wide below 10 ms, 10 us up to 10 s. Any thread may add.
class Histogram {
 public:
  void add(std::int64_t ns) noexcept;
  // count, p50, p99, p999 and max, in us, each with `prefix` before its name.
  void print(std::string_view workload, const std::string& prefix = {}) const;

 private:
  static constexpr std::int64_t fine = 100'000;
  static constexpr std::int64_t size = 1'100'001;
  std::unique_ptr<std::atomic<std::uint32_t>[]> buckets_ =
      std::make_unique<std::atomic<std::uint32_t>[]>(size);
};
using SharedHistogram = std::shared_ptr<Histogram>;

// The number of workers BENCH_SCHED asks for, 0 for the main thread alone (nothing there depends on
// time, which is what counting instructions wants); else one per core.
RuntimeOptions options();

// Runs `body(self, arguments...)` as the main process of a runtime with default options; ends the
// program with a failure if it crashes.
template <class F, class... A>
void in_runtime(F body, A... arguments) {
  Runtime runtime{options()};
  if (const auto result = runtime.try_run(body, std::move(arguments)...); !result) {
    std::fprintf(stderr, "troupe-bench: %s\n", result.error().to_string().c_str());
    std::exit(1);
  }
}

}  // namespace troupe::bench

template <>
inline constexpr bool troupe::enable_message<troupe::bench::SharedHistogram> = true;
