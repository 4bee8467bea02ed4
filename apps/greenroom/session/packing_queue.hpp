// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include <troupe/duration.hpp>
#include <troupe/pid.hpp>

namespace greenroom {

// The sessions that sleep as they are, though their values could be compressed, until they have
// been in here for a while. To compress a value takes as long as all the rest of a command, and a
// session that is written to often is compressed once in that while instead of for each write.
//
// What waits is larger than it need be, so only so many may: beyond, a session is packed at once.
// So is one that nobody has used in the last while, and one that is not older than that: a million
// that come and are packed later leave malloc with holes, 50 to 80 bytes for each of 500,000, and
// most frameworks make one with several commands. Used by many threads.
class PackingQueue {
 public:
  static constexpr std::size_t max_waiting = 128 << 10;
  // Larger values are packed at once, so that what waits takes tens of megabytes at most.
  static constexpr std::size_t max_value_bytes = 512;
  static constexpr troupe::Duration wait = std::chrono::seconds{5};

  enum class Added { no, yes, first };  // no: it is full
  Added add(troupe::Pid session, troupe::Duration now) {
    const std::lock_guard guard{lock_};
    if (waiting_.size() >= max_waiting) return Added::no;
    waiting_.push_back({session, now + wait});
    return waiting_.size() == 1 ? Added::first : Added::yes;
  }

  // When the next one is due; none: nobody waits.
  std::optional<troupe::Duration> next_due() const {
    const std::lock_guard guard{lock_};
    return waiting_.empty() ? std::nullopt : std::optional{waiting_.front().due};
  }

  // Takes those that are due, so many at most.
  std::vector<troupe::Pid> take_due(troupe::Duration now, std::size_t count) {
    std::vector<troupe::Pid> due;
    const std::lock_guard guard{lock_};
    for (; !waiting_.empty() && waiting_.front().due <= now && due.size() < count;
         waiting_.pop_front()) {
      due.push_back(waiting_.front().session);
    }
    return due;
  }

 private:
  struct Waiting {
    troupe::Pid session;
    troupe::Duration due;
  };

  mutable std::mutex lock_;
  std::deque<Waiting> waiting_;  // in the order in which they are due
};

}  // namespace greenroom
