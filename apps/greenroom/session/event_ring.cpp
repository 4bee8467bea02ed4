// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/event_ring.hpp"

#include <algorithm>
#include <utility>

#include <troupe/troupe.hpp>

#include "resp/number.hpp"

namespace greenroom {

std::string_view name_of(SessionEvent::Kind kind) {
  using enum SessionEvent::Kind;
  switch (kind) {
    case created:
      return "created";
    case updated:
      return "updated";
    case expired:
      return "expired";
    case deleted:
      return "deleted";
    case revoked:
      return "revoked";
    case evicted:
      return "evicted";
  }
  return "updated";
}

void EventRing::begin(std::uint64_t run, std::size_t max_events) {
  const std::lock_guard guard{lock_};
  run_ = run;
  max_events_ = max_events;
}

void EventRing::drop_oldest() {
  bytes_ -= events_.front().key.size();
  events_.pop_front();
}

void EventRing::add(SessionEvent::Kind kind, std::string_view storage_key, std::int64_t at_ms) {
  std::vector<troupe::Pid> waiting;
  {
    const std::lock_guard guard{lock_};
    if (max_events_ == 0 || storage_key.size() > max_key_bytes) return;
    events_.push_back(SessionEvent{++last_, at_ms, kind, std::string{storage_key}});
    bytes_ += storage_key.size();
    while (events_.size() > max_events_ || bytes_ > max_bytes) drop_oldest();
    if (waiting_.empty()) return;
    waiting.swap(waiting_);
  }
  for (const troupe::Pid process : waiting) troupe::send(process, EventsCame{});
}

std::expected<EventRing::Page, std::uint64_t> EventRing::read(std::uint64_t after,
                                                              std::size_t count) const {
  const std::lock_guard guard{lock_};
  const std::uint64_t oldest = last_ - events_.size();
  if (after < oldest || after > last_) return std::unexpected(oldest);
  const std::size_t first = after - oldest;
  const std::size_t size = std::min(count, events_.size() - first);
  const auto begin = events_.begin() + static_cast<std::ptrdiff_t>(first);
  return Page{{begin, begin + static_cast<std::ptrdiff_t>(size)}, after + size};
}

bool EventRing::wait(troupe::Pid process, std::uint64_t after) {
  const std::lock_guard guard{lock_};
  if (last_ > after) return false;
  if (std::ranges::find(waiting_, process) == waiting_.end()) waiting_.push_back(process);
  return true;
}

std::uint64_t EventRing::last() const {
  const std::lock_guard guard{lock_};
  return last_;
}

std::uint64_t EventRing::oldest() const {
  const std::lock_guard guard{lock_};
  return last_ - events_.size();
}

std::string EventRing::position(std::uint64_t number) const {
  return std::to_string(run_) + "-" + std::to_string(number);
}

std::optional<EventRing::Place> EventRing::parse_position(std::string_view text) const {
  if (text == "$") return Place{last(), false};
  if (text == "0") return Place{oldest(), false};
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto run = parse_integer(text.substr(0, dash));
  const auto number = parse_integer(text.substr(dash + 1));
  if (!run || !number || *run < 0 || *number < 0) return std::nullopt;
  return Place{static_cast<std::uint64_t>(*number), static_cast<std::uint64_t>(*run) != run_};
}

}  // namespace greenroom
