// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The end of a process, in the order that observers may rely on:
//
//   1. its frames are destroyed, innermost first, and then its typed values; destructors may still
//      send, and what they send arrives before the EXIT and DOWN below. Spawn, link, register and
//      timers do nothing there;
//   2. its timeout is cancelled, its keys in registries go (EndDuty), its inbox is closed, its name
//      released: from here on is_alive is false and the name is free, for everybody;
//   3. what it has not received to its heir, if it has one; EXIT to its links, DOWN to its
//      monitors, PeerDown to its callers, a last resume to whom it had suspended; requests that
//      came too late answer themselves with noproc;
//   4. its unread messages are freed and its slot is given back.
//
// A destructor that lets an exception escape ends the node (std::terminate, with a report): nothing
// can be said of the state it leaves.
#include <algorithm>
#include <exception>

#include <troupe/detail/bequest.hpp>
#include <troupe/detail/call.hpp>
#include <troupe/dormant.hpp>
#include <troupe/log.hpp>

#include "runtime/activation.hpp"
#include "runtime/crash_report.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

void add_end_duty(Process& self, std::shared_ptr<EndDuty> duty) {
  auto& duties = relations_of(Block::of(self)).end_duties;
  if (std::ranges::find(duties, duty) == duties.end()) duties.push_back(std::move(duty));
}

void remove_end_duty(Process& self, const EndDuty& duty) noexcept {
  Relations* relations = Block::of(self).relations;
  if (!relations) return;
  std::erase_if(relations->end_duties, [&](const auto& held) { return held.get() == &duty; });
}

namespace {

void free_all(Envelope* list) noexcept {
  while (list) {
    Envelope* next = list->next;
    free_envelope(list);
    list = next;
  }
}

void refuse_all(Pid gone, Envelope* list) noexcept {
  while (list) {
    Envelope* next = list->next;
    refuse(gone, list);
    list = next;
  }
}

// Its typed values, the last made first, as local variables.
void destroy_locals(Relations& relations) noexcept {
  while (!relations.locals.empty()) {
    Envelope* last = relations.locals.back();
    relations.locals.pop_back();
    free_envelope(last);
  }
}

// Takes the messages out of a list, in order, and leaves the rest.
void take_messages(Envelope*& list, MessageQueue& messages) noexcept {
  for (Envelope** place = &list; *place;) {
    Envelope* envelope = *place;
    if (envelope->type->kind == EnvelopeKind::message) {
      *place = envelope->next;
      messages.append(envelope);
    } else {
      place = &envelope->next;
    }
  }
}

void bequeath(Block& block, Relations& relations, Envelope*& late) noexcept {
  take_messages(relations.untaken, block.queue);
  take_messages(late, block.queue);
  if (!block.queue.head) return;
  WaitingMail mail{std::exchange(block.queue, {}).head};
  deliver(relations.heir, make_envelope<Bequest>(block.pid(), std::move(mail)));
}

// Calls that nobody has taken out of the queue.
void tell_callers(const MessageQueue& queue, const ExitReason& reason) noexcept {
  for (Envelope* message = queue.head; message; message = message->next) {
    if (message->type->kind != EnvelopeKind::call) continue;
    const CallHead& head = call_head(message);
    deliver_reply(head.caller, make_reply(head.id, PeerDown{reason}));
  }
}

void tell_observers(Pid gone, Relations& relations, const ExitReason& reason) noexcept {
  for (auto [partner, end] : relations.links) {
    if (end.active) post(partner, make_signal<ExitSignal>(gone, reason, true));
  }
  for (auto [id, watched] : relations.monitors) {
    if (watched.target) post(watched.target, make_signal<DemonitorSignal>(id));
  }
  for (auto [held, times] : relations.suspending) {
    post(held, make_signal<ResumeSignal>(gone, times));
  }
  for (auto [id, watcher] : relations.monitored_by) {
    if (watcher.is_call) {
      deliver_reply(watcher.watcher, make_reply(id, PeerDown{reason}));
    } else {
      post(watcher.watcher, make_signal<DownSignal>(id, gone, reason));
    }
  }
}

}  // namespace

void destroy_frames(Block& block) noexcept {
  if (!block.body) return;
  block.letting_go = true;
  std::coroutine_handle<> frame = block.continuation().next;
  while (frame && frame != block.body) {
    const PromiseBase& promise = promise_of(frame);
    const std::coroutine_handle<> caller = promise.caller;
    *promise.owner = {};  // in the caller's frame, which is still there
    frame.destroy();
    frame = caller;
  }
  block.body.destroy();
  block.body = {};
  block.letting_go = false;
}

bool frames_are_going() noexcept { return context.process && context.process->letting_go; }

void destructor_has_thrown() noexcept {
  log::error("a destructor in process {} has thrown {}: the program ends", context.process->pid(),
             ExitReason::from_exception(std::current_exception()));
  std::terminate();
}

void end_with(Process& self, ExitReason reason) {
  Block& block = Block::of(self);
  if (block.doomed) return;  // by a fatal signal, whose reason counts
  relations_of(block).fate = std::move(reason);
  block.doomed = true;
}

void end_process(RuntimeState& runtime, Block& block, ExitReason reason) noexcept {
  const Pid pid = block.pid();
  report_crash(block, reason);
  if (block.clock) {
    stop_clock(runtime, block);
    delete std::exchange(block.clock, nullptr);
  }
  const bool was_ended = block.doomed;
  block.ending = true;
  block.doomed = true;
  const bool sleeps = block.phase == Phase::retiring || block.phase == Phase::hibernating;
  Dormant* sleeper = sleeps ? std::exchange(block.sleeper, nullptr) : nullptr;
  destroy_frames(block);
  if (sleeper) sleeper->kind->drop(sleeper);
  if (block.relations) destroy_locals(*block.relations);
  if (block.relations && block.relations->next_body) block.relations->next_body.destroy();
  Relations* relations = block.relations;
  if (relations) {
    // Before the inbox closes: who finds that nobody is there finds no entry of it either.
    for (const auto& duty : relations->end_duties) duty->ended(pid);
  }
  const bool had_limit = relations && relations->limit;
  Envelope* late = reversed(had_limit ? close_limited_inbox(block) : block.inbox.close());
  // Few have one, and a look costs less than an exchange.
  if (block.name.load() != 0) {
    if (const std::uint32_t name = block.name.exchange(0)) {
      runtime.names.erase(Atom::from_index(name), pid);
    }
  }
  tell_callers(block.queue, reason);
  if (relations) {
    if (relations->heir) bequeath(block, *relations, late);
    // What stood behind the fatal signal comes before what arrived since.
    refuse_all(pid, relations->untaken);
    tell_observers(pid, *relations, reason);
  }
  refuse_all(pid, late);
  free_all(block.queue.head);
  block.queue = {};
  // Last, because the destructor of a message may have asked for something that is noted there.
  delete std::exchange(block.relations, nullptr);
  Executor& executor = *runtime.executor;
  const bool is_main = block.is_main;
  if (is_main) {
    runtime.main_reason = std::move(reason);
    runtime.main_was_ended = was_ended && !runtime.stopping.load(std::memory_order_relaxed);
  }
  runtime.table.release(block, executor.lane());
  if (is_main) runtime.main_is_gone.store(true, std::memory_order_release);
  if (is_main || runtime.stopping.load(std::memory_order_relaxed)) executor.notify();
}

}  // namespace troupe::detail
