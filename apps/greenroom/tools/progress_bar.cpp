// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/progress_bar.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include "text/units.hpp"

namespace greenroom {

using namespace std::chrono_literals;
using troupe::Duration;

namespace {

constexpr std::uint64_t width = 30;

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace

ProgressBar::ProgressBar(std::string what, std::uint64_t total, Duration now)
    : what_{std::move(what)}, total_{total}, begin_{now}, is_terminal_{isatty(2) == 1} {}

std::string ProgressBar::text(std::uint64_t done, Duration now) const {
  // The total was counted at the beginning, and keys come and go.
  const std::uint64_t total = std::max(total_, done);
  const std::uint64_t filled = total == 0 ? width : done * width / total;
  std::string line = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] ";
  const std::uint64_t percent = total == 0 ? 100 : done * 100 / total;
  line += std::string(percent < 10    ? 2
                      : percent < 100 ? 1
                                      : 0,
                      ' ') +
          std::to_string(percent) + " %  " + grouped(done) + "/" + grouped(total) + " " + what_;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  if (seconds > 0.1 && done > 0) {
    const double rate = static_cast<double>(done) / seconds;
    line += "  " + grouped(static_cast<std::uint64_t>(rate)) + "/s";
    if (done < total) {
      const double left = static_cast<double>(total - done) / rate;
      line +=
          "  " + duration_text(std::chrono::seconds{static_cast<std::int64_t>(left) + 1}) + " left";
    }
  }
  return line;
}

void ProgressBar::show(std::uint64_t done, Duration now) {
  if (now - shown_ < (is_terminal_ ? Duration{100ms} : Duration{10s})) return;
  shown_ = now;
  std::fprintf(stderr, is_terminal_ ? "\r%s\033[K" : "%s\n", text(done, now).c_str());
  std::fflush(stderr);
}

void ProgressBar::finish(std::uint64_t done, Duration now) {
  std::fprintf(stderr, is_terminal_ ? "\r%s\033[K\n" : "%s\n", text(done, now).c_str());
  std::fflush(stderr);
}

}  // namespace greenroom
