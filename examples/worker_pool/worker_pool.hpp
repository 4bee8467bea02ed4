// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A pool of workers, round robin. The course's pool waits for its worker inside handle_call, so
// only one worker ever works; this one hands the caller over to the worker, which answers itself.
// (The library has pools with more to choose from: troupe/pool.hpp.)
#pragma once

#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace worker_pool {

// What a worker is to do: a function without captures, and a number for it.
struct Job {
  Async<int> (*run)(Process& self, int input);
  int input;
};
struct Outcome {
  int result;
  int worker_id;
};

struct Worker : GenServer<Worker> {
  struct Work {
    Job job;
    From<Outcome> from;
  };
  struct Completed {
    using Reply = int;
  };
  explicit Worker(int id) : id_{id} {}
  Async<> handle_cast(Process& self, Work m) {
    const int result = co_await m.job.run(self, m.job.input);
    ++completed_;
    reply(std::move(m.from), Outcome{result, id_});
  }
  int handle_call(Completed) { return completed_; }

 private:
  int id_;
  int completed_ = 0;
};

struct Pool : GenServer<Pool> {
  struct Execute {
    Job job;
    using Reply = Outcome;
  };
  struct Workers {
    using Reply = std::vector<ServerRef<Worker>>;
  };
  explicit Pool(int size) : size_{size} {}
  Async<Init> init(Process& self) {
    for (int id = 1; id <= size_; ++id) workers_.push_back(co_await Worker::start_link(self, id));
    co_return Init::ok();
  }
  void handle_call(Execute m, From<Outcome> from) {
    cast(workers_[next_++ % workers_.size()], Worker::Work{m.job, std::move(from)});
  }
  std::vector<ServerRef<Worker>> handle_call(Workers) { return workers_; }

 private:
  int size_;
  std::size_t next_ = 0;
  std::vector<ServerRef<Worker>> workers_;
};

}  // namespace worker_pool

// A plain function pointer shares nothing.
template <>
inline constexpr bool troupe::enable_message<worker_pool::Job> = true;
