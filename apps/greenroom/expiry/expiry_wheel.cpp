// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "expiry/expiry_wheel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace greenroom {

namespace {

bool is_later(const ExpiryWheel::Entry& a, const ExpiryWheel::Entry& b) {
  return a.due_ms() > b.due_ms();
}

}  // namespace

ExpiryWheel::~ExpiryWheel() {
  for (auto& level : slots_) {
    for (Chunk* chunk : level) {
      while (chunk) {
        Chunk* next = chunk->next;
        delete chunk;
        chunk = next;
      }
    }
  }
}

void ExpiryWheel::add(Entry entry) {
  ++size_;
  place(entry);
}

// Beyond the last level, in 2,200 years, is in its last slot, and dealt out again from there.
void ExpiryWheel::place(Entry entry) {
  const std::int64_t at_ms = std::min(entry.due_ms(), last_ms);
  const std::int64_t difference = at_ms ^ now_ms_;
  if (at_ms <= now_ms_ || difference < std::int64_t{1} << first_bits) {
    current_.push_back(entry);
    std::ranges::push_heap(current_, is_later);
    return;
  }
  const auto highest =
      static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(difference)));
  const unsigned level = (highest - 1 - first_bits) / digit_bits;
  const auto slot = static_cast<std::size_t>(at_ms >> shift_of(level)) & 63;
  Chunk*& head = slots_[level][slot];
  if (!head || head->count == head->entries.size()) head = new Chunk{head, 0, {}};
  head->entries[head->count++] = entry;
  occupied_[level] |= std::uint64_t{1} << slot;
}

// Where the next occupied slot begins: on the lowest occupied level, the first behind now.
std::int64_t ExpiryWheel::next_slot_ms() const {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto slot = std::int64_t{std::countr_zero(occupied_[level])};
    const std::int64_t above = now_ms_ >> shift_of(level) >> digit_bits;
    return (above << digit_bits | slot) << shift_of(level);
  }
  return never;
}

std::int64_t ExpiryWheel::next_ms() const {
  const std::int64_t slot = next_slot_ms();
  return current_.empty() ? slot : std::min(slot, current_.front().due_ms());
}

// Deals a slot that time has entered out to the levels below.
void ExpiryWheel::enter(unsigned level) {
  const auto slot = static_cast<std::size_t>(now_ms_ >> shift_of(level)) & 63;
  if ((occupied_[level] >> slot & 1) == 0) return;
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  Chunk* chunk = std::exchange(slots_[level][slot], nullptr);
  while (chunk) {
    for (std::uint32_t i = 0; i < chunk->count; ++i) place(chunk->entries[i]);
    Chunk* next = chunk->next;
    delete chunk;
    chunk = next;
  }
}

// Slot by slot, so that none is jumped over: each is entered at its beginning.
void ExpiryWheel::move_to(std::int64_t now_ms) {
  for (std::int64_t next = next_slot_ms(); next <= now_ms; next = next_slot_ms()) {
    now_ms_ = next;
    for (unsigned level = levels; level-- > 0;) enter(level);
  }
  now_ms_ = std::max(now_ms_, std::min(now_ms, last_ms));
}

bool ExpiryWheel::take_due(std::int64_t now_ms, std::size_t limit, std::vector<Entry>& due) {
  move_to(now_ms);
  while (!current_.empty() && current_.front().due_ms() <= now_ms) {
    if (limit-- == 0) return true;
    std::ranges::pop_heap(current_, is_later);
    due.push_back(current_.back());
    current_.pop_back();
    --size_;
  }
  return false;
}

}  // namespace greenroom
