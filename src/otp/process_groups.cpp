// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/calling_process.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/process_groups.hpp>

#include "otp/group_table.hpp"

namespace troupe {
namespace detail {
namespace {

NodeDirectory<GroupTable>& scopes() {
  // Never destroyed: scopes of other threads' nodes may outlive main.
  static auto& directory = *new NodeDirectory<GroupTable>;
  return directory;
}

std::shared_ptr<GroupTable> table_of(Name scope) {
  std::shared_ptr<GroupTable> table = scopes().find(scope.atom);
  if (!table) {
    throw ErrorException{
        tuple({atoms::badarg, tuple({Term{Atom{"unknown_scope"}}, Term{scope.atom}})})};
  }
  return table;
}

// The process of a scope. Knows of each member under which groups it is, and monitors it once.
class GroupScope : public GenServer<GroupScope> {
 public:
  struct Join {
    Term group;
    std::vector<Pid> pids;
    using Reply = void;
  };
  struct Leave {
    Term group;
    std::vector<Pid> pids;
    using Reply = bool;
  };
  struct Monitor {
    Pid watcher;
    Term group;
    using Reply = GroupMonitor;
  };
  struct MonitorAll {
    Pid watcher;
    using Reply = ScopeMonitor;
  };
  struct Demonitor {
    Ref ref;
    using Reply = bool;
  };

  GroupScope(Process& self, Atom name) : node_{self.pid().node()}, name_{name} {
    scopes().put(node_, name_, table_);
  }
  GroupScope(const GroupScope&) = delete;
  ~GroupScope() { scopes().remove(node_, name_, table_.get()); }

  void handle_call(Process& self, Join m) {
    for (const Pid pid : m.pids) {
      auto [member, is_new] = members_.try_emplace(pid);
      if (is_new) member.monitor = self.monitor(pid);
      ++member.joins[Term{m.group}];
      table_->add(m.group, pid);
    }
    tell<GroupJoined>(m.group, m.pids);
  }
  bool handle_call(Process& self, Leave m) {
    std::vector<Pid> left;
    for (const Pid pid : m.pids) {
      Member* member = members_.find(pid);
      std::uint32_t* joins = member ? member->joins.find(m.group) : nullptr;
      if (!joins) continue;
      if (--*joins == 0) member->joins.erase(m.group);
      if (member->joins.empty()) {
        self.demonitor(member->monitor, Flush::yes);
        members_.erase(pid);
      }
      table_->remove(m.group, pid);
      left.push_back(pid);
    }
    if (left.empty()) return false;
    tell<GroupLeft>(m.group, left);
    return true;
  }
  GroupMonitor handle_call(Process& self, Monitor m) {
    const Ref ref = self.monitor(m.watcher);
    watchers_.insert(ref, Watcher{m.watcher, m.group});
    watched_[Term{m.group}].push_back(ref);
    return {ref, table_->members(m.group)};
  }
  ScopeMonitor handle_call(Process& self, MonitorAll m) {
    const Ref ref = self.monitor(m.watcher);
    watchers_.insert(ref, Watcher{m.watcher, std::nullopt});
    of_all_.push_back(ref);
    ScopeMonitor now{ref, {}};
    for (Term& group : table_->groups()) {
      std::vector<Pid> pids = table_->members(group);
      now.groups.push_back({std::move(group), std::move(pids)});
    }
    return now;
  }
  bool handle_call(Process& self, Demonitor m) {
    if (!forget_watcher(m.ref)) return false;
    self.demonitor(m.ref, Flush::yes);
    return true;
  }

  void handle_info(Down down) {
    if (forget_watcher(down.ref)) return;
    std::optional<Member> member = members_.take(down.pid);
    if (!member) return;
    for (auto [group, joins] : member->joins) {
      for (std::uint32_t i = 0; i < joins; ++i) {
        table_->remove(group, down.pid);
        tell<GroupLeft>(group, {down.pid});
      }
    }
  }

  Term introspect() const {
    return map({{Term{Atom{"scope"}}, name_},
                {Term{Atom{"groups"}}, table_->groups().size()},
                {Term{Atom{"members"}}, members_.size()},
                {Term{Atom{"monitors"}}, watchers_.size()}});
  }

 private:
  struct Member {
    Ref monitor;
    FlatMap<Term, std::uint32_t, TermHash> joins;
  };
  struct Watcher {
    Pid pid;
    std::optional<Term> group;  // nothing: all of them
  };

  template <class Event>
  void tell(const Term& group, const std::vector<Pid>& pids) {
    const auto tell_all = [&](const std::vector<Ref>& refs) {
      // A watcher whose mailbox is full misses it; its limit must not end the scope.
      for (const Ref ref : refs) {
        send_or_drop(watchers_.find(ref)->pid, Event{ref, group, pids});
      }
    };
    tell_all(of_all_);
    if (const auto* refs = watched_.find(group)) tell_all(*refs);
  }
  bool forget_watcher(Ref ref) {
    const std::optional<Watcher> watcher = watchers_.take(ref);
    if (!watcher) return false;
    if (!watcher->group) {
      std::erase(of_all_, ref);
    } else if (auto* refs = watched_.find(*watcher->group)) {
      std::erase(*refs, ref);
      if (refs->empty()) watched_.erase(*watcher->group);
    }
    return true;
  }

  std::uint32_t node_;
  Atom name_;
  std::shared_ptr<GroupTable> table_ = std::make_shared<GroupTable>();
  FlatMap<Pid, Member> members_;
  FlatMap<Ref, Watcher> watchers_;
  FlatMap<Term, std::vector<Ref>, TermHash> watched_;
  std::vector<Ref> of_all_;
};

template <class M>
auto ask(Process& self, Name scope, M message) {
  return call(self, named<GroupScope>(scope), std::move(message), infinity);
}

}  // namespace
}  // namespace detail

using detail::GroupScope;

Async<Pid> ProcessGroups::start_link(Process& self, Name scope) {
  const detail::CallerPlace place{self};
  const StartOptions options{.name = scope};
  co_return (co_await place(GroupScope::start_link(self, options, scope.atom))).pid();
}

ChildSpec ProcessGroups::spec(Name scope) { return child<GroupScope>(scope.atom).named(scope); }

Async<> ProcessGroups::join(Process& self, Name scope, GroupName group, Pid pid) {
  return join(self, scope, std::move(group), std::vector{pid});
}
Async<> ProcessGroups::join(Process& self, Name scope, GroupName group, std::vector<Pid> pids) {
  const detail::CallerPlace place{self};
  co_await place(
      detail::ask(self, scope, GroupScope::Join{std::move(group.term), std::move(pids)}));
}

Async<std::expected<void, NotJoined>> ProcessGroups::leave(Process& self, Name scope,
                                                           GroupName group, Pid pid) {
  return leave(self, scope, std::move(group), std::vector{pid});
}
Async<std::expected<void, NotJoined>> ProcessGroups::leave(Process& self, Name scope,
                                                           GroupName group, std::vector<Pid> pids) {
  const detail::CallerPlace place{self};
  const bool has_left = co_await place(
      detail::ask(self, scope, GroupScope::Leave{std::move(group.term), std::move(pids)}));
  if (!has_left) co_return std::unexpected(NotJoined{});
  co_return std::expected<void, NotJoined>{};
}

std::vector<Pid> ProcessGroups::get_members(Name scope, GroupName group) {
  return detail::table_of(scope)->members(group.term);
}
std::vector<Pid> ProcessGroups::get_local_members(Name scope, GroupName group) {
  std::vector<Pid> pids = get_members(scope, std::move(group));
  const std::uint32_t node = detail::calling_process().pid().node();
  std::erase_if(pids, [node](Pid pid) { return pid.node() != node; });
  return pids;
}
std::size_t ProcessGroups::count(Name scope, GroupName group) {
  return detail::table_of(scope)->count(group.term);
}
std::vector<Term> ProcessGroups::which_groups(Name scope) {
  return detail::table_of(scope)->groups();
}

Async<GroupMonitor> ProcessGroups::monitor(Process& self, Name scope, GroupName group) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      detail::ask(self, scope, GroupScope::Monitor{self.pid(), std::move(group.term)}));
}
Async<ScopeMonitor> ProcessGroups::monitor_scope(Process& self, Name scope) {
  const detail::CallerPlace place{self};
  co_return co_await place(detail::ask(self, scope, GroupScope::MonitorAll{self.pid()}));
}
Async<bool> ProcessGroups::demonitor(Process& self, Name scope, Ref ref) {
  const detail::CallerPlace place{self};
  co_return co_await place(detail::ask(self, scope, GroupScope::Demonitor{ref}));
}

}  // namespace troupe
