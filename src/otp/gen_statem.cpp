// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// In which order a machine takes its events; OTP: gen_statem:loop_state_transition. After a
// transition come the events that it has inserted, then, if the state has changed, the postponed
// ones, then what was inserted before and is still waiting, then timeouts of zero, and then the
// mailbox.
#include <algorithm>

#include <troupe/gen_statem.hpp>

namespace troupe::detail {

EventList::~EventList() {
  while (Envelope* event = pop_front()) free_envelope(event);
}

void EventList::push_back(Envelope* event) noexcept {
  event->next = nullptr;
  (last_ ? last_->next : first_) = event;
  last_ = event;
}

void EventList::push_front(EventList& other) noexcept {
  if (!other.first_) return;
  other.last_->next = first_;
  if (!last_) last_ = other.last_;
  first_ = other.first_;
  other.first_ = other.last_ = nullptr;
}

Envelope* EventList::pop_front() noexcept {
  Envelope* event = first_;
  if (!event) return nullptr;
  first_ = event->next;
  if (!first_) last_ = nullptr;
  event->next = nullptr;
  return event;
}

void MachineCore::leave_state() {
  cancel(TimeoutKind::state, Term{});
  waiting_.push_front(postponed_);
}

void MachineCore::cancel(TimeoutKind kind, const Term& name) {
  if (timeouts_.empty()) return;
  const auto found = std::find_if(timeouts_.begin(), timeouts_.end(), [&](const Timeout& timeout) {
    return timeout.kind == kind && timeout.name == name;
  });
  if (found == timeouts_.end()) return;
  // Its tick may be in the mailbox already: take_timeout will not find its id any more.
  if (found->timer) cancel_timer(found->timer);
  timeouts_.erase(found);
}

void MachineCore::set(ServerCore& core, MachineAction& action, const RequestType& tick) {
  cancel(action.timeout, action.name);
  if (action.time == infinity) return;
  if (action.time < Duration::zero()) throw ErrorException{Atom{"timeout_value"}};
  Timeout timeout{action.timeout,
                  std::move(action.name),
                  next_reply_id(*core.self),
                  {},
                  std::move(action.envelope)};
  if (action.time > Duration::zero()) {
    timeout.timer =
        start_timer(core.self->pid(), action.time, make_request(tick, MachineTick{timeout.id}));
  }
  timeouts_.push_back(std::move(timeout));
}

Envelope* MachineCore::take_timeout(std::uint64_t id) {
  const auto found = std::find_if(timeouts_.begin(), timeouts_.end(),
                                  [id](const Timeout& timeout) { return timeout.id == id; });
  if (found == timeouts_.end()) return nullptr;
  Envelope* event = found->event.release();
  timeouts_.erase(found);
  return event;
}

Envelope* MachineCore::next_event() {
  if (Envelope* event = waiting_.pop_front()) return event;
  const auto due = std::find_if(timeouts_.begin(), timeouts_.end(),
                                [](const Timeout& timeout) { return !timeout.timer; });
  return due == timeouts_.end() ? nullptr : take_timeout(due->id);
}

void MachineCore::send_replies(MachineActions& actions) {
  for (MachineAction& action : actions) {
    if (action.kind == MachineAction::Kind::reply) {
      answer_call(action.head, action.envelope.release());
    }
  }
}

void MachineCore::settle(ServerCore& core, MachineActions& actions, const RequestType& tick) {
  EventList inserted;
  for (MachineAction& action : actions) {
    switch (action.kind) {
      case MachineAction::Kind::reply:
        break;
      case MachineAction::Kind::insert:
        inserted.push_back(action.envelope.release());
        break;
      case MachineAction::Kind::set_timeout:
        set(core, action, tick);
        break;
      case MachineAction::Kind::cancel_timeout:
        cancel(action.timeout, action.name);
        break;
    }
  }
  waiting_.push_front(inserted);
  core.continuation = next_event();
}

void refuse_event(std::string_view event, std::string_view state) {
  throw ErrorException{
      tuple({Term{Atom{"unhandled_event"}}, Term::binary(event), Term{Atom{state}}})};
}

void refuse_enter_result() {
  throw ErrorException{
      tuple({Term{Atom{"bad_state_enter_return"}},
             Term::binary("a state_enter stays in its state: it may stop the machine, answer "
                          "calls and set timeouts, and nothing else")})};
}

}  // namespace troupe::detail
