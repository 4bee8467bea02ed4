// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/supervisor.hpp>

#include "otp/child_refusal.hpp"
#include "otp/supervisor_server.hpp"

namespace troupe {

namespace {

using detail::SupervisorServer;
using SupervisorRef = ServerRef<Supervisor>;

// The same process, as the type that has its handlers.
template <class M>
auto ask(Process& self, const SupervisorRef& supervisor, M message) {
  return detail::CallAwaiter<typename M::Reply, false>{
      self, detail::CallTarget::of(supervisor),
      detail::typed_call<SupervisorServer>(std::move(message)), infinity};
}

class SupervisorChild final : public detail::ChildStart {
 public:
  SupervisorChild(Children children, SupervisorOptions options)
      : children_{std::move(children)}, options_{options} {}
  Async<detail::StartOutcome> start(Process& parent, detail::StartName name) const override {
    SupervisorOptions options = options_;
    if (name.name != atoms::undefined) options.name = name.name;
    return detail::start_supervisor(parent, children_, options, std::move(name.via));
  }
  bool can_have_via() const noexcept override { return true; }

 private:
  Children children_;
  SupervisorOptions options_;
};

}  // namespace

template <>
inline constexpr bool enable_message<SupervisorOptions> = true;

Async<detail::StartOutcome> detail::start_supervisor(Process& self, Children children,
                                                     SupervisorOptions options, Via via) {
  StartName name{options.name.atom, std::move(via)};
  return start_server(
      self, StartMode::link, infinity,
      make_start_request<SupervisorServer>(
          std::move(name), std::tuple<Children, SupervisorOptions>{std::move(children), options}));
}

Term ChildError::term() const {
  switch (code) {
    case Code::failed:
    case Code::bad_spec:
      return reason.term();
    case Code::already_started:
      return tuple({atoms::already_started, Term{pid}});
    case Code::already_present:
      return atoms::already_present;
    case Code::not_found:
      return atoms::not_found;
    case Code::running:
      return Atom{"running"};
    case Code::restarting:
      return Atom{"restarting"};
    case Code::max_children:
      return Atom{"max_children"};
  }
  std::unreachable();
}

std::string ChildError::to_string() const {
  switch (code) {
    case Code::failed:
      return "the child did not start: " + reason.to_string();
    case Code::already_started:
      return "a child with this id runs: take another id, or terminate and delete that one first";
    case Code::already_present:
      return "a child with this id is there, stopped: restart_child starts it, delete_child "
             "forgets it";
    case Code::not_found:
      return "the supervisor has no such child";
    case Code::running:
      return "the child runs: terminate_child stops it";
    case Code::restarting:
      return "the child is being restarted: terminate_child ends that";
    case Code::bad_spec: {
      const std::string advice = detail::advice_on(reason.term());
      return "the specification is refused: " + reason.to_string() +
             (advice.empty() ? advice : "; " + advice);
    }
    case Code::max_children:
      return "the supervisor has as many children as its max_children allows";
  }
  std::unreachable();
}

auto Supervisor::start_link(Process& self, Children children, SupervisorOptions options)
    -> detail::StartAwaitable<Supervisor, detail::StartMode::link, false> {
  using Start = detail::StartAwaitable<Supervisor, detail::StartMode::link, false>;
  return Start{detail::start_supervisor(self, std::move(children), options)};
}

auto Supervisor::try_start_link(Process& self, Children children, SupervisorOptions options)
    -> detail::StartAwaitable<Supervisor, detail::StartMode::link, true> {
  using Start = detail::StartAwaitable<Supervisor, detail::StartMode::link, true>;
  return Start{detail::start_supervisor(self, std::move(children), options)};
}

Async<std::expected<ChildStarted, ChildError>> Supervisor::start_child(Process& self,
                                                                       SupervisorRef supervisor,
                                                                       ChildSpec child) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, SupervisorServer::StartChild{std::move(child)}));
}

Async<std::expected<void, ChildError>> Supervisor::terminate_child(Process& self,
                                                                   SupervisorRef supervisor,
                                                                   ChildId id) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      ask(self, supervisor, SupervisorServer::TerminateChild{std::move(id.term)}));
}

Async<std::expected<ChildStarted, ChildError>> Supervisor::restart_child(Process& self,
                                                                         SupervisorRef supervisor,
                                                                         ChildId id) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      ask(self, supervisor, SupervisorServer::RestartChild{std::move(id.term)}));
}

Async<std::expected<void, ChildError>> Supervisor::delete_child(Process& self,
                                                                SupervisorRef supervisor,
                                                                ChildId id) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      ask(self, supervisor, SupervisorServer::DeleteChild{std::move(id.term)}));
}

Async<std::vector<ChildInfo>> Supervisor::which_children(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, SupervisorServer::WhichChildren{}));
}

Async<ChildCounts> Supervisor::count_children(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, SupervisorServer::CountChildren{}));
}

Async<std::expected<ChildSpec, ChildError>> Supervisor::get_childspec(Process& self,
                                                                      SupervisorRef supervisor,
                                                                      ChildId id) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, SupervisorServer::GetSpec{std::move(id.term)}));
}

Async<> Supervisor::subscribe(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_await place(ask(self, supervisor, SupervisorServer::Subscribe{self.pid(), true}));
}

Async<> Supervisor::unsubscribe(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_await place(ask(self, supervisor, SupervisorServer::Subscribe{self.pid(), false}));
}

const detail::Behaviour* Supervisor::behaviour() noexcept {
  return &detail::server_vtable<SupervisorServer>;
}

ChildSpec supervisor(ChildId id, Children children, SupervisorOptions options) {
  return ChildSpec{std::move(id.term), ChildType::supervisor,
                   detail::share<SupervisorChild>(std::move(children), options)};
}

ChildSpec supervisor(ChildId id, std::initializer_list<ChildSpec> children,
                     SupervisorOptions options) {
  return supervisor(std::move(id), Children(children), options);
}

}  // namespace troupe
