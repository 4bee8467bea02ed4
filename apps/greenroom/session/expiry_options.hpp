// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace greenroom {

enum class TimeUnit : std::uint8_t { seconds, milliseconds };
enum class TimeBase : std::uint8_t { from_now, since_epoch };

// A time of expiry as a command spells it.
struct ExpiryWord {
  std::string_view number;
  TimeUnit unit = TimeUnit::seconds;
  TimeBase base = TimeBase::from_now;
};

// The options behind SET key value and GETEX key, in any order.
struct StringOptions {
  enum class For : std::uint8_t { set, getex };
  enum class Condition : std::uint8_t { always, if_absent, if_present };

  Condition condition = Condition::always;  // NX, XX
  bool returns_old = false;                 // GET
  bool keeps_expiry = false;                // KEEPTTL
  bool removes_expiry = false;              // PERSIST
  std::optional<ExpiryWord> expiry;         // EX, PX, EXAT, PXAT
};

// Nothing for what Redis calls a syntax error: unknown, contradicting or half an option.
std::optional<StringOptions> parse_string_options(std::span<const std::string_view> options,
                                                  StringOptions::For command);

// The Unix milliseconds that SET and GETEX mean: a positive number, without overflow. The
// error is the text for the client; `command` is the name in it.
std::expected<std::int64_t, std::string> parse_expiry(const ExpiryWord& word, std::int64_t now_ms,
                                                      std::string_view command);

// The same for EXPIRE and its kin, where a time that has passed is as good as any.
std::expected<std::int64_t, std::string> parse_deadline(const ExpiryWord& word, std::int64_t now_ms,
                                                        std::string_view command);

// NX, XX, GT and LT behind EXPIRE.
struct ExpireConditions {
  bool if_none = false;     // NX
  bool if_some = false;     // XX
  bool if_later = false;    // GT
  bool if_earlier = false;  // LT

  // Whether a deadline may replace the present one; 0, none, is later than any.
  bool allow(std::int64_t present_ms, std::int64_t wanted_ms) const;
};

std::expected<ExpireConditions, std::string> parse_expire_conditions(
    std::span<const std::string_view> options);

}  // namespace greenroom
