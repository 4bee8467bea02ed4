// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/files_records.hpp"

#include <charconv>
#include <cstdio>

#include "storage/crc32c.hpp"
#include "storage/file_names.hpp"

namespace troupe::storage::files {
namespace {

constexpr std::string_view sum_title = "troupe-sum 1\n";
constexpr std::string_view journal_title = "troupe-files 1\n";
constexpr std::uint32_t format = 1;

std::string hex8(std::uint32_t number) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", number);
  return text;
}

std::string sealed(std::string lines) {
  const std::string sum = hex8(crc32c(lines));
  return std::move(lines) + "sum " + sum + "\n";
}

// The lines before the checksum, if it is right.
std::optional<std::string_view> unsealed(std::string_view text) {
  constexpr std::size_t seal = 13;  // "sum 01234567\n"
  if (text.size() < seal) return std::nullopt;
  const std::string_view lines = text.substr(0, text.size() - seal);
  if (text.substr(lines.size()) != "sum " + hex8(crc32c(lines)) + "\n") return std::nullopt;
  return lines;
}

template <class Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes "WORD VALUE<end>" off the front.
std::optional<std::string_view> take(std::string_view& text, std::string_view word, char end) {
  if (!text.starts_with(word)) return std::nullopt;
  const auto stop = text.find(end, word.size());
  if (stop == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(word.size(), stop - word.size());
  text.remove_prefix(stop + 1);
  return value;
}

}  // namespace

std::string text_of(const Sum& sum) {
  std::string text{sum_title};
  text += "crc " + hex8(sum.crc) + "\nsize " + std::to_string(sum.size) + "\nkey " +
          escape_key(sum.key) + "\n";
  return sealed(std::move(text));
}

std::optional<Sum> parse_sum(std::string_view text) {
  auto lines = unsealed(text);
  if (!lines || !lines->starts_with(sum_title)) return std::nullopt;
  lines->remove_prefix(sum_title.size());
  const auto crc = take(*lines, "crc ", '\n');
  const auto size = take(*lines, "size ", '\n');
  const auto escaped = take(*lines, "key ", '\n');
  if (!crc || !size || !escaped || !lines->empty()) return std::nullopt;
  const auto crc_number = number<std::uint32_t>(*crc, 16);
  const auto size_number = number<std::uint64_t>(*size, 10);
  auto key = unescape_key(*escaped);
  if (!crc_number || !size_number || !key) return std::nullopt;
  return Sum{*crc_number, *size_number, std::move(*key)};
}

std::string text_of(const std::vector<Step>& steps) {
  std::string lines{journal_title};
  for (const Step& step : steps) {
    lines += step.drop ? "drop " : "put " + std::to_string(step.number) + " ";
    lines += step.name + "\n";
  }
  return sealed(std::move(lines));
}

std::optional<std::vector<Step>> parse_journal(std::string_view text) {
  auto lines = unsealed(text);
  if (!lines || !lines->starts_with(journal_title)) return std::nullopt;
  lines->remove_prefix(journal_title.size());
  std::vector<Step> steps;
  while (!lines->empty()) {
    Step step;
    if (lines->starts_with("drop ")) {
      step.drop = true;
      const auto name = take(*lines, "drop ", '\n');
      if (!name) return std::nullopt;
      step.name = *name;
    } else {
      const auto which = take(*lines, "put ", ' ');
      const auto name = which ? take(*lines, "", '\n') : std::nullopt;
      const auto value = which ? number<std::uint64_t>(*which, 10) : std::nullopt;
      if (!name || !value) return std::nullopt;
      step.number = *value;
      step.name = *name;
    }
    // The checksum is no proof against someone who can write here; a name is never a path.
    if (step.name.empty() || step.name.starts_with('.') || step.name.contains('/')) {
      return std::nullopt;
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

bool is_newer(std::string_view text) {
  if (!unsealed(text)) return false;
  auto version = take(text, "troupe-sum ", '\n');
  if (!version) version = take(text, "troupe-files ", '\n');
  return version && number<std::uint32_t>(*version, 10).value_or(0) > format;
}

}  // namespace troupe::storage::files
