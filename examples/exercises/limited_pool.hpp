// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 11.
#pragma once

#include <deque>

#include <troupe/troupe.hpp>

#include "worker_pool/worker_pool.hpp"

using namespace troupe;

namespace exercises {

using worker_pool::Job;

inline Async<> run_job(Process& self, Job job, From<int> from) {
  const int result = co_await job.run(self, job.input);
  reply(std::move(from), result);
}

// A process per job, at most `limit` of them at once; whoever comes later waits in line. A job that
// crashes gives its place to the next one, like a job that is done.
struct LimitedPool : GenServer<LimitedPool> {
  struct Execute {
    Job job;
    using Reply = int;
  };

  explicit LimitedPool(std::size_t limit) : limit_{limit} {}
  void handle_call(Process& self, Execute m, From<int> from) {
    line_.push_back(Waiting{m.job, std::move(from)});
    serve(self);
  }
  void handle_info(Process& self, Down) {
    --running_;
    serve(self);
  }

 private:
  struct Waiting {
    Job job;
    From<int> from;
  };
  void serve(Process& self) {
    for (; running_ < limit_ && !line_.empty(); ++running_) {
      self.monitor(spawn(run_job, line_.front().job, std::move(line_.front().from)));
      line_.pop_front();
    }
  }
  std::size_t limit_;
  std::size_t running_ = 0;
  std::deque<Waiting> line_;
};

}  // namespace exercises
