// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "text/units.hpp"

#include <charconv>
#include <cstdio>
#include <span>

namespace greenroom {

using namespace std::chrono_literals;
using troupe::Duration;

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    std::uint64_t product = 0;
    if (rest == unit.name && !__builtin_mul_overflow(count, unit.size, &product)) return product;
  }
  return std::nullopt;
}

constexpr Unit times[] = {
    {"ms", 1}, {"s", 1'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Unit sizes[] = {{"", 1},           {"B", 1},          {"KiB", 1u << 10},
                          {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", std::uint64_t{1} << 40}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto milliseconds = parse(text, times);
  constexpr std::uint64_t century = 100ull * 366 * 86'400'000;
  if (!milliseconds || *milliseconds > century) return std::nullopt;
  return std::chrono::milliseconds{*milliseconds};
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) { return parse(text, sizes); }

std::string duration_text(Duration duration) {
  const auto milliseconds = static_cast<std::uint64_t>(duration / 1ms);
  if (milliseconds < 1'000) return std::to_string(milliseconds) + " ms";
  std::string text;
  std::uint64_t left = milliseconds;
  int parts = 0;
  for (const Unit& unit : {times[4], times[3], times[2], times[1]}) {
    const std::uint64_t count = left / unit.size;
    left %= unit.size;
    if (count == 0 || parts == 2) continue;
    if (parts++ > 0) text += ' ';
    text += std::to_string(count) + " " + std::string{unit.name};
  }
  return text;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double size = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", size, unit);
  return text;
}

}  // namespace greenroom
