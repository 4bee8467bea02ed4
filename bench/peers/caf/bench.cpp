// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The workloads of troupe-bench with CAF 0.17.6, as Debian has it.
//
//   BENCH_SCHED=n caf_bench WORKLOAD SIZE...
//
// Messages are told apart by their type: int64_t is a request, uint64_t its answer, int32_t starts
// something. CAF has no supervisor; restarts are what one would write by hand with monitors.
#include <atomic>
#include <caf/actor_registry.hpp>
#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace {

using caf::actor;
using caf::behavior;
using caf::event_based_actor;
using std::chrono::milliseconds;

std::string workload;

void report(const std::string& metric, double value, const char* unit) {
  std::printf("%s caf %s %.3f %s\n", workload.c_str(), metric.c_str(), value, unit);
  std::fflush(stdout);
}
int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}
double rate(double count, int64_t begin) { return count * 1e9 / double(now_ns() - begin); }
double status_bytes(const std::string& key) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, key.size(), key) == 0) return std::atof(line.c_str() + key.size()) * 1024;
  }
  return 0;
}
double resident() { return status_bytes("VmRSS:"); }
double peak() { return status_bytes("VmHWM:"); }
rusage usage() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used;
}
uint64_t draw(uint64_t seed) { return seed * 48271 % 2147483647; }

// Latencies: buckets of 100 ns below 10 ms, of 10 us up to 10 s.
class Histogram {
 public:
  void add(int64_t ns) {
    int64_t bucket = ns < 0 ? 0 : ns < 10'000'000 ? ns / 100 : fine + ns / 10'000;
    if (bucket >= size) bucket = size - 1;
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  }
  void print(const std::string& prefix = {}) const {
    double total = 0;
    for (int64_t i = 0; i < size; ++i) total += buckets_[i];
    report(prefix + "count", total, "n");
    const std::pair<const char*, double> quantiles[] = {
        {"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (auto [name, part] : quantiles) {
      double sum = 0;
      int64_t last = 0;
      for (int64_t i = 0; i < size && sum < part * total; ++i) {
        if (buckets_[i] == 0) continue;
        last = i;
        sum += buckets_[i];
      }
      report(prefix + name,
             double(last < fine ? last * 100 + 50 : (last - fine) * 10'000 + 5'000) / 1e3, "us");
    }
  }

 private:
  static constexpr int64_t fine = 100'000, size = 1'100'001;
  std::unique_ptr<std::atomic<uint32_t>[]> buckets_{new std::atomic<uint32_t>[size]()};
};

// What the main thread waits for.
class Countdown {
 public:
  explicit Countdown(int64_t count) : left_{count} {}
  void tick() {
    std::lock_guard guard{lock_};
    if (--left_ <= 0) changed_.notify_all();
  }
  bool wait(milliseconds limit = std::chrono::hours{1}) {
    std::unique_lock guard{lock_};
    return changed_.wait_for(guard, limit, [&] { return left_ <= 0; });
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  int64_t left_;
};

[[gnu::noinline]] int64_t fibonacci(int64_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

behavior echo(event_based_actor*) {
  return {[](int64_t value) { return uint64_t(value); }, [](int32_t) {}};
}
behavior idle(event_based_actor*) {
  return {[](int32_t) {}};
}
behavior account(event_based_actor* self) {
  auto balance = std::make_shared<int64_t>(0);
  return {[=](int64_t amount) {
            *balance += amount;
            return uint64_t(*balance);
          },
          [=](const actor& to, int64_t amount) {
            auto promise = self->make_response_promise();
            self->request(to, caf::infinite, amount).await([=](uint64_t) mutable {
              *balance -= amount;
              promise.deliver(uint64_t(*balance));
            });
            return promise;
          }};
}

struct Client {
  int64_t left;
  uint64_t random;
};
using ClientState = std::shared_ptr<Client>;

void call_again(event_based_actor* self, ClientState state, const actor& server, Histogram* latency,
                Countdown* done) {
  if (state->left-- == 0) {
    done->tick();
    return;
  }
  const int64_t begin = now_ns();
  self->request(server, caf::infinite, int64_t{state->left}).then([=](uint64_t) {
    if (latency) latency->add(now_ns() - begin);
    call_again(self, state, server, latency, done);
  });
}

void transfer_again(event_based_actor* self, ClientState state, std::vector<actor>* accounts,
                    Countdown* done) {
  if (state->left-- == 0) {
    done->tick();
    return;
  }
  const size_t count = accounts->size();
  const uint64_t random = draw(state->random);
  state->random = draw(random);
  const size_t from = random % (count * 8 / 10);
  const size_t to = from + 1 + state->random % (count - from - 1);
  self->request((*accounts)[from], caf::infinite, (*accounts)[to], int64_t{1}).then([=](uint64_t) {
    transfer_again(self, state, accounts, done);
  });
}

// Starts children that throw, at most `at_once` alive, until `count` have ended.
behavior crash_watcher(event_based_actor* self, int64_t count, int64_t at_once, Countdown* done) {
  auto left = std::make_shared<int64_t>(count);
  auto alive = std::make_shared<int64_t>(0);
  auto start_some = [=] {
    for (; *left > 0 && *alive < at_once; --*left, ++*alive) {
      auto child = self->spawn<caf::monitored>([](event_based_actor* me) -> behavior {
        me->set_exception_handler([](std::exception_ptr&) -> caf::error {
          return caf::make_error(caf::sec::runtime_error);
        });
        return {[](int32_t) { throw std::runtime_error{"boom"}; }};
      });
      caf::anon_send(child, int32_t{0});  // with a sender it would answer with an error
    }
  };
  self->set_down_handler([=](caf::down_msg&) {
    --*alive;
    if (*left == 0 && *alive == 0) done->tick();
    start_some();
  });
  return {[=](int32_t) { start_some(); }};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  workload = argv[1];
  int64_t size[4] = {};
  for (int i = 2; i < argc && i < 6; ++i) size[i - 2] = std::atoll(argv[i]);
  const int64_t first = size[0], second = size[1];
  const std::string sized = workload + "_" + std::to_string(first);
  const char* workers = std::getenv("BENCH_SCHED");
  caf::actor_system_config config;
  config.set("scheduler.max-threads", size_t(workers ? std::atoi(workers) : 2));
  caf::actor_system system{config};

  if (workload == "spawn_exit") {
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < first; ++i) system.spawn([](event_based_actor*) {});
    system.await_all_actors_done();
    report("rate", rate(double(first), begin), "procs/s");
  } else if (workload == "spawn_idle") {
    std::vector<actor> all;
    all.reserve(size_t(first));
    const double before = resident();
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < first; ++i) all.push_back(system.spawn(idle));
    const double started = rate(double(first), begin);
    std::this_thread::sleep_for(milliseconds{200});
    report("rss_per_proc", (resident() - before) / double(first) - double(sizeof(actor)), "bytes");
    report("rate", started, "procs/s");
    std::_Exit(0);
  } else if (workload == "pingpong") {
    Countdown done{1};
    auto other = system.spawn(echo);
    const int64_t begin = now_ns();
    system.spawn([=, &done](event_based_actor* self) -> behavior {
      auto left = std::make_shared<int64_t>(first);
      self->send(other, first);
      return {[=, &done](uint64_t) {
        if (--*left > 0) {
          self->send(other, *left);
        } else {
          done.tick();
        }
      }};
    });
    done.wait();
    report("rate", rate(double(first), begin), "roundtrips/s");
  } else if (workload == "ring") {
    workload = sized;
    Countdown done{1};
    auto node = [&done](event_based_actor* self, const actor& after) -> behavior {
      auto next = std::make_shared<actor>(after);
      return {[=](const actor& after) { *next = after; },
              [=, &done](int64_t left) {
                if (left == 0) {
                  done.tick();
                } else {
                  self->send(*next, left - 1);
                }
              }};
    };
    actor start = system.spawn(node, actor{});
    actor last = start;
    for (int64_t i = 1; i < first; ++i) last = system.spawn(node, last);
    caf::anon_send(start, last);
    const int64_t begin = now_ns();
    caf::anon_send(start, second);
    done.wait();
    report("rate", rate(double(second), begin), "hops/s");
  } else if (workload == "fanin") {
    workload = sized;
    const int64_t each = second / first;
    const double before = resident();
    Countdown done{1};
    auto counter = system.spawn([&](event_based_actor*) -> behavior {
      auto left = std::make_shared<int64_t>(each * first);
      return {[=, &done](int64_t) {
        if (--*left == 0) done.tick();
      }};
    });
    std::vector<actor> senders;
    for (int64_t i = 0; i < first; ++i) {
      senders.push_back(system.spawn([=](event_based_actor* self) -> behavior {
        return {[=](int32_t) {
          for (int64_t n = 0; n < each; ++n) self->send(counter, n);
        }};
      }));
    }
    const int64_t begin = now_ns();
    for (auto& sender : senders) caf::anon_send(sender, int32_t{0});
    done.wait();
    report("rate", rate(double(each * first), begin), "msgs/s");
    report("peak_rss", (peak() - before) / 1048576, "MiB");
  } else if (workload == "fanout") {
    workload = sized;
    Countdown done{1};
    std::vector<actor> all;
    for (int64_t i = 0; i < first; ++i) all.push_back(system.spawn(echo));
    const int64_t begin = now_ns();
    system.spawn([=, &done](event_based_actor* self) -> behavior {
      auto left = std::make_shared<int64_t>(second);
      for (int64_t i = 0; i < second; ++i) self->send(all[size_t(i % first)], i);
      return {[=, &done](uint64_t) {
        if (--*left == 0) done.tick();
      }};
    });
    done.wait();
    report("rate", rate(double(second), begin), "roundtrips/s");
    report("peak_rss", peak() / 1048576, "MiB");
  } else if (workload == "big") {
    Countdown done{first};
    auto all = std::make_shared<std::vector<actor>>();
    for (int64_t i = 0; i < first; ++i) {
      all->push_back(system.spawn([=, &done](event_based_actor* self) -> behavior {
        auto state = std::make_shared<Client>(Client{second, uint64_t(886452 + i * 104729)});
        auto ping = [=] {
          state->random = draw(state->random);
          self->send((*all)[state->random % all->size()], int64_t{1});
        };
        return {[=](int32_t) { ping(); }, [](int64_t value) { return uint64_t(value); },
                [=, &done](uint64_t) {
                  if (--state->left > 0) {
                    ping();
                  } else if (state->left == 0) {
                    done.tick();
                  }
                }};
      }));
    }
    const int64_t begin = now_ns();
    for (auto& player : *all) caf::anon_send(player, int32_t{0});
    done.wait();
    report("rate", rate(double(first * second), begin), "pings/s");
    std::_Exit(0);
  } else if (workload == "call") {
    workload = sized;
    const int64_t each = second / first;
    Countdown done{first};
    Histogram latency;
    auto server = system.spawn(echo);
    std::vector<actor> clients;
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < first; ++i) {
      clients.push_back(system.spawn([&, each](event_based_actor* self) -> behavior {
        call_again(self, std::make_shared<Client>(Client{each, 0}), server, &latency, &done);
        return {[](int32_t) {}};
      }));
    }
    done.wait();
    report("rate", rate(double(each * first), begin), "calls/s");
    latency.print();
  } else if (workload == "bank") {
    std::vector<actor> accounts, tellers;
    for (int64_t i = 0; i < first; ++i) accounts.push_back(system.spawn(account));
    Countdown done{10};
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < 10; ++i) {
      tellers.push_back(system.spawn([&, i](event_based_actor* self) -> behavior {
        auto state = std::make_shared<Client>(Client{second / 10, uint64_t(886452 + i * 7919)});
        transfer_again(self, state, &accounts, &done);
        return {[](int32_t) {}};
      }));
    }
    done.wait();
    report("rate", rate(double(second), begin), "transfers/s");
  } else if (workload == "selective") {
    auto server = system.spawn(echo);
    Countdown ready{1}, done{1};
    auto caller = system.spawn([&](event_based_actor* self) -> behavior {
      self->set_default_handler(caf::skip);
      return {[&, self](int32_t go) {
        if (go == 0) {
          ready.tick();
        } else {
          call_again(self, std::make_shared<Client>(Client{second, 0}), server, nullptr, &done);
        }
      }};
    });
    for (int64_t i = 0; i < first; ++i) caf::anon_send(caller, i);
    caf::anon_send(caller, int32_t{0});
    ready.wait();
    const int64_t begin = now_ns();
    caf::anon_send(caller, int32_t{1});
    const bool ended = done.wait(std::chrono::seconds{60});
    report("rate_skip", ended ? rate(double(second), begin) : 0, "calls/s");
    std::_Exit(0);
  } else if (workload == "timers") {
    Histogram lateness;
    Countdown done{1};
    const int64_t begin = now_ns();
    std::atomic<int64_t> all_set{0};
    auto receiver = system.spawn([&](event_based_actor*) -> behavior {
      auto left = std::make_shared<int64_t>(first);
      return {[=, &lateness, &done](int64_t due) {
        lateness.add(now_ns() - due);
        if (--*left == 0) done.tick();
      }};
    });
    system.spawn([&](event_based_actor* self) {
      uint64_t random = 886452;
      for (int64_t i = 0; i < first; ++i) {
        random = draw(random);
        const auto delay = int64_t(random % uint64_t(second)) + 1;
        self->delayed_send(receiver, milliseconds{delay}, now_ns() + delay * 1'000'000);
      }
      all_set = now_ns();
    });
    done.wait();
    report("set_rate", double(first) * 1e9 / double(all_set - begin), "timers/s");
    report("wall", double(now_ns() - begin) / 1e6, "ms");
    lateness.print();
    std::_Exit(0);
  } else if (workload == "fairness") {
    workload = "fairness_hogs" + std::to_string(first);
    constexpr int64_t period = 10'000'000;
    Histogram latency, lateness;
    const int64_t start = now_ns() + 50'000'000, end = start + size[2] * 1'000'000'000;
    Countdown done{second};
    std::vector<actor> all;
    for (int64_t i = 0; i < second; ++i) {
      auto other = system.spawn(echo);
      all.push_back(system.spawn([&, i, other](event_based_actor* self) -> behavior {
        auto next = std::make_shared<int64_t>(start + i * period / second);
        auto begin = std::make_shared<int64_t>(0);
        auto wait = [=] {
          const int64_t left = std::max<int64_t>(0, *next - now_ns());
          self->delayed_send(self, std::chrono::nanoseconds{left}, int32_t{0});
        };
        wait();
        return {[=](int32_t) {
                  *begin = now_ns();
                  self->send(other, int64_t{1});
                },
                [=, &latency, &lateness, &done](uint64_t) {
                  latency.add(now_ns() - *begin);
                  lateness.add(now_ns() - *next);
                  *next += period;
                  if (*next < end) {
                    wait();
                  } else {
                    done.tick();
                  }
                }};
      }));
    }
    for (int64_t i = 0; i < first; ++i) {
      all.push_back(system.spawn([](event_based_actor*) -> behavior {
        return {[](int32_t) {
          for (volatile int64_t number = 0;; number = (number * 3 + 1) & 0xffffff) {
          }
        }};
      }));
      caf::anon_send(all.back(), int32_t{0});
    }
    done.wait(milliseconds{size[2] * 1000 + 2000});
    report("expected", double(second * size[2] * 100), "n");
    latency.print();
    lateness.print("late_");
    std::_Exit(0);
  } else if (workload == "restarts" || workload == "crash") {
    const bool one = workload == "restarts";
    Countdown done{1};
    const int64_t begin = now_ns();
    auto watcher = system.spawn(crash_watcher, first, one ? 1 : 1000, &done);
    caf::anon_send(watcher, int32_t{0});
    done.wait();
    report(one ? "rate_hand_written" : "error_rate", rate(double(first), begin),
           one ? "restarts/s" : "crashes/s");
    std::_Exit(0);
  } else if (workload == "mbox") {
    Countdown began{1}, never{1};
    auto to = system.spawn([&](event_based_actor*) -> behavior {
      return {[&](int32_t) {
                began.tick();
                never.wait();
              },
              [](int64_t, int64_t) {}};
    });
    caf::anon_send(to, int32_t{0});
    began.wait();
    const double before = resident();
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < first; ++i) caf::anon_send(to, int64_t{1}, i);
    const double filled = rate(double(first), begin);
    report("bytes_per_msg", (resident() - before) / double(first), "bytes");
    report("rate", filled, "msgs/s");
    std::_Exit(0);
  } else if (workload == "registry") {
    // Names are atoms of at most ten characters here.
    std::vector<caf::atom_value> names;
    std::vector<actor> all;
    for (int64_t i = 0; i < first; ++i) {
      names.push_back(caf::atom_from_string("n" + std::to_string(i)));
      all.push_back(system.spawn(idle));
    }
    int64_t begin = now_ns();
    for (size_t i = 0; i < all.size(); ++i) system.registry().put(names[i], all[i]);
    report("register_rate", rate(double(first), begin), "ops/s");
    for (int64_t readers : {int64_t{1}, size[2]}) {
      begin = now_ns();
      std::vector<std::thread> threads;
      for (int64_t i = 0; i < readers; ++i) {
        threads.emplace_back([&, i] {
          uint64_t random = uint64_t(886452 + i);
          for (int64_t n = 0; n < second; ++n) {
            random = draw(random);
            if (!system.registry().get(names[random % names.size()])) std::abort();
          }
        });
      }
      for (auto& thread : threads) thread.join();
      report(readers > 1 ? "registry_get_rate_x" + std::to_string(readers) : "registry_get_rate",
             rate(double(second * readers), begin), "lookups/s");
    }
    std::_Exit(0);
  } else if (workload == "bigmsg") {
    const std::vector<char> source(size_t(first), 'x');
    for (const bool fresh : {false, true}) {
      Countdown done{1};
      auto reader = system.spawn([](event_based_actor*) -> behavior {
        return {[](const std::vector<char>& bytes) {
          return uint64_t(bytes.front()) + uint64_t(bytes.back());
        }};
      });
      const caf::message shared = caf::make_message(source);
      const int64_t begin = now_ns();
      system.spawn([&, reader, shared, fresh](event_based_actor* self) -> behavior {
        auto left = std::make_shared<int64_t>(second);
        auto acks = std::make_shared<int64_t>(0);
        auto send_one = [=, &source] {
          if ((*left)-- <= 0) return;
          if (fresh) {
            self->send(reader, std::vector<char>(source));
          } else {
            self->send(reader, shared);
          }
        };
        for (int i = 0; i < 16; ++i) send_one();
        return {[=, &done](uint64_t) {
          send_one();
          if (++*acks == second) done.tick();
        }};
      });
      done.wait();
      report(fresh ? "fresh_rate" : "shared_rate", rate(double(second), begin), "msgs/s");
    }
  } else if (workload == "pmap") {
    Countdown done{first};
    std::atomic<int64_t> sum{0};
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < first; ++i) {
      system.spawn([&](event_based_actor*) {
        sum += fibonacci(second);
        done.tick();
      });
    }
    done.wait();
    report("time", double(now_ns() - begin) / 1e6, "ms");
  } else if (workload == "idle") {
    std::vector<actor> all;
    for (int64_t i = 0; i < first; ++i) all.push_back(system.spawn(idle));
    std::this_thread::sleep_for(milliseconds{500});
    const rusage before = usage();
    std::this_thread::sleep_for(std::chrono::seconds{second});
    const rusage now = usage();
    report("context_switches",
           double(now.ru_nvcsw + now.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw), "n");
    std::_Exit(0);
  } else if (workload == "outstanding") {
    workload = sized;
    Countdown done{1};
    auto server = system.spawn([&](event_based_actor* self) -> behavior {
      auto waiting = std::make_shared<std::vector<caf::response_promise>>();
      return {[=](int64_t) {
        waiting->push_back(self->make_response_promise());
        auto promise = waiting->back();
        if (int64_t(waiting->size()) == first) {
          for (auto& each : *waiting) each.deliver(uint64_t{1});
        }
        return promise;
      }};
    });
    const int64_t begin = now_ns();
    auto asker = system.spawn([&](event_based_actor* self) -> behavior {
      auto left = std::make_shared<int64_t>(first);
      for (int64_t i = 0; i < first; ++i) {
        self->request(server, caf::infinite, i).then([=, &done](uint64_t) {
          if (--*left == 0) done.tick();
        });
      }
      return {[](int32_t) {}};
    });
    const bool ended = done.wait(std::chrono::seconds{60});
    report("cost", ended ? double(now_ns() - begin) / double(first) / 1e3 : 60e6, "us");
    std::_Exit(0);
  } else if (workload == "monitors") {
    workload = sized;
    Countdown done{1};
    std::vector<actor> all;
    for (int64_t i = 0; i < first; ++i) {
      all.push_back(system.spawn(
          [](event_based_actor* self) -> behavior { return {[=](int32_t) { self->quit(); }}; }));
    }
    const int64_t begin = now_ns();
    auto watcher = system.spawn([&](event_based_actor* self) -> behavior {
      auto left = std::make_shared<int64_t>(first);
      self->set_down_handler([=, &done](caf::down_msg&) {
        if (--*left == 0) done.tick();
      });
      for (auto& each : all) self->monitor(each);
      for (auto& each : all) self->send(each, int32_t{0});
      return {[](int64_t) {}};
    });
    done.wait();
    report("cost", double(now_ns() - begin) / double(first) / 1e3, "us");
    std::_Exit(0);
  } else {
    report("n/a", 0, "-");
  }
  std::fflush(stdout);
  std::_Exit(0);
}
