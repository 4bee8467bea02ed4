// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/prefix_rules.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "resp/number.hpp"

namespace greenroom {
namespace {

constexpr struct {
  std::string_view name;
  std::int64_t ms;
} units[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::optional<std::int64_t> parse_time(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_integer(text.substr(0, end));
  if (!number || *number < 0) return std::nullopt;
  for (const auto& unit : units)
    if (text.substr(end) == unit.name && *number <= INT64_MAX / 4 / unit.ms)
      return *number * unit.ms;
  return std::nullopt;
}

std::string time_text(std::int64_t ms) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < std::size(units); ++i)
    if (ms % units[i].ms == 0) best = i;
  return std::to_string(ms / units[best].ms) + std::string{units[best].name};
}

// Reads one time into its field.
std::expected<void, std::string> read_time(std::string_view word, std::string_view value,
                                           std::int64_t max_ms, std::int64_t& field) {
  const auto ms = parse_time(value);
  if (!ms || *ms > max_ms)
    return std::unexpected("'" + std::string(word) + "' is no time" +
                           (max_ms != INT64_MAX ? " up to " + time_text(max_ms) : ""));
  field = *ms;
  return {};
}

std::expected<void, std::string> unknown(std::string_view word) {
  return std::unexpected("'" + std::string(word.substr(0, 128)) + "' is not understood");
}

std::expected<void, std::string> read_count(std::string_view word, std::string_view value,
                                            std::int64_t max, std::uint32_t& field) {
  const auto count = parse_integer(value);
  if (!count || *count < 0 || *count > max)
    return std::unexpected("'" + std::string(word.substr(0, 128)) + "' is no number up to " +
                           std::to_string(max));
  field = static_cast<std::uint32_t>(*count);
  return {};
}

std::expected<void, std::string> read_user(std::string_view word, std::string_view value,
                                           PrefixRule& rule) {
  rule.user_pointer.clear();
  rule.user_field.clear();
  if (value.starts_with('/')) {
    rule.user_pointer = value;
  } else if (value.starts_with("hash:") && value.size() > 5) {
    rule.user_field = value.substr(5);
  } else {
    return unknown(word);
  }
  return {};
}

std::expected<void, std::string> read_revive(std::string_view word, std::string_view value,
                                             PrefixRule& rule) {
  using enum PrefixRule::Revive;
  if (value == "never") {
    rule.revive = never;
  } else if (value == "after-read") {
    rule.revive = after_read;
  } else if (value == "auto") {
    rule.revive = automatic;
  } else {
    return unknown(word);
  }
  return {};
}

std::expected<void, std::string> read_word(std::string_view word, PrefixRule& rule) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return unknown(word);
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (name == "tombstone") return read_time(word, value, INT64_MAX, rule.tombstone_ms);
  if (name == "revive") return read_revive(word, value, rule);
  if (name == "lock-wait") return read_time(word, value, max_lock_wait_ms, rule.lock_wait_ms);
  if (name == "idle") return read_time(word, value, INT64_MAX, rule.idle_ms);
  if (name == "max-age") return read_time(word, value, INT64_MAX, rule.max_age_ms);
  if (name == "user") return read_user(word, value, rule);
  if (name == "lock-suffix") {
    rule.lock_suffix = value;
  } else if (name == "dead-write" && (value == "ok" || value == "error")) {
    rule.dead_write_is_error = value == "error";
  } else if (name == "merge" && (value == "json" || value == "off")) {
    rule.merges_json = value == "json";
  } else if (name == "lock-owner" && (value == "connection" || value == "value")) {
    rule.lock_ends_with_connection = value == "connection";
  } else if (name == "cap") {
    return read_count(word, value, 1'000'000, rule.cap);
  } else if (name == "history") {
    return read_count(word, value, max_history, rule.history);
  } else {
    return unknown(word);
  }
  return {};
}

}  // namespace

std::expected<PrefixRule, std::string> parse_prefix_rule(std::string_view prefix,
                                                         std::string_view words) {
  PrefixRule rule;
  rule.prefix = prefix;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const std::string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (word.empty()) continue;
    if (auto read = read_word(word, rule); !read) return std::unexpected(read.error());
  }
  return rule;
}

std::string to_words(const PrefixRule& rule) {
  const PrefixRule plain;
  std::string words;
  auto add = [&words](std::string_view name, std::string_view value) {
    if (!words.empty()) words.push_back(' ');
    words.append(name).append("=").append(value);
  };
  if (rule.tombstone_ms != 0) add("tombstone", time_text(rule.tombstone_ms));
  if (rule.revive != plain.revive)
    add("revive", rule.revive == PrefixRule::Revive::never ? "never" : "after-read");
  if (rule.dead_write_is_error) add("dead-write", "error");
  if (rule.merges_json) add("merge", "json");
  if (rule.lock_wait_ms != 0) add("lock-wait", time_text(rule.lock_wait_ms));
  if (rule.lock_suffix != plain.lock_suffix) add("lock-suffix", rule.lock_suffix);
  if (rule.lock_ends_with_connection) add("lock-owner", "connection");
  if (rule.history != 0) add("history", std::to_string(rule.history));
  if (rule.idle_ms != 0) add("idle", time_text(rule.idle_ms));
  if (rule.max_age_ms != 0) add("max-age", time_text(rule.max_age_ms));
  if (!rule.user_pointer.empty()) add("user", rule.user_pointer);
  if (!rule.user_field.empty()) add("user", "hash:" + rule.user_field);
  if (rule.cap != 0) add("cap", std::to_string(rule.cap));
  return words;
}

const PrefixRule* PrefixRules::find(std::string_view key) const {
  const Set* rules = current_.load(std::memory_order_acquire);
  if (rules == nullptr) return nullptr;
  for (const auto& rule : *rules)
    if (key.starts_with(rule->prefix)) return rule.get();
  return nullptr;
}

bool PrefixRules::replace(Set next) {
  if (sets_.size() >= max_changes) return false;
  std::ranges::sort(
      next, [](const auto& a, const auto& b) { return a->prefix.size() > b->prefix.size(); });
  sets_.push_back(std::make_unique<const Set>(std::move(next)));
  current_.store(sets_.back().get(), std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
  return true;
}

bool PrefixRules::set(PrefixRule rule) {
  const std::lock_guard guard{lock_};
  Set next = sets_.empty() ? Set{} : *sets_.back();
  std::erase_if(next, [&](const auto& other) { return other->prefix == rule.prefix; });
  next.push_back(std::make_shared<const PrefixRule>(std::move(rule)));
  return replace(std::move(next));
}

bool PrefixRules::remove(std::string_view prefix) {
  const std::lock_guard guard{lock_};
  Set next = sets_.empty() ? Set{} : *sets_.back();
  std::erase_if(next, [&](const auto& other) { return other->prefix == prefix; });
  return replace(std::move(next));
}

std::vector<PrefixRule> PrefixRules::all() const {
  const std::lock_guard guard{lock_};
  std::vector<PrefixRule> rules;
  if (!sets_.empty())
    for (const auto& rule : *sets_.back()) rules.push_back(*rule);
  return rules;
}

}  // namespace greenroom
