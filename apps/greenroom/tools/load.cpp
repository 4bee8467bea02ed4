// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/load.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>

#include "tools/load_report.hpp"
#include "tools/progress_bar.hpp"
#include "tools/resp_client.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr const char* session_seconds = "1800";
// A server that has not answered the last requests after this long has lost them.
constexpr Duration last_replies_limit = 30s;
// Beyond so many unanswered requests a connection stops sending; what is due counts on.
constexpr std::size_t max_unanswered = 100'000;

// splitmix64: the same seed makes the same load on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }

 private:
  std::uint64_t state_;
};

// Session numbers by Zipf's law with exponent 1, by inverting the integral of 1/x, which is that
// law's continuous neighbour: close enough for a load, and without a table.
std::uint64_t zipf(Random& random, std::uint64_t sessions) {
  const double rank = std::exp(random.unit() * std::log(static_cast<double>(sessions)));
  // Spread over the numbers, so that popular sessions are not neighbours.
  return static_cast<std::uint64_t>(rank) * 0x9E3779B1u % sessions;
}

// Writes the commands of web requests one after the other.
class Traffic {
 public:
  Traffic(std::uint64_t seed, std::uint64_t sessions) : random_{seed}, sessions_{sessions} {
    for (std::size_t i = 0; i < 5'000; ++i) {
      filling_ += static_cast<char>('a' + random_.below(26));
    }
  }

  void append_next(std::string& out) {
    if (has_second_) {
      has_second_ = false;
      if (random_.below(100) < 80) {
        append_command(out, Words{"EXPIRE", key_, session_seconds});
      } else {
        append_save(out);
      }
      return;
    }
    const std::uint64_t dice = random_.below(100);
    key_ = "bench:sess:" + std::to_string(zipf(random_, sessions_));
    if (dice < 2) {
      append_save(out);
    } else if (dice < 3) {
      append_command(out, Words{"DEL", key_});
    } else {
      append_command(out, Words{"GET", key_});
      has_second_ = true;
    }
  }

  void append_save(std::string& out, std::string_view key) {
    // Small ones more often: 200 bytes times 20 to the power of a square.
    const double share = random_.unit();
    const auto size = static_cast<std::size_t>(200 * std::pow(20.0, share * share));
    const std::string value =
        R"({"cookie":{"originalMaxAge":1800000},"data":")" + filling_.substr(0, size) + "\"}";
    append_command(out, Words{"SET", key, value, "EX", session_seconds});
  }

 private:
  using Words = std::initializer_list<std::string_view>;
  static void append_command(std::string& out, Words words) {
    greenroom::append_command(out, std::span<const std::string_view>{words.begin(), words.size()});
  }
  void append_save(std::string& out) { append_save(out, key_); }

  Random random_;
  std::uint64_t sessions_;
  std::string filling_;
  std::string key_;
  bool has_second_ = false;
};

struct Outcome {
  Histogram latencies;
  std::uint64_t sent = 0;
  std::uint64_t errors = 0;
  std::string problem;  // why it ended early; empty: it did not
};

struct OutcomePtr {
  std::unique_ptr<Outcome> outcome;
};
struct LoadShare {
  RedisUrl target;
  double rate;
  Duration duration;
  Duration warm_up;
  std::uint64_t sessions;
  std::uint64_t seed;
  double phase;  // 0 to 1: where in its interval the first request is due
};

}  // namespace
}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::OutcomePtr> = true;
template <>
inline constexpr bool troupe::enable_message<greenroom::LoadShare> = true;

namespace greenroom {
namespace {

// One connection's share of the load: sends what is due, takes what has come, waits for either.
class Driver {
 public:
  Driver(Process& self, const LoadShare& share, RespClient client, Outcome& outcome)
      : self_{self},
        share_{share},
        client_{std::move(client)},
        outcome_{outcome},
        traffic_{share.seed, share.sessions},
        interval_{1e9 / share.rate} {}

  Async<> run() {
    begin_ = self_.monotonic_time();
    const Duration end = begin_ + share_.warm_up + share_.duration;
    while (outcome_.problem.empty()) {
      // What was due before the end is sent however late this process runs: who is slow would
      // otherwise have fewer requests, and no late ones.
      const Duration now = self_.monotonic_time();
      const bool has_sent = co_await send_due(std::min(now, end - Duration{1}));
      if (now >= end && !has_sent) break;
      const bool idle = !take_replies();
      if (idle) (void)co_await client_.channel().readable(self_, until_next());
    }
    const Duration limit = self_.monotonic_time() + last_replies_limit;
    while (outcome_.problem.empty() && !due_.empty() && self_.monotonic_time() < limit) {
      if (!take_replies()) {
        (void)co_await client_.channel().readable(self_, limit - self_.monotonic_time());
      }
    }
    if (outcome_.problem.empty() && !due_.empty()) outcome_.problem = "the last replies never came";
  }

 private:
  Duration due_at(std::uint64_t number) const {
    return begin_ + Duration{static_cast<std::int64_t>(
                        (static_cast<double>(number) + share_.phase) * interval_)};
  }
  Duration until_next() const {
    const Duration left = due_at(next_) - self_.monotonic_time();
    return std::max(left, Duration{0});
  }

  // False: nothing was due.
  Async<bool> send_due(Duration now) {
    std::string commands;
    while (due_at(next_) <= now && due_.size() < max_unanswered && commands.size() < 1u << 20) {
      traffic_.append_next(commands);
      due_.push_back(due_at(next_++));
      ++outcome_.sent;
    }
    if (commands.empty()) co_return false;
    auto written = co_await client_.channel().write(self_, commands, last_replies_limit);
    if (!written) outcome_.problem = written.error().text;
    co_return true;
  }

  // False: nothing had come.
  bool take_replies() {
    char buffer[32 * 1024];
    auto count = client_.channel().try_read(buffer);
    if (!count) {
      if (count.error().kind != net::ErrorKind::would_block) outcome_.problem = count.error().text;
      return false;
    }
    if (*count == 0) {
      outcome_.problem = "the server closed the connection";
      return false;
    }
    client_.reader().feed(std::string_view{buffer, *count});
    const Duration now = self_.monotonic_time();
    while (auto reply = client_.reader().next()) {
      if (due_.empty()) {
        outcome_.problem = "a reply to nothing";
        return false;
      }
      if (due_.front() >= begin_ + share_.warm_up) {
        outcome_.latencies.record(static_cast<std::uint64_t>((now - due_.front()) / 1us));
        if (reply->is_error()) ++outcome_.errors;
      }
      due_.pop_front();
    }
    if (client_.reader().has_failed()) outcome_.problem = "no Redis protocol";
    return true;
  }

  Process& self_;
  const LoadShare& share_;
  RespClient client_;
  Outcome& outcome_;
  Traffic traffic_;
  double interval_;  // nanoseconds
  Duration begin_{0};
  std::uint64_t next_ = 0;
  std::deque<Duration> due_;  // of the unanswered requests
};

Async<> drive(Process& self, Pid owner, LoadShare share) {
  OutcomePtr result{std::make_unique<Outcome>()};
  auto client = co_await RespClient::connect(self, share.target);
  if (client) {
    Driver driver{self, share, std::move(*client), *result.outcome};
    co_await driver.run();
  } else {
    result.outcome->problem = client.error();
  }
  send(owner, std::move(result));
}

// Fills in the sessions, so that reads find something.
Async<std::string> fill(Process& self, const RedisUrl& target, const LoadOptions& options) {
  auto client = co_await RespClient::connect(self, target);
  if (!client) co_return client.error();
  Traffic traffic{options.seed, options.sessions};
  ProgressBar bar{"sessions filled in", options.sessions, self.monotonic_time()};
  for (std::uint64_t i = 0; i < options.sessions;) {
    std::string commands;
    std::size_t count = 0;
    for (; count < 500 && i < options.sessions; ++count, ++i) {
      traffic.append_save(commands, "bench:sess:" + std::to_string(i));
    }
    auto replies = co_await client->ask(self, std::move(commands), count);
    if (!replies) co_return replies.error();
    for (const RespReply& reply : *replies) {
      if (reply.is_error()) co_return reply.text;
    }
    bar.show(i, self.monotonic_time());
  }
  bar.finish(options.sessions, self.monotonic_time());
  co_return std::string{};
}

Async<LoadResult> load(Process& self, const RedisUrl& target, const LoadOptions& options) {
  LoadResult result;
  result.target = target.text();
  result.wanted_rate = options.rate;
  result.seconds = std::chrono::duration<double>(options.duration).count();
  result.problem = co_await fill(self, target, options);
  if (!result.problem.empty()) co_return result;
  for (unsigned i = 0; i < options.connections; ++i) {
    LoadShare share{target,
                    options.rate / options.connections,
                    options.duration,
                    options.warm_up,
                    options.sessions,
                    options.seed * 1'000'003 + i,
                    static_cast<double>(i) / options.connections};
    spawn_link(drive, self.pid(), std::move(share));
  }
  for (unsigned i = 0; i < options.connections; ++i) {
    OutcomePtr part = co_await self.receive<OutcomePtr>();
    result.latencies.add(part.outcome->latencies);
    result.errors += part.outcome->errors;
    if (!part.outcome->problem.empty()) result.problem = part.outcome->problem;
  }
  co_return result;
}

}  // namespace

int run_load(const LoadOptions& options) {
  Runtime runtime{{.name = "greenroom_bench", .execution = Execution::single}};
  const auto run = [](Process& self, LoadOptions kept) -> Async<int> {
    std::vector<LoadResult> results;
    int code = 0;
    for (const RedisUrl& target : kept.targets) {
      results.push_back(co_await load(self, target, kept));
      const LoadResult& result = results.back();
      if (!result.problem.empty() || result.errors > 0) {
        std::fprintf(stderr, "greenroom: %s: %s\n", result.target.c_str(),
                     result.problem.empty() ? "answered with errors" : result.problem.c_str());
        code = 1;
      }
    }
    const std::string table = load_table(results);
    std::fputs(table.c_str(), stdout);
    if (!kept.output.empty() && !write_report(kept.output, table, results)) {
      std::fprintf(stderr, "greenroom: cannot write to %s\n", kept.output.c_str());
      code = 1;
    }
    co_return code;
  };
  return runtime.run(run, options);
}

}  // namespace greenroom
