// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// Which keys are read most, of any number of keys, in memory for `max_kept` of them: the
// space-saving sketch (Metwally, Agrawal, El Abbadi 2005). A key that is not among those kept takes
// the place, and the count, of the one with the least; so a count may be too high by that much,
// which is remembered as its error. A key with more than 1/max_kept of all reads is always there.
//
// Counts are halved now and then, so that what was popular last week makes room.
class PopularKeys {
 public:
  static constexpr std::size_t max_kept = 128;
  // Longer ones are not noted: the sketch is bounded memory.
  static constexpr std::size_t max_key_bytes = 1'024;

  struct Entry {
    std::string key;
    std::uint64_t count = 0;
    std::uint64_t error = 0;  // At most so much of the count is somebody else's.
  };

  void note(std::string_view key, std::uint64_t reads);
  void halve();
  // The most popular first, at most so many. Those of whose count more than half may be somebody
  // else's are left out: nothing can be said about them.
  std::vector<Entry> top(std::size_t count) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace greenroom
