// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/child_spec.hpp>

namespace troupe {

// What a group is called: any term. A text is a binary, because such names often come from outside
// and atoms are never freed.
struct GroupName {
  GroupName(const char* text) : term{Term::binary(std::string_view{text})} {}
  GroupName(std::string_view text) : term{Term::binary(text)} {}
  GroupName(const std::string& text) : term{Term::binary(std::string_view{text})} {}
  template <class T>
    requires std::is_convertible_v<T, Term>
  GroupName(T value) : term(std::move(value)) {}
  Term term;
};

// leave: none of these processes was a member.
struct NotJoined {};

// What those who monitor groups are sent. A process that joined several times and ends gives a
// GroupLeft for each. OTP: {Ref, join, Group, Pids} and {Ref, leave, Group, Pids}.
struct GroupJoined {
  Ref ref;
  Term group;
  std::vector<Pid> pids;
};
struct GroupLeft {
  Ref ref;
  Term group;
  std::vector<Pid> pids;
};

// A group's name and its members, and what a monitor begins with.
struct GroupMembers {
  Term group;
  std::vector<Pid> pids;
};
struct GroupMonitor {
  Ref ref;
  std::vector<Pid> members;
};
struct ScopeMonitor {
  Ref ref;
  std::vector<GroupMembers> groups;
};

// Named groups of processes, OTP's pg: which workers there are for a job, which connections belong
// to a room. A group exists while it has members; a member leaves with its death. Groups live in a
// scope, a process of that name; scopes know nothing of each other.
//
//     co_await ProcessGroups::start_link(self, "rooms");
//     co_await ProcessGroups::join(self, "rooms", "lobby", self.pid());
//     for (Pid pid : ProcessGroups::get_members("rooms", "lobby")) send(pid, Hello{});
//
// Use a Registry where a key has a value or belongs to one process, PubSub for topics with
// patterns. A process may join several times, and then is listed as often.
//
// Joining and leaving ask the scope's process, which does them one after the other, and throw
// CallException where there is none. Reading asks nobody, and throws ErrorException{badarg} there;
// a process that has just died may still be listed. Members survive a crash of the scope, their
// membership does not, as in OTP.
class ProcessGroups {
 public:
  // A scope, registered under its name and linked to the caller. Throws StartException.
  static Async<Pid> start_link(Process& self, Name scope = "pg");
  // As a child of a supervisor.
  static ChildSpec spec(Name scope = "pg");

  // Once per process in the list; anybody may have another process join.
  static Async<> join(Process& self, Name scope, GroupName group, Pid pid);
  static Async<> join(Process& self, Name scope, GroupName group, std::vector<Pid> pids);
  // Takes back one join per process in the list, of those that are members.
  static Async<std::expected<void, NotJoined>> leave(Process& self, Name scope, GroupName group,
                                                     Pid pid);
  static Async<std::expected<void, NotJoined>> leave(Process& self, Name scope, GroupName group,
                                                     std::vector<Pid> pids);

  // In no particular order; empty for a group that does not exist.
  static std::vector<Pid> get_members(Name scope, GroupName group);
  // Those on the caller's node.
  static std::vector<Pid> get_local_members(Name scope, GroupName group);
  // How many get_members gives.
  static std::size_t count(Name scope, GroupName group);
  // The groups that have members, in no particular order.
  static std::vector<Term> which_groups(Name scope);

  // The members now, and from then on a GroupJoined or GroupLeft to the caller for each change.
  static Async<GroupMonitor> monitor(Process& self, Name scope, GroupName group);
  // The same for all groups of the scope, those to come too.
  static Async<ScopeMonitor> monitor_scope(Process& self, Name scope);
  // Ends either; what is already in the mailbox stays. False: there was no such monitor.
  static Async<bool> demonitor(Process& self, Name scope, Ref ref);
};

}  // namespace troupe
