// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/process_info.hpp"

#include <troupe/detail/call.hpp>
#include <troupe/detail/caller_place.hpp>

#include "runtime/activation.hpp"

namespace troupe {

using namespace detail;

namespace detail {

namespace {

std::string location_of(const Block& block) {
  const std::source_location& where = block.continuation().where;
  if (where.line() == 0) return {};
  return std::string{where.file_name()} + ":" + std::to_string(where.line());
}

ProcessInfo describe(Block& block) {
  ProcessInfo info;
  if (block.limited.load(std::memory_order_relaxed) != 0) shorten_queue(block);
  const bool is_suspended = block.relations && !block.relations->suspenders.empty();
  info.state = is_suspended                  ? ProcessInfo::State::suspended
               : is_running(block)           ? ProcessInfo::State::running
               : block.phase == Phase::ready ? ProcessInfo::State::runnable
                                             : ProcessInfo::State::waiting;
  for (Envelope* message = block.queue.head; message; message = message->next) {
    ++info.mailbox_length;
    // A call that waits is a monitor too.
    if (message->type->kind == EnvelopeKind::call) {
      info.monitored_by.push_back(call_head(message).caller);
    }
  }
  info.reductions = block.reductions;
  info.traps_exits = block.traps_exits;
  info.priority = block.priority;
  if (const std::uint32_t name = block.name.load()) info.name = Atom::from_index(name);
  info.waits_at = location_of(block);
  if (const Behaviour* behaviour = block.behaviour.load(std::memory_order_relaxed)) {
    info.behaviour = behaviour->kind;
    info.type = behaviour->type;
  }
  info.dictionary = Term::nil();
  if (const Relations* relations = block.relations) {
    for (const auto [partner, end] : relations->links) {
      if (end.active) info.links.push_back(partner);
    }
    for (const auto [id, watched] : relations->monitors) {
      if (watched.name != atoms::undefined) {
        info.monitored_names.push_back(watched.name);
      } else {
        info.monitors.push_back(watched.target);
      }
    }
    for (const auto [held, times] : relations->suspending) info.suspending.push_back(held);
    for (const auto [id, watcher] : relations->monitored_by) {
      info.monitored_by.push_back(watcher.watcher);
    }
    std::vector<Term> dictionary;
    for (const auto& [key, value] : relations->dictionary) {
      dictionary.push_back(tuple({key, value}));
    }
    info.dictionary = Term::list_with_tail(dictionary, Term::nil());
    info.label = relations->label;
    if (const MailboxLimit* limit = relations->limit) {
      info.mailbox_limit = limit->limit.load(std::memory_order_relaxed);
      info.messages_dropped = limit->dropped.load(std::memory_order_relaxed);
      info.messages_rejected = limit->rejected.load(std::memory_order_relaxed);
    }
  }
  return info;
}

}  // namespace

void answer_question(RuntimeState&, Block& block, const Question& question) {
  switch (question.kind) {
    case QuestionKind::alive:
      deliver_reply(question.asker, make_reply(question.id, true));
      break;
    case QuestionKind::suspend:
      if (std::uint32_t* times = relations_of(block).suspenders.find(question.asker)) {
        ++*times;
      } else {
        block.relations->suspenders.insert(question.asker, 1U);
      }
      deliver_reply(question.asker, make_reply(question.id, true));
      break;
    case QuestionKind::info:
      deliver_reply(question.asker,
                    make_reply(question.id, std::optional<ProcessInfo>{describe(block)}));
      break;
  }
}

void refuse_question(const Question& question) noexcept {
  if (question.kind == QuestionKind::info) {
    deliver_reply(question.asker, make_reply(question.id, std::optional<ProcessInfo>{}));
  } else {
    deliver_reply(question.asker, make_reply(question.id, false));
  }
}

namespace {

// The answer of another process, or of this one about itself.
template <class T>
Async<T> ask(Process& self, Pid pid, QuestionKind kind) {
  const CallerPlace place{self};
  const Question question{self.pid(), next_reply_id(self), kind};
  if (!post(pid, make_signal<Question>(question))) refuse_question(question);
  Envelope* reply = co_await place(ReplyAwaiter{self, question.id, infinity});
  T answer = std::move(value_of<Reply<T>>(reply).value);
  free_envelope(reply);
  co_return answer;
}

}  // namespace
}  // namespace detail

Async<bool> is_alive(Process& self, Pid pid) { return ask<bool>(self, pid, QuestionKind::alive); }

Async<std::optional<ProcessInfo>> process_info(Process& self, Pid pid) {
  return ask<std::optional<ProcessInfo>>(self, pid, QuestionKind::info);
}

Async<bool> suspend(Process& self, Pid pid) {
  const CallerPlace place{self};
  if (pid == self.pid()) throw ErrorException{atoms::badarg};
  // Noted before it is asked for: whatever becomes of this process, the other one goes on.
  Relations& relations = relations_of(Block::of(self));
  if (std::uint32_t* times = relations.suspending.find(pid)) {
    ++*times;
  } else {
    relations.suspending.insert(pid, 1U);
  }
  const bool lives = co_await place(ask<bool>(self, pid, QuestionKind::suspend));
  if (!lives) relations.suspending.erase(pid);
  co_return lives;
}

void detail::set_behaviour(Process& self, const Behaviour* behaviour) noexcept {
  Block::of(self).behaviour.store(behaviour, std::memory_order_release);
}

const Behaviour* detail::behaviour_of(Pid pid) noexcept {
  Block* block = slot_of(pid);
  if (!block || block->generation.load(std::memory_order_acquire) != pid.generation()) {
    return nullptr;
  }
  const Behaviour* behaviour = block->behaviour.load(std::memory_order_acquire);
  // The slot may have changed hands between the two looks.
  return block->generation.load(std::memory_order_acquire) == pid.generation() ? behaviour
                                                                               : nullptr;
}

std::source_location& detail::noted_place(Process& self) noexcept {
  return Block::of(self).continuation().where;
}

std::int64_t detail::monotonic_ns(Process& self) noexcept {
  return self.runtime().state().executor->now_ns();
}

void resume(Pid pid) {
  Block* block = context.process;
  std::uint32_t* times =
      block && block->relations ? block->relations->suspending.find(pid) : nullptr;
  if (!times) throw ErrorException{atoms::badarg};
  if (--*times == 0) block->relations->suspending.erase(pid);
  post(pid, make_signal<ResumeSignal>(block->pid(), 1U));
}

}  // namespace troupe
