// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What signals do, at the moment their receiver takes them. The rules are OTP's: the table of exit
// signals (only `kill` sent with exit/2 cannot be trapped, and it arrives elsewhere as `killed`),
// unlink with its acknowledgement, monitors that fire once, aliases that are checked here and not
// when the message was sent.
#include <troupe/detail/call.hpp>

#include "base/assert.hpp"
#include "runtime/activation.hpp"
#include "runtime/process_info.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

namespace {

void doom(Block& block, ExitReason reason) {
  block.doomed = true;
  relations_of(block).fate = std::move(reason);
}

void take_exit(Block& block, ExitSignal& signal) {
  Relations* relations = block.relations;
  if (signal.by_link) {
    LinkEnd* end = relations ? relations->links.find(signal.from) : nullptr;
    if (!end || !end->active) return;  // unlinked in the meantime
    relations->links.erase(signal.from);
  } else if (signal.reason.is(atoms::kill)) {
    doom(block, ExitReason{atoms::killed});
    return;
  }
  if (block.traps_exits) {
    append_message(block, make_envelope<Exit>(signal.from, std::move(signal.reason)));
    return;
  }
  // `normal` ends a process only if it sent the signal to itself.
  if (signal.reason.is_normal() && (signal.by_link || signal.from != block.pid())) return;
  doom(block, std::move(signal.reason));
}

void take_unlink(Block& block, const UnlinkSignal& signal) {
  if (block.relations) {
    LinkEnd* end = block.relations->links.find(signal.from);
    if (end && end->active) block.relations->links.erase(signal.from);
  }
  post(signal.from, make_signal<UnlinkAck>(block.pid(), signal.id));
}

void take_unlink_ack(Block& block, const UnlinkAck& ack) {
  if (!block.relations) return;
  LinkEnd* end = block.relations->links.find(ack.from);
  if (!end || end->unlinking != ack.id) return;
  if (end->active) {
    end->unlinking = 0;
  } else {
    block.relations->links.erase(ack.from);
  }
}

void take_down(Block& block, DownSignal& signal) {
  Relations* relations = block.relations;
  WatchedEnd* end = relations ? relations->monitors.find(signal.id) : nullptr;
  if (!end) return;  // demonitored in the meantime
  WatchedEnd watched = std::move(*end);
  relations->monitors.erase(signal.id);
  if (outlives_monitor(watched.alias)) relations->aliases.insert(signal.id, watched.alias);
  append_message(
      block, make_envelope<Down>(Ref{block.node, signal.id}, watched.target,
                                 std::move(signal.reason), watched.name, std::move(watched.tag)));
}

void take_resume(Block& block, const ResumeSignal& signal) {
  std::uint32_t* times = block.relations ? block.relations->suspenders.find(signal.from) : nullptr;
  if (!times) return;
  if (*times > signal.times) {
    *times -= signal.times;
  } else {
    block.relations->suspenders.erase(signal.from);
  }
}

// True if the alias is active; ends it if the mode says so.
bool use_alias(Block& block, std::uint64_t id) {
  Relations* relations = block.relations;
  if (!relations) return false;
  if (AliasMode* mode = relations->aliases.find(id)) {
    if (*mode == AliasMode::reply || *mode == AliasMode::reply_demonitor) {
      relations->aliases.erase(id);
    }
    return true;
  }
  WatchedEnd* watched = relations->monitors.find(id);
  if (!watched || watched->alias == AliasMode::none) return false;
  if (watched->alias == AliasMode::reply_demonitor) {
    const Pid target = watched->target;
    relations->monitors.erase(id);
    if (target) post(target, make_signal<DemonitorSignal>(id));
  } else if (watched->alias == AliasMode::reply) {
    watched->alias = AliasMode::none;
  }
  return true;
}

// True: the envelope was handed over and must not be freed.
bool take_reply(Block& block, Envelope* envelope) {
  const std::uint64_t id = reply_id(envelope);
  if (block.phase == Phase::replying && block.wait->id == id && !block.wait->done) {
    block.wait->reply = envelope;
    block.wait->done = true;
    return true;
  }
  if (block.relations) {
    if (ReplyWait** found = block.relations->outstanding.find(id)) {
      (*found)->reply = envelope;
      (*found)->done = true;
      block.relations->outstanding.erase(id);
      return true;
    }
  }
  return false;
}

}  // namespace

Relations& relations_of(Block& block) {
  if (!block.relations) block.relations = new Relations;
  return *block.relations;
}

void handle_signal(RuntimeState& runtime, Block& block, Envelope* envelope) noexcept {
  switch (envelope->type->kind) {
    case EnvelopeKind::message:
      append_message(block, envelope);
      return;
    case EnvelopeKind::call:
      // Request and monitor in one; see detail/call.hpp.
      append_message(block, envelope);
      return;
    case EnvelopeKind::reply:
      if (take_reply(block, envelope)) return;
      break;
    case EnvelopeKind::exit:
      take_exit(block, value_of<ExitSignal>(envelope));
      break;
    case EnvelopeKind::link: {
      const Pid from = value_of<LinkSignal>(envelope).from;
      Relations& relations = relations_of(block);
      if (LinkEnd* end = relations.links.find(from)) {
        end->active = true;
      } else {
        relations.links.insert(from, LinkEnd{});
      }
      break;
    }
    case EnvelopeKind::unlink:
      take_unlink(block, value_of<UnlinkSignal>(envelope));
      break;
    case EnvelopeKind::unlink_ack:
      take_unlink_ack(block, value_of<UnlinkAck>(envelope));
      break;
    case EnvelopeKind::monitor: {
      const auto& signal = value_of<MonitorSignal>(envelope);
      relations_of(block).monitored_by.insert(signal.id, WatcherEnd{signal.watcher, false});
      break;
    }
    case EnvelopeKind::demonitor:
      if (block.relations) {
        block.relations->monitored_by.erase(value_of<DemonitorSignal>(envelope).id);
      }
      break;
    case EnvelopeKind::down:
      take_down(block, value_of<DownSignal>(envelope));
      break;
    case EnvelopeKind::timeout:
      take_timeout(runtime, block, value_of<TimeoutSignal>(envelope).wait_id);
      break;
    case EnvelopeKind::alias_message: {
      auto& message = value_of<AliasMessage>(envelope);
      if (use_alias(block, message.id)) {
        Envelope* inner = std::exchange(message.inner, nullptr);
        free_envelope(envelope);
        handle_signal(runtime, block, inner);
        return;
      }
      break;
    }
    case EnvelopeKind::question:
      answer_question(runtime, block, value_of<Question>(envelope));
      break;
    case EnvelopeKind::overflow: {
      const auto limit = static_cast<std::int64_t>(value_of<OverflowSignal>(envelope).limit);
      ExitReason reason{tuple({Atom{"mailbox_overflow"}, Term{limit}})};
      report_crash(block, reason, CrashContext{block.behaviour.load(), {}});
      doom(block, std::move(reason));
      break;
    }
    case EnvelopeKind::suspend:
      break;
    case EnvelopeKind::resume:
      take_resume(block, value_of<ResumeSignal>(envelope));
      break;
  }
  free_envelope(envelope);
}

void refuse(Pid gone, Envelope* envelope) noexcept {
  switch (envelope->type->kind) {
    case EnvelopeKind::link: {
      const Pid from = value_of<LinkSignal>(envelope).from;
      post(from, make_signal<ExitSignal>(gone, ExitReason{atoms::noproc}, true));
      break;
    }
    case EnvelopeKind::unlink: {
      const auto& signal = value_of<UnlinkSignal>(envelope);
      post(signal.from, make_signal<UnlinkAck>(gone, signal.id));
      break;
    }
    case EnvelopeKind::monitor: {
      const auto& signal = value_of<MonitorSignal>(envelope);
      post(signal.watcher, make_signal<DownSignal>(signal.id, gone, ExitReason{atoms::noproc}));
      break;
    }
    case EnvelopeKind::call: {
      const CallHead head = call_head(envelope);
      deliver_reply(head.caller, make_reply(head.id, PeerDown{ExitReason{atoms::noproc}}));
      break;
    }
    case EnvelopeKind::question: {
      const auto& question = value_of<Question>(envelope);
      refuse_question(question);
      break;
    }
    default:
      break;
  }
  free_envelope(envelope);
}

}  // namespace troupe::detail
