// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <utility>

#include "base/assert.hpp"

namespace troupe {

TimerWheel::TimerWheel(std::uint64_t now) : now_{now} {
  for (Wheel*& wheel : path_) wheel = nullptr;
  for (Wheel*& wheel : path_) {
    wheel = acquire();
    if (!wheel) {
      for (Wheel* made : path_) delete made;
      throw std::bad_alloc{};
    }
  }
}

TimerWheel::~TimerWheel() {
  const auto destroy = [](auto& self, Wheel* wheel) -> void {
    for (std::uint64_t left = wheel->opened; left != 0; left &= left - 1) {
      self(self, wheel->slots[std::countr_zero(left)].child);
    }
    delete wheel;
  };
  for (Wheel* wheel : path_) destroy(destroy, wheel);
  while (spares_) delete std::exchange(spares_, spares_->parent);
}

unsigned TimerWheel::level_of(std::uint64_t difference) noexcept {
  return static_cast<unsigned>(std::bit_width(difference) - 1) / digit_bits;
}

unsigned TimerWheel::digit(std::uint64_t tick, unsigned level) noexcept {
  return static_cast<unsigned>(tick >> (level * digit_bits)) & 63;
}

void TimerWheel::append(TimerLink& head, TimerLink& link) noexcept {
  link.next = &head;
  link.prev = head.prev;
  head.prev->next = &link;
  head.prev = &link;
}

void TimerWheel::splice(Queue& to, TimerLink& from) noexcept {
  if (from.next == &from) return;
  from.next->prev = to.head.prev;
  from.prev->next = &to.head;
  to.head.prev->next = from.next;
  to.head.prev = from.prev;
  from.next = from.prev = &from;
}

void TimerWheel::put(Place place, TimerNode& node) noexcept {
  Slot& slot = place.wheel->slots[place.slot];
  const std::uint64_t bit = std::uint64_t{1} << place.slot;
  if ((place.wheel->occupied & bit) == 0) {
    place.wheel->occupied |= bit;
    std::construct_at(&slot.list, &slot.list, &slot.list);
  }
  append(slot.list, node);
}

// Where a timer with this deadline, after now_, stands or is to be put.
TimerWheel::Place TimerWheel::place_of(std::uint64_t deadline) const noexcept {
  unsigned level = level_of(deadline ^ now_);
  Wheel* wheel = path_[level];
  unsigned slot = digit(deadline, level);
  while ((wheel->opened >> slot & 1) != 0) {
    wheel = wheel->slots[slot].child;
    slot = digit(deadline, --level);
  }
  return Place{wheel, level, slot};
}

void TimerWheel::insert(TimerNode& node, std::uint64_t deadline) noexcept {
  TROUPE_ASSERT(!node.pending(), "a pending timer is cancelled before it is set again");
  node.deadline = deadline;
  ++size_;
  if (deadline <= now_) {
    append(late_.head, node);
    return;
  }
  put(place_of(deadline), node);
  next_ = std::min(next_, deadline);
}

bool TimerWheel::cancel(TimerNode& node) noexcept {
  if (!node.pending()) return false;
  TimerLink* const neighbour = node.next;
  const bool was_alone = neighbour == node.prev;
  node.prev->next = node.next;
  node.next->prev = node.prev;
  node.next = node.prev = nullptr;
  --size_;
  if (node.deadline <= now_) return true;  // it stood in late_ or firing_
  if (was_alone) vacate(place_of(node.deadline));
  if (node.deadline == next_) next_is_known_ = false;
  return true;
}

// The slot has become empty, and its wheel perhaps with it.
void TimerWheel::vacate(Place place) noexcept {
  Wheel* wheel = place.wheel;
  unsigned slot = place.slot;
  for (;;) {
    const std::uint64_t bit = std::uint64_t{1} << slot;
    wheel->occupied &= ~bit;
    wheel->opened &= ~bit;
    if (wheel->occupied != 0 || !wheel->parent) return;
    slot = wheel->slot;
    release(std::exchange(wheel, wheel->parent));
  }
}

// Deals the list of a slot out into a child. False when there is no memory for one.
bool TimerWheel::open(Place place) noexcept {
  Wheel* child = acquire();
  if (!child) return false;
  child->parent = place.wheel;
  child->slot = place.slot;
  Slot& slot = place.wheel->slots[place.slot];
  TimerLink* link = slot.list.next;
  while (link != &slot.list) {
    auto& node = static_cast<TimerNode&>(*link);
    link = link->next;
    put(Place{child, place.level - 1, digit(node.deadline, place.level - 1)}, node);
  }
  slot.child = child;
  place.wheel->opened |= std::uint64_t{1} << place.slot;
  return true;
}

std::uint64_t TimerWheel::next_deadline() noexcept {
  if (!firing_.empty() || !late_.empty()) return now_;
  if (!next_is_known_) {
    next_ = earliest();
    next_is_known_ = true;
  }
  return next_;
}

std::uint64_t TimerWheel::earliest() noexcept {
  unsigned level = 0;
  while (path_[level]->occupied == 0) {
    if (++level == levels) return never;
  }
  Wheel* wheel = path_[level];
  for (;;) {
    const auto slot = static_cast<unsigned>(std::countr_zero(wheel->occupied));
    if ((wheel->opened >> slot & 1) == 0) {
      const TimerLink& head = wheel->slots[slot].list;
      std::uint64_t found = never;
      unsigned scanned = 0;
      const TimerLink* link = head.next;
      // All of level 0 are equal.
      const unsigned limit = level == 0 ? 1 : scan_limit;
      for (; link != &head && scanned < limit; link = link->next, ++scanned) {
        found = std::min(found, static_cast<const TimerNode*>(link)->deadline);
      }
      if (link == &head || level == 0) return found;
      if (!open(Place{wheel, level, slot})) {
        for (; link != &head; link = link->next) {
          found = std::min(found, static_cast<const TimerNode*>(link)->deadline);
        }
        return found;
      }
    }
    wheel = wheel->slots[slot].child;
    --level;
  }
}

void TimerWheel::begin_advance() noexcept { splice(firing_, late_.head); }

TimerNode* TimerWheel::take_due(std::uint64_t now) noexcept {
  while (firing_.empty()) {
    if (!step(now)) return nullptr;
  }
  TimerLink* first = firing_.head.next;
  firing_.head.next = first->next;
  first->next->prev = &firing_.head;
  first->next = first->prev = nullptr;
  --size_;
  return static_cast<TimerNode*>(first);
}

// Moves to the first occupied slot that begins by `now`, or to `now` and answers false.
bool TimerWheel::step(std::uint64_t now) noexcept {
  if (now <= now_) return false;
  unsigned level = 0;
  while (level < levels && path_[level]->occupied == 0) ++level;
  if (level < levels) {
    const unsigned shift = level * digit_bits;
    const auto slot = static_cast<std::uint64_t>(std::countr_zero(path_[level]->occupied));
    const std::uint64_t above = level + 1 == levels ? 0 : ~std::uint64_t{0} << (shift + digit_bits);
    const std::uint64_t begins = (now_ & above) | slot << shift;
    if (begins <= now) {
      enter(level, begins);
      return true;
    }
  }
  // The slots passed over are empty, and so are the levels below the digit that changes most.
  now_ = now;
  return false;
}

// Moves now_ to `tick`, the first of an occupied slot at `level`; all levels below are empty. What
// is due at that very tick goes to firing_.
void TimerWheel::enter(unsigned level, std::uint64_t tick) noexcept {
  now_ = tick;
  for (;; --level) {
    Wheel& wheel = *path_[level];
    const unsigned index = digit(tick, level);
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((wheel.occupied & bit) == 0) return;
    wheel.occupied &= ~bit;
    Slot& slot = wheel.slots[index];
    if (level == 0) {
      splice(firing_, slot.list);
      // Nothing in the wheels is as early as what has just left them.
      next_is_known_ = false;
      return;
    }
    if ((wheel.opened & bit) == 0) {
      next_is_known_ = false;
      TimerLink* link = slot.list.next;
      while (link != &slot.list) {
        auto& node = static_cast<TimerNode&>(*link);
        link = link->next;
        if (node.deadline == tick) {
          append(firing_.head, node);
        } else {
          const unsigned below = level_of(node.deadline ^ tick);
          put(Place{path_[below], below, digit(node.deadline, below)}, node);
        }
      }
      return;
    }
    // A child takes its place in the hierarchy; then its own first slot is entered.
    wheel.opened &= ~bit;
    release(std::exchange(path_[level - 1], slot.child));
    path_[level - 1]->parent = nullptr;
  }
}

TimerWheel::Wheel* TimerWheel::acquire() noexcept {
  ++wheels_;
  if (spares_) {
    Wheel* wheel = std::exchange(spares_, spares_->parent);
    --spare_count_;
    wheel->parent = nullptr;
    return wheel;
  }
  Wheel* wheel = new (std::nothrow) Wheel;
  if (!wheel) --wheels_;
  return wheel;
}

// An empty wheel; a few are kept, because what opens one slot will open the next.
void TimerWheel::release(Wheel* wheel) noexcept {
  --wheels_;
  if (spare_count_ == spares_kept) {
    delete wheel;
    return;
  }
  ++spare_count_;
  wheel->parent = std::exchange(spares_, wheel);
}

}  // namespace troupe
