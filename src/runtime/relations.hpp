// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <troupe/detail/end_duty.hpp>
#include <troupe/process.hpp>

#include "base/flat_map.hpp"
#include "runtime/ref_map.hpp"

namespace troupe::detail {

struct MailboxLimit;

// One end of a link. Inactive while an unlink waits for its acknowledgement: exits of the old link
// are ignored until it comes (OTP's unlink protocol, since 23).
struct LinkEnd {
  bool active = true;
  std::uint64_t unlinking = 0;  // the id of the unlink under way; 0: none
};

// What the watcher remembers of a monitor.
struct WatchedEnd {
  Pid target;  // null: nobody had the name
  Atom name = atoms::undefined;
  Term tag = atoms::DOWN;
  AliasMode alias = AliasMode::none;
};

// Whether the alias of a monitor goes on when the monitor ends.
inline bool outlives_monitor(AliasMode mode) noexcept {
  return mode == AliasMode::explicit_unalias || mode == AliasMode::reply;
}

// What the target remembers: who wants to know, and how to tell.
struct WatcherEnd {
  Pid watcher;
  bool is_call = false;  // a pending call: answered with PeerDown instead of a DOWN
};

// What most processes never have, allocated when the first of it comes: links, monitors, a
// dictionary, a mailbox limit. The owner alone touches it.
struct Relations {
  FlatMap<Pid, LinkEnd> links;
  RefMap<WatchedEnd> monitors;
  RefMap<WatcherEnd> monitored_by;
  RefMap<AliasMode> aliases;       // those that are not, or no more, monitors of others
  RefMap<ReplyWait*> outstanding;  // replies that nobody awaits yet
  std::vector<std::pair<Term, Term>> dictionary;
  std::string label;
  std::string_view body_name;              // what the crash report calls its behaviour
  ExitReason fate;                         // of a doomed process
  Envelope* untaken = nullptr;             // came after the fatal signal, oldest first
  Pid heir;                                // gets the messages it leaves unread; null: nobody
  FlatMap<Pid, std::uint32_t> suspenders;  // who holds it still, and how many times
  FlatMap<Pid, std::uint32_t> suspending;  // whom it holds still
  std::vector<Envelope*> locals;           // its typed values, in order of creation
  std::vector<std::shared_ptr<EndDuty>> end_duties;
  // Of a process that hibernates: takes the place of its body once it has let go of its stack.
  std::coroutine_handle<Promise<void>> next_body;
  MailboxLimit* limit = nullptr;  // null: it never set one
};

}  // namespace troupe::detail
