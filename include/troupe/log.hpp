// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <troupe/exit_reason.hpp>
#include <troupe/message.hpp>
#include <troupe/pid.hpp>

// Structured logging: a line has a time, a level, the process that wrote it, a text, and fields.
// Text goes to stderr as `2026-11-21T10:00:00.123Z warning <1.7.1> text key=value`; set_sink sends
// it elsewhere. Formatting is by `{}` only, in order, and happens in one .cpp file, so that a log
// line costs a user's compile next to nothing.
namespace troupe::log {

// `none` is no line's level: as the lowest one that is written, it silences all.
enum class Level : std::uint8_t { debug, info, notice, warning, error, none };

// Anything that can stand in for `{}`, as text.
class Argument {
 public:
  Argument(std::string_view text);
  Argument(const std::string& text);
  Argument(const char* text);
  Argument(bool value);
  Argument(Pid pid);
  Argument(const Term& term);
  Argument(const ExitReason& reason);
  Argument(const Any& message);
  Argument(double value);
  template <class T>
    requires std::is_integral_v<T>
  Argument(T value)
      : text_{std::is_signed_v<T> ? from_signed(static_cast<std::int64_t>(value))
                                  : from_unsigned(static_cast<std::uint64_t>(value))} {}
  const std::string& text() const noexcept { return text_; }

 private:
  static std::string from_signed(std::int64_t value);
  static std::string from_unsigned(std::uint64_t value);
  std::string text_;
};

struct Field {
  std::string_view key;
  Argument value;
};

// A finished line, as a sink gets it.
struct Record {
  Level level;
  std::int64_t system_time_ns;
  Pid process;  // null outside of a process
  std::string_view text;
  std::initializer_list<Field> fields;
};

using Sink = void (*)(void* context, const Record& record);

// Where lines go from now on, for the whole program; null: back to stderr. The sink may be called
// from several threads at once.
void set_sink(Sink sink, void* context) noexcept;
// Lines below this level are dropped. Default: info.
void set_level(Level level) noexcept;
Level level() noexcept;

// One line, if its level is written. Each `{}` of the format becomes the next argument. From any
// thread; inside of a process the line has its pid.
void write(Level level, std::string_view format, std::initializer_list<Argument> arguments,
           std::initializer_list<Field> fields = {});

template <class... A>
void debug(std::string_view format, const A&... arguments) {
  if (level() <= Level::debug) write(Level::debug, format, {Argument(arguments)...});
}
template <class... A>
void info(std::string_view format, const A&... arguments) {
  if (level() <= Level::info) write(Level::info, format, {Argument(arguments)...});
}
template <class... A>
void notice(std::string_view format, const A&... arguments) {
  if (level() <= Level::notice) write(Level::notice, format, {Argument(arguments)...});
}
template <class... A>
void warning(std::string_view format, const A&... arguments) {
  if (level() <= Level::warning) write(Level::warning, format, {Argument(arguments)...});
}
template <class... A>
void error(std::string_view format, const A&... arguments) {
  write(Level::error, format, {Argument(arguments)...});
}

// Writes `<node.index.generation>` and the like.
std::string to_string(Pid pid);

}  // namespace troupe::log
