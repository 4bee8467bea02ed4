// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/pid.hpp>

namespace greenroom {

struct SessionEvent {
  enum class Kind : std::uint8_t { created, updated, expired, deleted, revoked, evicted };
  std::uint64_t number = 0;
  std::int64_t at_ms = 0;  // Unix time
  Kind kind = Kind::created;
  std::string key;  // as stored: the database in front
};

std::string_view name_of(SessionEvent::Kind kind);

// What a process that waits for more is sent, once.
struct EventsCame {};

// What has happened to sessions lately, in order and with numbers without gaps, so that whoever
// reads can go on where it stopped: unlike channels, a reader that was away misses nothing, or is
// told that it did.
//
// The last events are kept, up to a number and a size. They are told when the session has changed,
// which may be a moment before the change is on disk, and they do not outlive the server: a
// position is only good for the run in which it was given, and names it ("1764430000000-17").
//
// For any number of threads.
class EventRing {
 public:
  static constexpr std::size_t max_bytes = 16u << 20;  // of keys
  // Events of keys beyond this are not kept.
  static constexpr std::size_t max_key_bytes = 4'096;

  // Before the first event. `run`: tells this run's positions from those of another.
  void begin(std::uint64_t run, std::size_t max_events);

  void add(SessionEvent::Kind kind, std::string_view storage_key, std::int64_t at_ms);

  struct Page {
    std::vector<SessionEvent> events;
    std::uint64_t last = 0;  // where to go on: behind the last of them
  };
  // Up to `count` events behind `after`. The error is the oldest position from which nothing is
  // missing: what came behind `after` is not kept any more.
  std::expected<Page, std::uint64_t> read(std::uint64_t after, std::size_t count) const;
  // Whether the process will get EventsCame when there is an event behind `after`; false: there is
  // one already.
  bool wait(troupe::Pid process, std::uint64_t after);

  std::uint64_t last() const;
  std::uint64_t oldest() const;  // from here on nothing is missing

  std::string position(std::uint64_t number) const;
  // "0": the oldest that is kept; "$": from now on. Nothing: it is no position.
  struct Place {
    std::uint64_t after = 0;
    bool is_of_other_run = false;
  };
  std::optional<Place> parse_position(std::string_view text) const;

 private:
  void drop_oldest();

  mutable std::mutex lock_;
  std::uint64_t run_ = 0;
  std::size_t max_events_ = 0;  // 0: nothing is kept
  std::deque<SessionEvent> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
  std::vector<troupe::Pid> waiting_;
};

}  // namespace greenroom
