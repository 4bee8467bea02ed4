// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <utility>

#include <troupe/process.hpp>

namespace troupe::detail {

// Everything a process does to another besides sending it a message. Signals travel in the inbox
// like messages, so the order between two processes holds across both; they act when the receiver
// takes them (otp-semantics 1.2 and 1.4 in OTP's contract).

struct ExitSignal {
  Pid from;
  ExitReason reason;
  bool by_link;  // false: sent with exit(pid, reason)
};

struct LinkSignal {
  Pid from;
};

// Unlinking has an acknowledgement: the unlinker ignores exits of that link until it has come back.
struct UnlinkSignal {
  Pid from;
  std::uint64_t id;
};
struct UnlinkAck {
  Pid from;
  std::uint64_t id;
};

struct MonitorSignal {
  Pid watcher;
  std::uint64_t id;
};
struct DemonitorSignal {
  std::uint64_t id;
};
struct DownSignal {
  std::uint64_t id;
  Pid from;
  ExitReason reason;
};

// A receive or reply wait has lasted long enough.
struct TimeoutSignal {
  std::uint64_t wait_id;
};

// A message through an alias: whether the alias is active is decided when it is taken.
struct AliasMessage {
  explicit AliasMessage(std::uint64_t alias, Envelope* carried) : id{alias}, inner{carried} {}
  AliasMessage(AliasMessage&& other) noexcept
      : id{other.id}, inner{std::exchange(other.inner, nullptr)} {}
  ~AliasMessage() {
    if (inner) free_envelope(inner);
  }
  std::uint64_t id;
  Envelope* inner;
};

// A question that is answered by reply: is_alive, process_info, suspend.
enum class QuestionKind : std::uint8_t { alive, info, suspend };
struct Question {
  Pid asker;
  std::uint64_t id;
  QuestionKind kind;
};

// Takes back as many of the sender's suspensions.
struct ResumeSignal {
  Pid from;
  std::uint32_t times;
};

// A sender found the mailbox full, and the policy is to end the receiver.
struct OverflowSignal {
  std::size_t limit;
};

template <class S>
inline constexpr EnvelopeKind kind_of = EnvelopeKind::message;
template <>
inline constexpr EnvelopeKind kind_of<ExitSignal> = EnvelopeKind::exit;
template <>
inline constexpr EnvelopeKind kind_of<LinkSignal> = EnvelopeKind::link;
template <>
inline constexpr EnvelopeKind kind_of<UnlinkSignal> = EnvelopeKind::unlink;
template <>
inline constexpr EnvelopeKind kind_of<UnlinkAck> = EnvelopeKind::unlink_ack;
template <>
inline constexpr EnvelopeKind kind_of<MonitorSignal> = EnvelopeKind::monitor;
template <>
inline constexpr EnvelopeKind kind_of<DemonitorSignal> = EnvelopeKind::demonitor;
template <>
inline constexpr EnvelopeKind kind_of<DownSignal> = EnvelopeKind::down;
template <>
inline constexpr EnvelopeKind kind_of<TimeoutSignal> = EnvelopeKind::timeout;
template <>
inline constexpr EnvelopeKind kind_of<AliasMessage> = EnvelopeKind::alias_message;
template <>
inline constexpr EnvelopeKind kind_of<Question> = EnvelopeKind::question;
template <>
inline constexpr EnvelopeKind kind_of<ResumeSignal> = EnvelopeKind::resume;
template <>
inline constexpr EnvelopeKind kind_of<OverflowSignal> = EnvelopeKind::overflow;

template <class S, class... A>
Envelope* make_signal(A&&... arguments) {
  static_assert(kind_of<S> != EnvelopeKind::message);
  return make_envelope<S, kind_of<S>>(std::forward<A>(arguments)...);
}

// False: nobody has this address; the envelope has been freed.
bool post(Pid to, Envelope* envelope) noexcept;

}  // namespace troupe::detail
