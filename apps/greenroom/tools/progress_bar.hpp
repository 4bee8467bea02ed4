// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>

#include <troupe/duration.hpp>

namespace greenroom {

// How far something is, on stderr: a bar that is drawn over itself on a terminal (at most ten times
// a second), a line every ten seconds elsewhere.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::uint64_t total, troupe::Duration now);

  void show(std::uint64_t done, troupe::Duration now);
  // The last state, and the end of the line.
  void finish(std::uint64_t done, troupe::Duration now);

  // "[#####.....]  50 %  5,000/10,000 keys  2,500/s  2 s left"
  std::string text(std::uint64_t done, troupe::Duration now) const;

 private:
  std::string what_;
  std::uint64_t total_;
  troupe::Duration begin_;
  troupe::Duration shown_{0};
  bool is_terminal_;
};

}  // namespace greenroom
