// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/reply_drop.hpp"

#include <exception>

#include <troupe/from.hpp>
#include <troupe/log.hpp>

namespace troupe::detail {

namespace {
constinit thread_local int quiet = 0;
}  // namespace

namespace {
// Inside the standard library's containers nobody wants to be sent.
bool is_system(const CodePlace& place) noexcept {
  return std::string_view{place.file}.starts_with("/usr/");
}
}  // namespace

ReplyToken::ReplyToken(ReplyToken&& other, const CodePlace& place) noexcept
    : head_{other.head_},
      request_{other.request_},
      place_{is_system(place) ? other.place_ : place} {
  other.forget();
}

void ReplyToken::swap(ReplyToken& other) noexcept {
  std::swap(head_, other.head_);
  std::swap(request_, other.request_);
  std::swap(place_, other.place_);
}

QuietDrops::QuietDrops() noexcept { ++quiet; }
QuietDrops::~QuietDrops() { --quiet; }

void report_dropped_reply(const CallHead& head, std::string_view request,
                          const CodePlace& place) noexcept {
  if (quiet > 0 || std::uncaught_exceptions() > 0) return;
  try {
    if (place.file) {
      log::warning(
          "a From for {} was dropped unanswered: {} waits for its timeout now (taken over at "
          "{}:{})",
          request, head.caller, place.file, place.line);
    } else {
      log::warning(
          "a From for {} was dropped unanswered by the handler that got it: {} waits for its "
          "timeout now",
          request, head.caller);
    }
  } catch (...) {
    // A report must not end the process that it is about.
  }
}

}  // namespace troupe::detail
