// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/expiry_options.hpp"

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

// The unit and base that an option word stands for.
std::optional<ExpiryWord> expiry_option(std::string_view word) {
  if (same_word(word, "ex")) return ExpiryWord{{}, TimeUnit::seconds, TimeBase::from_now};
  if (same_word(word, "px")) return ExpiryWord{{}, TimeUnit::milliseconds, TimeBase::from_now};
  if (same_word(word, "exat")) return ExpiryWord{{}, TimeUnit::seconds, TimeBase::since_epoch};
  if (same_word(word, "pxat")) return ExpiryWord{{}, TimeUnit::milliseconds, TimeBase::since_epoch};
  return std::nullopt;
}

// Redis lets EX follow EX, the last one counting, but not another unit.
bool may_set_expiry(const StringOptions& options, const ExpiryWord& word) {
  if (options.keeps_expiry || options.removes_expiry) return false;
  return !options.expiry ||
         (options.expiry->unit == word.unit && options.expiry->base == word.base);
}

bool read_set_option(std::string_view word, StringOptions& options) {
  using enum StringOptions::Condition;
  if (same_word(word, "nx") && options.condition != if_present) {
    options.condition = if_absent;
  } else if (same_word(word, "xx") && options.condition != if_absent) {
    options.condition = if_present;
  } else if (same_word(word, "get")) {
    options.returns_old = true;
  } else if (same_word(word, "keepttl") && !options.expiry) {
    options.keeps_expiry = true;
  } else {
    return false;
  }
  return true;
}

std::optional<std::int64_t> in_milliseconds(std::int64_t number, TimeUnit unit) {
  if (unit == TimeUnit::milliseconds) return number;
  if (number > INT64_MAX / 1000 || number < INT64_MIN / 1000) return std::nullopt;
  return number * 1000;
}

}  // namespace

std::optional<StringOptions> parse_string_options(std::span<const std::string_view> words,
                                                  StringOptions::For command) {
  StringOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (auto expiry = expiry_option(words[i])) {
      if (i + 1 == words.size() || !may_set_expiry(options, *expiry)) return std::nullopt;
      expiry->number = words[++i];
      options.expiry = expiry;
    } else if (command == StringOptions::For::getex) {
      if (!same_word(words[i], "persist") || options.expiry) return std::nullopt;
      options.removes_expiry = true;
    } else if (!read_set_option(words[i], options)) {
      return std::nullopt;
    }
  }
  return options;
}

std::expected<std::int64_t, std::string> parse_expiry(const ExpiryWord& word, std::int64_t now_ms,
                                                      std::string_view command) {
  auto number = parse_integer(word.number);
  if (!number) return std::unexpected(std::string(error_text::not_an_integer));
  if (*number <= 0) return std::unexpected(error_text::invalid_expire_time(command));
  return parse_deadline(word, now_ms, command);
}

std::expected<std::int64_t, std::string> parse_deadline(const ExpiryWord& word, std::int64_t now_ms,
                                                        std::string_view command) {
  auto number = parse_integer(word.number);
  if (!number) return std::unexpected(std::string(error_text::not_an_integer));
  auto ms = in_milliseconds(*number, word.unit);
  std::int64_t base = word.base == TimeBase::from_now ? now_ms : 0;
  if (!ms || *ms > INT64_MAX - base)
    return std::unexpected(error_text::invalid_expire_time(command));
  return *ms + base;
}

bool ExpireConditions::allow(std::int64_t present_ms, std::int64_t wanted_ms) const {
  bool has_expiry = present_ms != 0;
  if (if_none && has_expiry) return false;
  if (if_some && !has_expiry) return false;
  if (if_later && (!has_expiry || wanted_ms <= present_ms)) return false;
  return !(if_earlier && has_expiry && wanted_ms >= present_ms);
}

std::expected<ExpireConditions, std::string> parse_expire_conditions(
    std::span<const std::string_view> options) {
  ExpireConditions conditions;
  for (std::string_view option : options) {
    if (same_word(option, "nx")) {
      conditions.if_none = true;
    } else if (same_word(option, "xx")) {
      conditions.if_some = true;
    } else if (same_word(option, "gt")) {
      conditions.if_later = true;
    } else if (same_word(option, "lt")) {
      conditions.if_earlier = true;
    } else {
      return std::unexpected("ERR Unsupported option " + std::string(option.substr(0, 128)));
    }
  }
  if (conditions.if_none && (conditions.if_some || conditions.if_later || conditions.if_earlier))
    return std::unexpected("ERR NX and XX, GT or LT options at the same time are not compatible");
  if (conditions.if_later && conditions.if_earlier)
    return std::unexpected("ERR GT and LT options at the same time are not compatible");
  return conditions;
}

}  // namespace greenroom
