// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/supervisor.hpp>

#include "conformance/server_support.hpp"

// What the scripts about supervisors have in common: module W, and names for what they print.
namespace troupe::conformance {

// A worker has come up.
struct Up {
  Atom id;
};

// Registered under its id, traps exits, and traces its start and its orderly end. Tells the process
// that is registered as `main` when it is up.
struct Worker : GenServer<Worker> {
  Worker(Process& self, Atom id);
  Next handle_cast(ExitWith m);
  void terminate(const ExitReason& reason);

 private:
  Atom id_;
};

// W.spec(Id): the options of the specification are those of ChildSpec.
ChildSpec worker(const char* id);
// Workers with these ids.
Children workers(std::initializer_list<const char*> ids);
// Has the worker end with this reason.
void end_worker(const char* id, Term reason);
// Waits for so many workers to come up.
Async<> ups(Process& self, int count);

// The prelude module's T.until(fn -> count_children(sup).active == N end).
Async<> until_active(Process& self, ServerRef<Supervisor> supervisor, std::size_t count);

// As the functions of a supervisor answer; every process is the atom `pid`.
Term to_term(const std::expected<ChildStarted, ChildError>& started);
Term to_term(const std::expected<void, ChildError>& done);
Term to_term(const ChildError& error);
Term to_term(ChildType type);
// {Specs, Active, Supervisors, Workers}
Term to_term(const ChildCounts& counts);
// `pid`, `undefined` or `restarting`.
Term state_term(const ChildInfo& child);

// [Id] of all children, latest started first.
Async<Term> child_ids(Process& self, ServerRef<Supervisor> supervisor);

// The terms in Erlang's order, as a list.
Term sorted(std::vector<Term> terms);

}  // namespace troupe::conformance
