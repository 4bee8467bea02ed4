// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "operation/log_lines.hpp"

#include <cstdio>
#include <mutex>

#include "text/utc_time.hpp"

namespace greenroom {

namespace {

const char* name_of(troupe::log::Level level) {
  using troupe::log::Level;
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::notice:
      return "notice";
    case Level::warning:
      return "warning";
    case Level::error:
    case Level::none:
      return "error";
  }
  return "error";
}

void write_json(void*, const troupe::log::Record& record) {
  std::string line = R"({"time":")" + time_text(record.system_time_ns / 1'000'000) +
                     R"(","level":")" + name_of(record.level) + '"';
  if (record.process) line += ",\"process\":" + json_string(troupe::log::to_string(record.process));
  line += ",\"text\":" + json_string(record.text);
  for (const troupe::log::Field& field : record.fields) {
    line += "," + json_string(field.key) + ":" + json_string(field.value.text());
  }
  line += "}\n";
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call, so that lines do not mix
}

// The length of the UTF-8 sequence at the beginning; 0: there is none that is valid.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (at(i) & 0xC0) == 0x80; };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;   // longer than need be
    if (first == 0xED && at(1) >= 0xA0) return 0;  // a surrogate
    return 3;
  }
  if (first >= 0xF0 && first < 0xF5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && at(1) < 0x90) return 0;
    if (first == 0xF4 && at(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

void set_log(const LogConfig& config) {
  troupe::log::set_level(config.level);
  troupe::log::set_sink(config.format == LogConfig::Format::json ? write_json : nullptr, nullptr);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
  return out;
}

}  // namespace greenroom
