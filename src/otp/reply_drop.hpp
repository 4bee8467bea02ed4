// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

namespace troupe::detail {

// While one lives, reply tokens that are destroyed on this thread are not reported: their server
// ends, and that end is what their callers are told.
class QuietDrops {
 public:
  QuietDrops() noexcept;
  ~QuietDrops();
  QuietDrops(const QuietDrops&) = delete;
};

}  // namespace troupe::detail
