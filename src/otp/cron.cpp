// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/cron.hpp>
#include <troupe/timer.hpp>

namespace troupe {
namespace {

// So that a system time that was set is noticed.
constexpr Duration longest_sleep = std::chrono::minutes{1};

std::chrono::seconds system_seconds(Process& self) {
  return std::chrono::floor<std::chrono::seconds>(self.system_time());
}

}  // namespace

CronJob Cron::handle_call(Process& self, Schedule m) {
  Job& job = jobs_.try_emplace(++last_id_, Job{std::move(m), std::nullopt}).first->second;
  plan(last_id_, job, system_seconds(self));
  sleep_until_next(self);
  return CronJob{last_id_};
}

bool Cron::handle_call(Process& self, Cancel m) {
  const auto job = jobs_.find(m.id);
  if (job == jobs_.end()) return false;
  if (job->second.next) due_.erase({*job->second.next, m.id});
  jobs_.erase(job);
  sleep_until_next(self);
  return true;
}

std::vector<Cron::DueJob> Cron::handle_call(Jobs) {
  std::vector<DueJob> all;
  for (const auto& [when, id] : due_) all.push_back({CronJob{id}, when});
  return all;
}

Async<> Cron::handle_info(Process& self, Wake m) {
  if (m.number != last_wake_) co_return;
  const std::chrono::seconds now = system_seconds(self);
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::uint64_t id = due_.begin()->second;
    due_.erase(due_.begin());
    Job& job = jobs_.find(id)->second;
    if (job.spec.to && !co_await is_alive(self, job.spec.to)) {
      jobs_.erase(id);
      continue;
    }
    const Pid to = job.spec.to ? job.spec.to : whereis(job.spec.name);
    if (to) detail::deliver(to, job.spec.kept.copy(job.spec.kept.message.get()));
    plan(id, job, now);
  }
  sleep_until_next(self);
}

void Cron::plan(std::uint64_t id, Job& job, std::chrono::seconds now) {
  job.next = job.spec.when.next_after(now, job.spec.zone);
  if (job.next) due_.emplace(*job.next, id);
}

void Cron::sleep_until_next(Process& self) {
  if (timer_) cancel_timer(timer_);
  timer_ = {};
  ++last_wake_;
  if (due_.empty()) return;
  const Duration left = Duration{due_.begin()->first} - self.system_time();
  timer_ =
      send_after(self.pid(), std::clamp(left, Duration::zero(), longest_sleep), Wake{last_wake_});
}

Term Cron::introspect() const {
  std::vector<Term> all;
  for (const auto& [when, id] : due_) all.push_back(tuple({Term{id}, Term{when.count()}}));
  return map({{Term{Atom{"jobs"}}, jobs_.size()}, {Term{Atom{"due"}}, list(all)}});
}

}  // namespace troupe
