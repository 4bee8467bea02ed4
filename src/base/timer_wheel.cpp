// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/assert.hpp"

namespace troupe {

TimerWheel::TimerWheel(std::uint64_t now) : now_{now}, looked_ahead_{now} {
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
      self(self, wheel->children[first(left)]);
    }
    delete wheel;
  };
  for (Wheel* wheel : path_) destroy(destroy, wheel);
  while (spares_) delete std::exchange(spares_, spares_->parent);
}

// --- Digits, lists and slots.

unsigned TimerWheel::level_of(std::uint64_t difference) noexcept {
  return static_cast<unsigned>(std::bit_width(difference) - 1) / digit_bits;
}

unsigned TimerWheel::digit(std::uint64_t tick, unsigned level) noexcept {
  return static_cast<unsigned>(tick >> (level * digit_bits)) & 63;
}

unsigned TimerWheel::first(std::uint64_t slots) noexcept {
  return static_cast<unsigned>(std::countr_zero(slots));
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

TimerNode* TimerWheel::take_front(TimerLink& head) noexcept {
  TimerLink* link = head.next;
  head.next = link->next;
  link->next->prev = &head;
  link->next = link->prev = nullptr;
  return static_cast<TimerNode*>(link);
}

void TimerWheel::put(Wheel& wheel, unsigned slot, TimerNode& node) noexcept {
  TimerLink& head = wheel.lists[slot];
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if ((wheel.listed & bit) == 0) {
    wheel.listed |= bit;
    wheel.counts[slot] = 0;
    head.next = head.prev = &head;
  }
  ++wheel.counts[slot];
  append(head, node);
}

bool TimerWheel::is_crowded(const TimerLink& head) noexcept {
  unsigned seen = 0;
  for (const TimerLink* link = head.next; link != &head; link = link->next) {
    if (++seen > scan_limit) return true;
  }
  return false;
}

// --- Insert and cancel.

void TimerWheel::insert(TimerNode& node, std::uint64_t deadline) noexcept {
  TROUPE_ASSERT(!node.pending(), "a pending timer is cancelled before it is set again");
  node.deadline = deadline;
  ++size_;
  if (deadline <= now_) {
    append(late_.head, node);
    return;
  }
  insert_later(node);
  next_ = std::min(next_, deadline);
}

// Puts a timer whose deadline is after now_ where it belongs.
void TimerWheel::insert_later(TimerNode& node) noexcept {
  unsigned level = level_of(node.deadline ^ now_);
  Wheel* wheel = path_[level];
  unsigned slot = digit(node.deadline, level);
  while ((wheel->opened & ~wheel->listed) >> slot & 1) {
    wheel = wheel->children[slot];
    slot = digit(node.deadline, --level);
  }
  put(*wheel, slot, node);
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
  const unsigned level = level_of(node.deadline ^ now_);
  const unsigned slot = digit(node.deadline, level);
  if ((path_[level]->opened >> slot & 1) == 0) --path_[level]->counts[slot];
  if (was_alone) leave(node, neighbour);
  if (node.deadline == next_) next_is_known_ = false;
  return true;
}

// The list under `head` is empty now, and its wheel perhaps with it.
void TimerWheel::leave(const TimerNode& node, const TimerLink* head) noexcept {
  unsigned level = level_of(node.deadline ^ now_);
  Wheel* wheel = path_[level];
  unsigned slot = digit(node.deadline, level);
  while (&wheel->lists[slot] != head) {
    wheel = wheel->children[slot];
    slot = digit(node.deadline, --level);
  }
  wheel->listed &= ~(std::uint64_t{1} << slot);
  while (wheel->occupied() == 0 && wheel->parent) {
    slot = wheel->slot;
    release(std::exchange(wheel, wheel->parent));
    wheel->opened &= ~(std::uint64_t{1} << slot);
  }
}

// --- Dealing ahead of time.

// Deals out the front of a list into the slot's child, up to the budget. False if there is no
// memory for a child; then nothing has changed.
bool TimerWheel::deal(Place place, std::size_t& budget) noexcept {
  Wheel& wheel = *place.wheel;
  const std::uint64_t bit = std::uint64_t{1} << place.slot;
  if ((wheel.opened & bit) == 0) {
    Wheel* child = acquire();
    if (!child) return false;
    child->parent = &wheel;
    child->slot = place.slot;
    wheel.children[place.slot] = child;
    wheel.opened |= bit;
  }
  Wheel& child = *wheel.children[place.slot];
  TimerLink& head = wheel.lists[place.slot];
  for (; head.next != &head && budget > 0; --budget) {
    TimerNode& node = *take_front(head);
    --wheel.counts[place.slot];
    put(child, digit(node.deadline, place.level - 1), node);
  }
  if (head.next == &head) wheel.listed &= ~bit;
  return true;
}

bool TimerWheel::deal_ahead(std::size_t budget) noexcept { return deal_first_slots(budget, 0); }

// Of the first slot of each level, and of the first of its child (a child that is all in one slot
// would be as dear), up to the budget; or more, in proportion to the time that has passed of what
// was left. No level waits for another to be done, nor a child for what its slot still lists: in a
// wheel that is filled all the time they never are.
bool TimerWheel::deal_first_slots(std::size_t budget, std::uint64_t ticks_passed) noexcept {
  bool is_more = false;
  for (unsigned level = 1; level < levels; ++level) {
    Wheel* wheel = path_[level];
    if (wheel->occupied() == 0) continue;
    const std::uint64_t ticks_left = begin_of_first_slot(level) - now_;
    for (unsigned below = level; below > 0 && wheel->occupied() != 0; --below) {
      const unsigned slot = first(wheel->occupied());
      const std::uint64_t bit = std::uint64_t{1} << slot;
      if ((wheel->listed & bit) != 0) {
        if ((wheel->opened & bit) == 0 && !is_crowded(wheel->lists[slot])) break;
        // A quarter more than its share, because more may come, and the last tick be missed.
        const std::size_t share = wheel->counts[slot] * ticks_passed * 5 / 4 / ticks_left;
        const std::size_t part = std::max(budget, share);
        if (part == 0) return true;
        std::size_t left = part;
        if (!deal(Place{wheel, below, slot}, left)) break;
        budget -= std::min(budget, part - left);
        is_more |= (wheel->listed & bit) != 0;
      }
      wheel = wheel->children[slot];
    }
  }
  return is_more;
}

std::uint64_t TimerWheel::next_deadline() noexcept {
  if (!firing_.empty() || !late_.empty()) return now_;
  if (!next_is_known_) {
    next_ = never;
    next_is_known_ = true;
    for (unsigned level = 0; level < levels && next_ == never; ++level) {
      if (path_[level]->occupied() != 0) next_ = earliest_in(*path_[level], level);
    }
  }
  return next_;
}

// The wheel is not empty. Opens its first slot if it is crowded.
std::uint64_t TimerWheel::earliest_in(Wheel& wheel, unsigned level) noexcept {
  const unsigned slot = first(wheel.occupied());
  const std::uint64_t bit = std::uint64_t{1} << slot;
  std::uint64_t found = never;
  if ((wheel.listed & bit) != 0) {
    const TimerLink& head = wheel.lists[slot];
    // All of level 0 are equal.
    if (level == 0) return static_cast<const TimerNode*>(head.next)->deadline;
    std::size_t all = SIZE_MAX;
    if (!is_crowded(head) || !deal(Place{&wheel, level, slot}, all)) {
      for (const TimerLink* link = head.next; link != &head; link = link->next) {
        found = std::min(found, static_cast<const TimerNode*>(link)->deadline);
      }
    }
  }
  if ((wheel.opened & bit) != 0) {
    found = std::min(found, earliest_in(*wheel.children[slot], level - 1));
  }
  return found;
}

// --- Time.

TimerNode* TimerWheel::take_due(std::uint64_t now) noexcept {
  while (firing_.empty()) {
    if (step(now)) continue;
    const std::uint64_t passed = std::min(now_ - std::exchange(looked_ahead_, now_), most_passed);
    if (deals_ahead_) deals_ahead_ = deal_first_slots(ahead_budget, passed);
    return nullptr;
  }
  --size_;
  return take_front(firing_.head);
}

// The wheel of the level is not empty.
std::uint64_t TimerWheel::begin_of_first_slot(unsigned level) const noexcept {
  const unsigned shift = level * digit_bits;
  const std::uint64_t slot = first(path_[level]->occupied());
  const std::uint64_t above = level + 1 == levels ? 0 : ~std::uint64_t{0} << (shift + digit_bits);
  return (now_ & above) | slot << shift;
}

// Moves to the first occupied slot that begins by `now`, or to `now` and answers false.
bool TimerWheel::step(std::uint64_t now) noexcept {
  if (now <= now_) return false;
  unsigned level = 0;
  while (level < levels && path_[level]->occupied() == 0) ++level;
  if (level < levels) {
    const std::uint64_t begins = begin_of_first_slot(level);
    if (begins <= now) {
      move_to(begins);
      enter(level);
      return true;
    }
  }
  // The slots passed over are empty, and so are the levels below the digit that changes most.
  move_to(now);
  return false;
}

void TimerWheel::move_to(std::uint64_t tick) noexcept {
  // Once in 16 ticks is often enough to look whether something crowded has come near.
  if (((now_ ^ tick) >> 4) != 0) deals_ahead_ = true;
  now_ = tick;
}

// Empties now's own slot at `level`, if it is occupied; all levels below are empty. What is due at
// this very tick goes to firing_.
void TimerWheel::enter(unsigned level) noexcept {
  Wheel& wheel = *path_[level];
  const unsigned slot = digit(now_, level);
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if ((wheel.occupied() & bit) == 0) return;
  // Until it is asked for: what is earliest may leave the wheels.
  next_is_known_ = false;
  Queue list;
  if ((wheel.listed & bit) != 0) splice(level == 0 ? firing_ : list, wheel.lists[slot]);
  wheel.listed &= ~bit;
  // The child first, its timers are the older ones.
  if ((wheel.opened & bit) != 0) {
    wheel.opened &= ~bit;
    release(std::exchange(path_[level - 1], wheel.children[slot]));
    path_[level - 1]->parent = nullptr;
    enter(level - 1);
  }
  while (!list.empty()) {
    TimerNode& node = *take_front(list.head);
    if (node.deadline == now_) {
      append(firing_.head, node);
    } else {
      insert_later(node);
    }
  }
}

TimerWheel::Wheel* TimerWheel::acquire() noexcept {
  Wheel* wheel = spares_;
  if (wheel) {
    spares_ = std::exchange(wheel->parent, nullptr);
    --spare_count_;
  } else {
    wheel = new (std::nothrow) Wheel;
    if (!wheel) return nullptr;
  }
  ++wheels_;
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
