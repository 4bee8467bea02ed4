// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/worker.hpp"

#include <algorithm>

namespace troupe::conformance {

Worker::Worker(Process& self, Atom id) : id_{id} {
  self.trap_exits();
  p("start", id);
  send("main", Up{id});
}

Next Worker::handle_cast(ExitWith m) { return Next::stop(std::move(m.reason)); }

void Worker::terminate(const ExitReason& reason) { p("stop", tuple({id_, norm(reason)})); }

ChildSpec worker(const char* id) { return child<Worker>(Atom{id}).named(id); }

Children workers(std::initializer_list<const char*> ids) {
  Children all;
  for (const char* id : ids) all.push_back(worker(id));
  return all;
}

void end_worker(const char* id, Term reason) {
  cast(named<Worker>(id), ExitWith{std::move(reason)});
}

Async<> ups(Process& self, int count) {
  for (int i = 0; i < count; ++i) co_await self.receive<Up>();
}

Async<> until_active(Process& self, ServerRef<Supervisor> supervisor, std::size_t count) {
  co_await until(self, [&self, supervisor, count]() -> Async<bool> {
    co_return (co_await Supervisor::count_children(self, supervisor)).active == count;
  });
}

Term to_term(const std::expected<ChildStarted, ChildError>& started) {
  if (!started) return to_term(started.error());
  const Term pid = started->pid ? atom("pid") : Term{atoms::undefined};
  if (started->info.is_atom(atoms::undefined)) return tuple({atoms::ok, pid});
  return tuple({atoms::ok, pid, started->info});
}

Term to_term(const std::expected<void, ChildError>& done) {
  return done ? Term{atoms::ok} : to_term(done.error());
}

Term to_term(const ChildError& error) {
  Term why = error.term();
  if (error.code == ChildError::Code::already_started) why = tuple({why[0], atom("pid")});
  return tuple({atoms::error, why});
}

Term to_term(ChildType type) {
  return atom(type == ChildType::supervisor ? "supervisor" : "worker");
}

Term to_term(const ChildCounts& counts) {
  return tuple({counts.specs, counts.active, counts.supervisors, counts.workers});
}

Term state_term(const ChildInfo& child) {
  if (child.restarting) return atom("restarting");
  return child.pid ? atom("pid") : Term{atoms::undefined};
}

Async<Term> child_ids(Process& self, ServerRef<Supervisor> supervisor) {
  std::vector<Term> ids;
  for (const ChildInfo& child : co_await Supervisor::which_children(self, supervisor)) {
    ids.push_back(child.id);
  }
  co_return list(ids);
}

Term sorted(std::vector<Term> terms) {
  std::ranges::sort(terms, [](const Term& a, const Term& b) { return a < b; });
  return list(terms);
}

}  // namespace troupe::conformance
