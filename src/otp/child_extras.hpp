// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <troupe/child_spec.hpp>
#include <troupe/detail/bequest.hpp>
#include <troupe/retry.hpp>

#include "otp/restart_intensity.hpp"
#include "otp/restart_policy.hpp"

namespace troupe::detail {

// What a child's specification asks for beyond OTP, and what a supervisor has to remember for it.
// Most children have none of it.
class ChildExtras {
 public:
  // Null: plain OTP.
  static std::unique_ptr<ChildExtras> of(const ChildSpec& spec);

  explicit ChildExtras(const RestartPolicy& policy);

  const RestartPolicy& policy() const noexcept { return policy_; }
  // What waits for the next start of a child that keeps its mailbox; null for others.
  const Shared<CountedValue<WaitingMail>>& mail() const noexcept { return mail_; }
  // What the child has left unread; dropped if its mailbox is not kept.
  void keep(Bequest bequest) noexcept {
    if (mail_) mail_->value.append(std::move(bequest.mail));
  }
  void drop_mail() noexcept {
    if (mail_) mail_->value = {};
  }
  // The child's own count of restarts; null: its supervisor counts them.
  RestartIntensity* budget() noexcept { return budget_ ? &*budget_ : nullptr; }

  void note_start(std::int64_t now_ns) noexcept { started_ns_ = now_ns; }
  // How long the supervisor is to wait before the restart that it decided on now; nullopt: not at
  // all.
  std::optional<Duration> next_pause(const Process& supervisor, std::int64_t now_ns) noexcept;

  // Which pause it waits for; 0: none. An older one that ends means nothing.
  std::uint64_t pause = 0;

 private:
  RestartPolicy policy_;
  std::optional<RestartIntensity> budget_;
  Shared<CountedValue<WaitingMail>> mail_;
  std::optional<RetryDelays> pauses_;
  std::int64_t started_ns_ = 0;
};

enum class RestartVerdict : std::uint8_t {
  restart,
  give_up_child,   // it stays stopped, and the supervisor goes on
  end_supervisor,  // with `shutdown`
};

// Counts one more restart, against the child's own budget or else its supervisor's, and says in the
// log who gives up if it is one too many. `id`: the pid where the child has no other.
RestartVerdict count_restart(const Term& id, ChildExtras* extras, RestartIntensity& all,
                             std::int64_t now_ns);

}  // namespace troupe::detail
