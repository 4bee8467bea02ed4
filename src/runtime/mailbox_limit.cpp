// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/mailbox_limit.hpp"

#include <new>

#include <troupe/detail/call.hpp>

#include "base/assert.hpp"
#include "host/memory.hpp"
#include "runtime/activation.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

namespace {

// What counts: that which stands in the user's queue, or will unless its alias is gone by then.
bool is_countable(const Envelope* envelope) noexcept {
  const EnvelopeKind kind = envelope->type->kind;
  return kind == EnvelopeKind::message || kind == EnvelopeKind::call ||
         kind == EnvelopeKind::alias_message;
}

bool may_be_thrown_away(const Envelope* envelope) noexcept {
  return is_countable(envelope) && !holds<Exit>(envelope) && !holds<Down>(envelope);
}

MailboxLimit* limit_of(Pid to) noexcept {
  // Acquire: pairs with limits_of_node's publication.
  const MailboxLimits* limits = nodes[to.node()].limits.load(std::memory_order_acquire);
  return limits ? limits->find(to.index()) : nullptr;
}

MailboxLimit& own_limit(Block& block) noexcept { return *block.relations->limit; }

// A call that is thrown away tells its caller so; nothing else does.
void throw_away(Envelope* envelope) noexcept {
  if (envelope->type->kind == EnvelopeKind::call) {
    const CallHead head = call_head(envelope);
    deliver_reply(head.caller, make_reply(head.id, PeerDown{ExitReason{atoms::system_limit}}));
  }
  free_envelope(envelope);
}

void throw_all_away(Envelope* list) noexcept {
  while (list) {
    Envelope* next = list->next;
    throw_away(list);
    list = next;
  }
}

// Under the lock: leaves the newest `limit` messages in the inbox and gives the older ones. Signals
// stay. The newest envelope of all is never taken out, because senders may be about to link to it.
Envelope* cut_oldest(MailboxLimit& limit, Block& block) noexcept {
  Envelope* cut = nullptr;
  std::size_t kept = 0;
  std::size_t thrown = 0;
  const std::size_t most = limit.limit.load(std::memory_order_relaxed);
  Envelope* before = nullptr;
  for (Envelope* envelope = block.inbox.newest(); envelope;) {
    Envelope* next = envelope->next;
    if (before && kept == most && may_be_thrown_away(envelope)) {
      before->next = next;
      envelope->next = cut;
      cut = envelope;
      ++thrown;
    } else {
      kept += is_countable(envelope) ? 1 : 0;
      before = envelope;
    }
    envelope = next;
  }
  limit.unseen.store(kept, std::memory_order_relaxed);
  limit.dropped.fetch_add(thrown, std::memory_order_relaxed);
  return cut;
}

std::size_t waiting_messages(const MailboxLimit& limit) noexcept {
  return limit.queued.load(std::memory_order_seq_cst) +
         limit.unseen.load(std::memory_order_relaxed);
}

bool has_room(const MailboxLimit& limit) noexcept {
  const std::size_t most = limit.limit.load(std::memory_order_relaxed);
  return most == 0 || waiting_messages(limit) < most;
}

Inbox::Push push_counted(MailboxLimit& limit, Pid to, Block& block, Envelope* message) noexcept {
  const Inbox::Push result = block.inbox.push(block.generation, to.generation(), message);
  if (result != Inbox::Push::nobody && limit.limit.load(std::memory_order_relaxed) != 0) {
    limit.unseen.store(limit.unseen.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  return result;
}

Delivery finish(Inbox::Push result, Pid to, Block& block) noexcept {
  if (result == Inbox::Push::nobody) return Delivery::nobody;
  if (result == Inbox::Push::wakes) runtime_of(to.node())->executor->enqueue(block);
  return Delivery::done;
}

Delivery push_uncounted(Pid to, Block& block, Envelope* message) noexcept {
  return finish(block.inbox.push(block.generation, to.generation(), message), to, block);
}

// The mailbox is full, and it does not throw away the oldest.
Delivery refuse_newest(MailboxLimit& limit, Overflow policy) noexcept {
  if (policy == Overflow::reject_sender) {
    limit.rejected.fetch_add(1, std::memory_order_relaxed);
    return Delivery::rejected;
  }
  limit.dropped.fetch_add(1, std::memory_order_relaxed);
  return Delivery::dropped;
}

void unpark(MailboxLimit& limit, ParkedSend& parked) noexcept {
  (parked.previous ? parked.previous->next : limit.first) = parked.next;
  (parked.next ? parked.next->previous : limit.last) = parked.previous;
  limit.waiting.store(limit.waiting.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void park(MailboxLimit& limit, ParkedSend& parked) noexcept {
  parked.previous = limit.last;
  parked.next = nullptr;
  (limit.last ? limit.last->next : limit.first) = &parked;
  limit.last = &parked;
  limit.waiting.store(limit.waiting.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
}

// What was announced in `queued` and is not in the queue in the end: its alias was gone.
void retract_missing(MailboxLimit& limit) noexcept {
  if (const std::size_t missing = std::exchange(limit.arriving, 0)) {
    limit.queued.store(limit.queued.load(std::memory_order_relaxed) - missing,
                       std::memory_order_seq_cst);
  }
}

void announce(MailboxLimit& limit, std::size_t count) noexcept {
  limit.arriving = count;
  limit.queued.store(limit.queued.load(std::memory_order_relaxed) + count,
                     std::memory_order_seq_cst);
}

// Takes over the messages of senders that wait, as many as there is room for, and tells them. Not
// past what is still in the inbox: the sender may have sent it before it had to wait. The owner
// takes that before it sleeps, and comes back here. (What a sender pushed before it parked is seen
// under the lock.)
void let_in(RuntimeState& runtime, Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  while (limit.waiting.load(std::memory_order_seq_cst) != 0 && !block.doomed) {
    Envelope* message;
    Pid sender;
    std::uint64_t id;
    {
      const std::lock_guard guard{limit.lock};
      if (!limit.first || block.inbox.has_mail() || !has_room(limit)) return;
      ParkedSend& parked = *limit.first;
      unpark(limit, parked);
      message = std::exchange(parked.envelope, nullptr);
      sender = parked.sender;
      id = parked.id;
      announce(limit, 1);
    }
    handle_signal(runtime, block, message);
    retract_missing(limit);
    deliver_reply(sender, make_reply(id, true));
  }
}

}  // namespace

void shorten_queue(Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  std::size_t length = limit.queued.load(std::memory_order_relaxed) - limit.arriving;
  const std::size_t most = limit.limit.load(std::memory_order_relaxed);
  if (limit.policy != Overflow::drop_oldest || most == 0 || length <= most) return;
  Envelope* before = nullptr;
  Envelope* thrown = nullptr;
  for (Envelope* message = block.queue.head; message && length > most;) {
    Envelope* next = message->next;
    if (may_be_thrown_away(message)) {
      if (block.scanned == message) block.scanned = before;
      block.queue.unlink(before, message);
      if (message->type->kind == EnvelopeKind::call) {
        block.relations->monitored_by.erase(call_head(message).id);
      }
      message->next = thrown;
      thrown = message;
      --length;
      limit.dropped.fetch_add(1, std::memory_order_relaxed);
    } else {
      before = message;
    }
    message = next;
  }
  limit.queued.store(length + limit.arriving, std::memory_order_seq_cst);
  throw_all_away(thrown);
}

// --- The records.

MailboxLimits::MailboxLimits(std::uint32_t capacity, const MailboxLimits* smaller)
    : capacity_{capacity}, smaller_{smaller} {
  void* range = reserve_memory(std::size_t{capacity} * sizeof(std::atomic<MailboxLimit*>));
  if (!range) throw std::bad_alloc{};
  // Zero pages read as null.
  slots_ = static_cast<std::atomic<MailboxLimit*>*>(range);
}

MailboxLimit& MailboxLimits::attach(Pid owner) {
  const std::lock_guard guard{lock_};
  if (free_.empty()) {
    all_.push_back(std::make_unique<MailboxLimit>());
    free_.reserve(all_.size());  // so that detach allocates nothing
    free_.push_back(all_.back().get());
  }
  MailboxLimit& limit = *free_.back();
  free_.pop_back();
  {
    const std::lock_guard limit_guard{limit.lock};
    limit.owner = owner;
    limit.slot = owner.index();
    limit.overflowed = false;
    limit.arriving = 0;
    limit.unseen.store(0, std::memory_order_relaxed);
    limit.queued.store(0, std::memory_order_relaxed);
    limit.rejected.store(0, std::memory_order_relaxed);
    limit.dropped.store(0, std::memory_order_relaxed);
  }
  slots_[owner.index()].store(&limit, std::memory_order_release);
  return limit;
}

void MailboxLimits::detach(MailboxLimit& limit) noexcept {
  const std::lock_guard guard{lock_};
  slots_[limit.slot].store(nullptr, std::memory_order_release);
  free_.push_back(&limit);
}

namespace {

MailboxLimits& limits_of_node(std::uint32_t node, std::uint32_t capacity) {
  NodeEntry& entry = nodes[node];
  MailboxLimits* limits = entry.limits.load(std::memory_order_acquire);
  if (limits && limits->capacity() >= capacity) return *limits;
  // A smaller one, of an earlier runtime with this number, stays: late senders may look at it.
  auto fresh = std::make_unique<MailboxLimits>(capacity, limits);
  if (entry.limits.compare_exchange_strong(limits, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *limits;
}

}  // namespace

// --- Senders.

Delivery deliver_within_limit(Pid to, Block& block, Envelope* message) noexcept {
  MailboxLimit* found = limit_of(to);
  if (!found) return push_uncounted(to, block, message);
  MailboxLimit& limit = *found;
  Inbox::Push result;
  Envelope* cut = nullptr;
  {
    const std::lock_guard guard{limit.lock};
    // Another process has the record: then nobody has this address any more, and the push says so.
    const bool is_limited = limit.owner == to && limit.limit.load(std::memory_order_relaxed) != 0;
    if (is_limited && !has_room(limit)) {
      if (limit.policy == Overflow::drop_oldest) {
        const std::size_t most = limit.limit.load(std::memory_order_relaxed);
        if (limit.unseen.load(std::memory_order_relaxed) >= 2 * most) {
          cut = cut_oldest(limit, block);
        }
      } else if (limit.policy == Overflow::exit_receiver && !limit.overflowed) {
        limit.overflowed = true;
        post(to, make_signal<OverflowSignal>(limit.limit.load(std::memory_order_relaxed)));
        return refuse_newest(limit, limit.policy);
      } else {
        return refuse_newest(limit, limit.policy);
      }
    }
    result = is_limited ? push_counted(limit, to, block, message)
                        : block.inbox.push(block.generation, to.generation(), message);
  }
  throw_all_away(cut);
  return finish(result, to, block);
}

bool deliver_or_park(Process& self, Pid to, ParkedSend& parked) {
  Block* block = slot_of(to);
  MailboxLimit* found =
      block && block->limited.load(std::memory_order_relaxed) != 0 ? limit_of(to) : nullptr;
  if (found) {
    MailboxLimit& limit = *found;
    std::unique_lock guard{limit.lock};
    if (limit.owner == to && !(has_room(limit) && !limit.first)) {
      if (to == self.pid()) throw ErrorException{atoms::system_limit};
      parked.limit = &limit;
      parked.sender = self.pid();
      park(limit, parked);
      // Once more: the owner may have made room without seeing us wait.
      if (!(has_room(limit) && limit.first == &parked)) return false;
      unpark(limit, parked);
      parked.limit = nullptr;
    }
    const bool is_limited = limit.owner == to;
    Envelope* message = std::exchange(parked.envelope, nullptr);
    const Inbox::Push result = is_limited
                                   ? push_counted(limit, to, *block, message)
                                   : block->inbox.push(block->generation, to.generation(), message);
    guard.unlock();
    if (finish(result, to, *block) == Delivery::nobody) free_envelope(message);
    return true;
  }
  post(to, std::exchange(parked.envelope, nullptr));
  return true;
}

bool withdraw(ParkedSend& parked) noexcept {
  Envelope* message;
  if (MailboxLimit* limit = std::exchange(parked.limit, nullptr)) {
    const std::lock_guard guard{limit->lock};
    message = std::exchange(parked.envelope, nullptr);
    if (message) unpark(*limit, parked);
  } else {
    message = std::exchange(parked.envelope, nullptr);
  }
  if (!message) return false;
  free_envelope(message);
  return true;
}

// --- The owner.

Envelope* take_limited_mail(Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  if (!block.inbox.has_mail()) return nullptr;
  const std::lock_guard guard{limit.lock};
  announce(limit, limit.unseen.exchange(0, std::memory_order_relaxed));
  return block.inbox.take_all();
}

void settle_limited_mail(RuntimeState& runtime, Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  retract_missing(limit);
  shorten_queue(block);
  let_in(runtime, block);
}

void count_appended(Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  if (limit.arriving > 0) {
    --limit.arriving;
  } else {
    limit.queued.store(limit.queued.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  }
}

void count_removed(RuntimeState& runtime, Block& block) noexcept {
  MailboxLimit& limit = own_limit(block);
  limit.queued.store(limit.queued.load(std::memory_order_relaxed) - 1, std::memory_order_seq_cst);
  let_in(runtime, block);
}

Envelope* close_limited_inbox(Block& block) noexcept {
  MailboxLimit& limit = *std::exchange(block.relations->limit, nullptr);
  block.limited.store(0, std::memory_order_relaxed);
  Envelope* unread;
  Envelope* parked_messages = nullptr;
  {
    const std::lock_guard guard{limit.lock};
    unread = block.inbox.close();
    limit.owner = Pid{};
    limit.limit.store(0, std::memory_order_relaxed);
    // Whoever waits is told that it is over; as with every send to a dead process, not how.
    while (ParkedSend* parked = limit.first) {
      unpark(limit, *parked);
      Envelope* message = std::exchange(parked->envelope, nullptr);
      message->next = parked_messages;
      parked_messages = message;
      deliver_reply(parked->sender, make_reply(parked->id, true));
    }
  }
  // Outside of the lock: a message's destructor may send.
  throw_all_away(parked_messages);
  nodes[block.node].limits.load(std::memory_order_acquire)->detach(limit);
  return unread;
}

}  // namespace troupe::detail

namespace troupe {

using namespace detail;

void Process::set_mailbox_limit(std::size_t most, Overflow policy) {
  Block& block = Block::of(*this);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  if (block.ending || (most == 0 && !(block.relations && block.relations->limit))) return;
  Relations& relations = relations_of(block);
  if (!relations.limit) {
    const ProcessTable& table = context.runtime->table;
    relations.limit = &limits_of_node(block.node, table.capacity()).attach(block.pid());
  }
  MailboxLimit& limit = *relations.limit;
  take_mail(*context.runtime, block);
  {
    const std::lock_guard guard{limit.lock};
    if (limit.limit.load(std::memory_order_relaxed) == 0) {
      // Nobody has counted so far. What comes from senders that know nothing of it yet joins the
      // count when it is taken.
      std::size_t length = 0;
      for (Envelope* message = block.queue.head; message; message = message->next) ++length;
      limit.queued.store(length, std::memory_order_seq_cst);
      limit.unseen.store(0, std::memory_order_relaxed);
    }
    limit.limit.store(most, std::memory_order_relaxed);
    limit.policy = policy;
    limit.overflowed = false;
  }
  block.limited.store(most != 0 ? 1 : 0, std::memory_order_relaxed);
  if (!block.doomed) settle_limited_mail(*context.runtime, block);
}

}  // namespace troupe
