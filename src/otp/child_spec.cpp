// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/child_spec.hpp>
#include <troupe/log.hpp>

#include "otp/restart_policy.hpp"

namespace troupe {

namespace detail {

ChildStart::~ChildStart() = default;

StartOutcome started_child(ChildStarted started) {
  StartOutcome outcome;
  if (!started.pid) {
    outcome.error.code = StartError::Code::ignored;
  } else {
    outcome.pid = started.pid;
    outcome.info = std::move(started.info);
  }
  return outcome;
}

StartOutcome failed_child(ExitReason reason) {
  StartOutcome outcome;
  outcome.error.reason = std::move(reason);
  return outcome;
}

namespace {

bool takes_name(Pid pid, Atom name) {
  try {
    register_name(name, pid);
    return true;
  } catch (const ErrorException&) {
    return whereis(name) == pid;
  }
}

// Also in words, which a term of bytes is not.
ExitReason refusal(const char* what, const char* why) {
  log::error("a child does not start: {}", why);
  return ExitReason{tuple({Term{Atom{std::string_view{what}}}, Term::binary(why)})};
}

// A child that is started under a name of another kind.
class ViaChild final : public ChildStart {
 public:
  ViaChild(Shared<const ChildStart> child, Via via)
      : child_{std::move(child)}, via_{std::move(via)} {}
  Async<StartOutcome> start(Process& supervisor, StartName name) const override {
    if (!child_->can_have_via()) {
      return refused_start("bad_via",
                           "only servers and supervisors can have a via name: let the process "
                           "claim it itself");
    }
    name.via = via_;
    return child_->start(supervisor, std::move(name));
  }
  bool can_keep_mailbox() const noexcept override { return child_->can_keep_mailbox(); }
  bool can_have_via() const noexcept override { return child_->can_have_via(); }
  Shared<const ChildStart> with(const ExtraArguments& extra) const override {
    auto child = child_->with(extra);
    if (!child) return nullptr;
    return share<ViaChild>(std::move(child), via_);
  }

 private:
  Shared<const ChildStart> child_;
  Via via_;
};

}  // namespace

Async<StartOutcome> refused_start(const char* what, const char* why) {
  StartOutcome outcome;
  outcome.error.reason = refusal(what, why);
  co_return outcome;
}

Async<StartOutcome> named_child(Process& supervisor, StartOutcome started, Atom name) {
  const Pid pid = started.pid;
  if (!pid || name == atoms::undefined || takes_name(pid, name)) co_return started;
  const Pid holder = whereis(name);
  // It has ended: the supervisor gets its EXIT, which says of what.
  if (!holder && !co_await is_alive(supervisor, pid)) co_return started;
  exit(pid, ExitReason{atoms::kill});
  StartOutcome outcome;
  if (holder) {
    outcome.error.code = StartError::Code::already_started;
    outcome.error.holder = holder;
  } else {
    outcome.error.reason = refusal("bad_name",
                                   "the process that was started has another name, or this one is "
                                   "reserved: leave out named(), or let the start function use it");
  }
  co_return outcome;
}

Children children_of(std::initializer_list<ChildSpec> specs) { return specs; }

}  // namespace detail

ChildSpec& ChildSpec::via(Via via) {
  start_ = detail::share<detail::ViaChild>(std::move(start_), std::move(via));
  return *this;
}

const detail::RestartPolicy* ChildSpec::policy() const noexcept {
  return policy_ ? &policy_->value : nullptr;
}

detail::RestartPolicy& ChildSpec::change_policy() {
  using Kept = detail::CountedValue<detail::RestartPolicy>;
  policy_ = policy_ ? detail::share<Kept>(policy_->value) : detail::share<Kept>();
  return policy_->value;
}

ChildSpec& ChildSpec::backoff(Backoff backoff) {
  change_policy().backoff = backoff;
  return *this;
}

ChildSpec& ChildSpec::budget(RestartBudget budget) {
  change_policy().budget = budget;
  return *this;
}

ChildSpec& ChildSpec::keep_mailbox(bool keep) {
  change_policy().keeps_mailbox = keep;
  return *this;
}

}  // namespace troupe
