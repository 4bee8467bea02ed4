// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/child_refusal.hpp"

#include "otp/restart_policy.hpp"

namespace troupe::detail {

namespace {

ExitReason bad(std::string_view what, std::string_view why) {
  return ExitReason{tuple({Term{Atom{what}}, Term::binary(why)})};
}

}  // namespace

std::optional<ExitReason> refusal_of(const ChildSpec& spec) {
  if (!spec.is_brutal() && spec.shutdown() < Duration::zero()) {
    return ExitReason{tuple(
        {Term{Atom{"invalid_shutdown"}}, Term{spec.shutdown() / std::chrono::milliseconds{1}}})};
  }
  const RestartPolicy* policy = spec.policy();
  if (!policy) return std::nullopt;
  if (policy->keeps_mailbox && !spec.start()->can_keep_mailbox()) {
    return bad("bad_keep_mailbox", "only a server can keep its mailbox");
  }
  if (const auto& b = policy->backoff;
      b && (b->first <= Duration::zero() || b->max < b->first || !(b->growth >= 1) ||
            !(b->jitter >= 0 && b->jitter <= 1))) {
    return bad("bad_backoff", "0 < first <= max, 1 <= growth, and 0 <= jitter <= 1");
  }
  return std::nullopt;
}

std::string advice_on(const Term& refusal) {
  if (!refusal.is_tuple(2)) return {};
  if (const auto text = refusal[1].as_binary()) return std::string{*text};
  const auto is = [&](std::string_view what) { return refusal[0].is_atom(Atom{what}); };
  if (is("start_spec")) return advice_on(refusal[1]);
  if (is("duplicate_child_name")) return "two children have this id: give one another with .id()";
  if (is("invalid_shutdown")) return "a shutdown time is not negative: brutal_kill kills at once";
  if (is("invalid_significant")) return "only a Supervisor can have significant children";
  if (!is("bad_combination")) return {};
  return refusal[1][0][0].is_atom(Atom{"restart"})
             ? "a significant child is transient or temporary: a permanent one never ends for good"
             : "significant children need a supervisor with an auto_shutdown that is not never";
}

}  // namespace troupe::detail
