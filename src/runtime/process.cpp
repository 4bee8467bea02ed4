// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The verbs of a process on itself and on others. Each changes the process's own relations and
// sends a signal for the other side; nothing here touches another process's block.
#include <algorithm>

#include <troupe/detail/calling_process.hpp>
#include <troupe/process.hpp>

#include "base/assert.hpp"
#include "runtime/activation.hpp"
#include "runtime/signal.hpp"

namespace troupe {

using namespace detail;

Process& detail::calling_process() {
  if (Process* self = current_process()) return *self;
  throw ErrorException{tuple({atoms::badarg, Term{Atom{"not_inside_a_process"}}})};
}

std::uint32_t detail::calling_node() {
  const Block* block = context.process;
  return (block ? *block : Block::of(calling_process())).node;
}

namespace {

// What leaves a process that has sent itself a fatal exit signal. Not a std::exception, so that
// ordinary handlers let it pass; and one that catches everything only delays the end to its next
// await, because the process is doomed already.
struct Unwind {};

Block& running(Process& self) {
  Block& block = Block::of(self);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  return block;
}

Block& caller() { return Block::of(calling_process()); }

[[noreturn]] void fail(Atom error) { throw ErrorException{error}; }

bool is_reserved(Atom name) {
  return name == atoms::undefined || name == atoms::nil || name == atoms::true_ ||
         name == atoms::false_;
}

}  // namespace

Pid Process::pid() const noexcept { return Block::of(*this).pid(); }

Runtime& Process::runtime() const noexcept { return runtime_of(Block::of(*this).node)->runtime; }

void Process::link(Pid other) {
  Block& block = running(*this);
  if (block.ending || other == block.pid()) return;
  Relations& relations = relations_of(block);
  if (LinkEnd* end = relations.links.find(other)) {
    if (end->active) return;
    end->active = true;
    end->unlinking = 0;
  } else {
    relations.links.insert(other, LinkEnd{});
  }
  if (post(other, make_signal<LinkSignal>(block.pid()))) return;
  relations.links.erase(other);
  if (!block.traps_exits) fail(atoms::noproc);
  post(block.pid(), make_envelope<Exit>(other, ExitReason{atoms::noproc}));
}

void Process::unlink(Pid other) {
  Block& block = running(*this);
  LinkEnd* end = block.relations ? block.relations->links.find(other) : nullptr;
  if (!end || !end->active) return;
  end->active = false;
  end->unlinking = fresh_ref(*context.runtime);
  const std::uint64_t id = end->unlinking;
  if (!post(other, make_signal<UnlinkSignal>(block.pid(), id))) block.relations->links.erase(other);
}

Ref Process::monitor(Pid other, MonitorOptions options) {
  Block& block = running(*this);
  const Ref ref = make_ref();
  if (other == block.pid()) {
    // Listed nowhere and never fires; only its alias, if any, means something.
    if (options.alias != AliasMode::none) {
      relations_of(block).aliases.insert(ref.id(), options.alias);
    }
    return ref;
  }
  relations_of(block).monitors.insert(
      ref.id(), WatchedEnd{other, atoms::undefined, std::move(options.tag), options.alias});
  if (!post(other, make_signal<MonitorSignal>(block.pid(), ref.id()))) {
    post(block.pid(), make_signal<DownSignal>(ref.id(), other, ExitReason{atoms::noproc}));
  }
  return ref;
}

Ref Process::monitor(Name name, MonitorOptions options) {
  Block& block = running(*this);
  const Pid target = context.runtime->names.find(name.atom);
  if (target == block.pid()) return monitor(target, std::move(options));
  const Ref ref = make_ref();
  relations_of(block).monitors.insert(
      ref.id(), WatchedEnd{target, name.atom, std::move(options.tag), options.alias});
  if (!target || !post(target, make_signal<MonitorSignal>(block.pid(), ref.id()))) {
    post(block.pid(), make_signal<DownSignal>(ref.id(), target, ExitReason{atoms::noproc}));
  }
  return ref;
}

bool Process::demonitor(Ref monitor, Flush flush) {
  Block& block = running(*this);
  bool was_active = false;
  if (block.relations) {
    if (WatchedEnd* watched = block.relations->monitors.find(monitor.id())) {
      was_active = true;
      const Pid target = watched->target;
      const AliasMode alias = watched->alias;
      block.relations->monitors.erase(monitor.id());
      if (outlives_monitor(alias)) block.relations->aliases.insert(monitor.id(), alias);
      if (target) post(target, make_signal<DemonitorSignal>(monitor.id()));
    } else if (AliasMode* alias = block.relations->aliases.find(monitor.id());
               alias && !outlives_monitor(*alias)) {
      block.relations->aliases.erase(monitor.id());  // of a monitor of itself
    }
  }
  if (flush == Flush::yes && !was_active) {
    // A DOWN that was on its way when the monitor fired may still be in the inbox.
    if (block.inbox.has_mail()) take_mail(*context.runtime, block);
    Envelope* before = nullptr;
    for (Envelope* message = block.queue.head; message; before = message, message = message->next) {
      if (holds<Down>(message) && value_of<Down>(message).ref == monitor) {
        unlink_message(*context.runtime, block, before, message);
        free_envelope(message);
        break;
      }
    }
  }
  return was_active;
}

Alias Process::alias(AliasMode mode) {
  Block& block = running(*this);
  const Ref ref = make_ref();
  relations_of(block).aliases.insert(
      ref.id(), mode == AliasMode::reply ? AliasMode::reply : AliasMode::explicit_unalias);
  return Alias{block.pid(), ref};
}

bool Process::unalias(Alias alias) {
  Block& block = running(*this);
  if (alias.owner != block.pid() || !block.relations) return false;
  if (block.relations->aliases.erase(alias.ref.id())) return true;
  WatchedEnd* watched = block.relations->monitors.find(alias.ref.id());
  if (!watched || watched->alias == AliasMode::none) return false;
  watched->alias = AliasMode::none;
  return true;
}

void Process::exit(ExitReason reason) { throw ExitException{std::move(reason)}; }

bool Process::trap_exits(bool on) noexcept {
  Block& block = Block::of(*this);
  const bool before = block.traps_exits;
  block.traps_exits = on;
  return before;
}

bool Process::traps_exits() const noexcept { return Block::of(*this).traps_exits; }

void Process::register_name(Name name) { troupe::register_name(name, pid()); }

Term Process::put(Term key, Term value) {
  auto& dictionary = relations_of(running(*this)).dictionary;
  for (auto& [known, old] : dictionary) {
    if (known == key) return std::exchange(old, std::move(value));
  }
  dictionary.emplace_back(std::move(key), std::move(value));
  return atoms::undefined;
}

Term Process::get(const Term& key) const {
  const Block& block = Block::of(*this);
  if (block.relations) {
    for (const auto& [known, value] : block.relations->dictionary) {
      if (known == key) return value;
    }
  }
  return atoms::undefined;
}

Term Process::erase(const Term& key) {
  Block& block = running(*this);
  if (!block.relations) return atoms::undefined;
  auto& dictionary = block.relations->dictionary;
  for (auto entry = dictionary.begin(); entry != dictionary.end(); ++entry) {
    if (entry->first == key) {
      Term old = std::move(entry->second);
      dictionary.erase(entry);
      return old;
    }
  }
  return atoms::undefined;
}

Envelope* detail::find_local(Process& self, const MessageType* type) noexcept {
  const Block& block = Block::of(self);
  if (!block.relations) return nullptr;
  for (Envelope* local : block.relations->locals) {
    if (local->type == type) return local;
  }
  return nullptr;
}

void detail::keep_local(Process& self, Envelope* local) {
  try {
    relations_of(running(self)).locals.push_back(local);
  } catch (...) {
    free_envelope(local);
    throw;
  }
}

bool detail::drop_local(Process& self, const MessageType* type) noexcept {
  Envelope* local = find_local(self, type);
  if (!local) return false;
  std::erase(Block::of(self).relations->locals, local);
  free_envelope(local);
  return true;
}

Priority Process::set_priority(Priority priority) noexcept {
  return std::exchange(Block::of(*this).priority, priority);
}

void Process::set_label(std::string label) {
  relations_of(running(*this)).label = std::move(label);
}

Ref Process::make_ref() {
  Block& block = running(*this);
  return Ref{block.node, fresh_ref(*context.runtime)};
}

Duration Process::monotonic_time() const noexcept {
  return Duration{runtime().state().executor->now_ns()};
}

Duration Process::system_time() const noexcept {
  return Duration{runtime().state().executor->system_ns()};
}

std::uint64_t Process::random() const noexcept { return runtime().state().executor->random(); }

void exit(Pid to, ExitReason reason) {
  Block* self = context.process;
  const bool to_self = self && self->pid() == to;
  post(to, make_signal<ExitSignal>(self ? self->pid() : Pid{}, std::move(reason), false));
  if (!to_self || self->ending) return;
  take_mail(*context.runtime, *self);
  if (self->doomed) throw Unwind{};
}

Pid whereis(Name name) { return caller(), context.runtime->names.find(name.atom); }

void register_name(Name name, Pid pid) {
  Block& self = caller();
  if (self.ending) return;
  if (is_reserved(name.atom) || pid.node() != self.node ||
      !name_process(*context.runtime, name.atom, pid)) {
    fail(atoms::badarg);
  }
}

void unregister_name(Name name) {
  caller();
  if (!unname_process(*context.runtime, name.atom)) fail(atoms::badarg);
}

}  // namespace troupe
