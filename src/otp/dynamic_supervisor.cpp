// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/dynamic_supervisor.hpp>

#include "otp/dynamic_supervisor_server.hpp"

namespace troupe {

template <>
inline constexpr bool enable_message<DynamicSupervisorOptions> = true;

namespace {

using detail::DynamicSupervisorServer;
using SupervisorRef = ServerRef<DynamicSupervisor>;

// The same process, as the type that has its handlers.
template <class M>
auto ask(Process& self, const SupervisorRef& supervisor, M message) {
  return detail::CallAwaiter<typename M::Reply, false>{
      self, detail::CallTarget::of(supervisor),
      detail::typed_call<DynamicSupervisorServer>(std::move(message)), infinity};
}

Async<detail::StartOutcome> start(Process& self, DynamicSupervisorOptions options,
                                  Via via = nullptr) {
  detail::StartName name{options.name.atom, std::move(via)};
  return detail::start_server(
      self, detail::StartMode::link, infinity,
      detail::make_start_request<DynamicSupervisorServer>(std::move(name), std::tuple{options}));
}

class DynamicSupervisorChild final : public detail::ChildStart {
 public:
  explicit DynamicSupervisorChild(DynamicSupervisorOptions options) : options_{options} {}
  Async<detail::StartOutcome> start(Process& parent, detail::StartName name) const override {
    DynamicSupervisorOptions options = options_;
    if (name.name != atoms::undefined) options.name = name.name;
    return troupe::start(parent, options, std::move(name.via));
  }
  bool can_have_via() const noexcept override { return true; }

 private:
  DynamicSupervisorOptions options_;
};

}  // namespace

auto DynamicSupervisor::start_link(Process& self, DynamicSupervisorOptions options)
    -> detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, false> {
  using Start = detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, false>;
  return Start{start(self, options)};
}

auto DynamicSupervisor::try_start_link(Process& self, DynamicSupervisorOptions options)
    -> detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, true> {
  using Start = detail::StartAwaitable<DynamicSupervisor, detail::StartMode::link, true>;
  return Start{start(self, options)};
}

auto DynamicSupervisor::start_child(Process& self, SupervisorRef supervisor, ChildSpec child)
    -> StartChildAwaiter {
  return ask(self, supervisor, DynamicSupervisorServer::StartChild{std::move(child)});
}

Async<std::expected<void, ChildError>> DynamicSupervisor::terminate_child(Process& self,
                                                                          SupervisorRef supervisor,
                                                                          Pid child) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, DynamicSupervisorServer::TerminateChild{child}));
}

Async<std::vector<ChildInfo>> DynamicSupervisor::which_children(Process& self,
                                                                SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, DynamicSupervisorServer::WhichChildren{}));
}

Async<ChildCounts> DynamicSupervisor::count_children(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_return co_await place(ask(self, supervisor, DynamicSupervisorServer::CountChildren{}));
}

Async<> DynamicSupervisor::subscribe(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_await place(ask(self, supervisor, DynamicSupervisorServer::Subscribe{self.pid(), true}));
}

Async<> DynamicSupervisor::unsubscribe(Process& self, SupervisorRef supervisor) {
  const detail::CallerPlace place{self};
  co_await place(ask(self, supervisor, DynamicSupervisorServer::Subscribe{self.pid(), false}));
}

const detail::Behaviour* DynamicSupervisor::behaviour() noexcept {
  return &detail::server_vtable<DynamicSupervisorServer>;
}

ChildSpec dynamic_supervisor(ChildId id, DynamicSupervisorOptions options) {
  return ChildSpec{std::move(id.term), ChildType::supervisor,
                   detail::share<DynamicSupervisorChild>(options)};
}

}  // namespace troupe
