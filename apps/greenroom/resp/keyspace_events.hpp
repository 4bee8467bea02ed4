// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace greenroom {

// The letters of notify-keyspace-events, as bits: which channels are told of changes to keys (K and
// E), and of what kind of change.
enum EventFlag : std::uint32_t {
  event_keyspace = 1 << 0,  // K: "__keyspace@<db>__:<key>", the event as the message
  event_keyevent = 1 << 1,  // E: "__keyevent@<db>__:<event>", the key as the message
  event_generic = 1 << 2,   // g: del, expire, rename_from ...
  event_string = 1 << 3,    // $
  event_list = 1 << 4,      // l: accepted, there are no lists
  event_set = 1 << 5,       // s
  event_hash = 1 << 6,      // h
  event_zset = 1 << 7,      // z: accepted, there are no sorted sets
  event_expired = 1 << 8,   // x
  event_evicted = 1 << 9,   // e
  event_stream = 1 << 10,   // t: accepted, there are no streams
  event_missed = 1 << 11,   // m: accepted, misses are counted only
  event_module = 1 << 12,   // d: accepted, there are no modules
  event_new = 1 << 13,      // n
};

// Nothing for a letter that is none.
std::optional<std::uint32_t> parse_event_flags(std::string_view letters);
// The letters in Redis' order, with A for "all but K, E, m and n".
std::string event_letters(std::uint32_t flags);

// What one command did to one key, in the order in which it is told. The names are literals.
struct Event {
  EventFlag kind = event_generic;
  std::string_view name;
};

class Events {
 public:
  // No command makes more: a SET with a deadline that has passed, of a key that was due, has four.
  static constexpr std::size_t max_events = 4;

  void add(EventFlag kind, std::string_view name) {
    if (size_ < max_events) events_[size_++] = Event{kind, name};
  }
  const Event* begin() const { return events_.data(); }
  const Event* end() const { return events_.data() + size_; }
  std::size_t size() const { return size_; }

 private:
  std::array<Event, max_events> events_;
  std::size_t size_ = 0;
};

}  // namespace greenroom
