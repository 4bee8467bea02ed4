// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <atomic>
#include <charconv>
#include <ctime>
#include <mutex>

#include <troupe/log.hpp>

#include "host/standard_error.hpp"
#include "runtime/runtime_state.hpp"
#include "term/print.hpp"

namespace troupe::log {

namespace {

struct Target {
  Sink sink;
  void* context;
};

std::atomic<Level> lowest{Level::info};
std::mutex target_lock;
Target target{nullptr, nullptr};  // guarded by target_lock

constexpr std::string_view level_names[] = {"debug", "info", "notice", "warning", "error", "none"};

void append_time(std::string& line, std::int64_t ns) {
  const std::time_t seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  line.append(text, length);
  const int milliseconds = static_cast<int>(ns / 1'000'000 % 1000);
  const char digits[] = {'.', static_cast<char>('0' + milliseconds / 100),
                         static_cast<char>('0' + milliseconds / 10 % 10),
                         static_cast<char>('0' + milliseconds % 10), 'Z'};
  line.append(digits, sizeof digits);
}

void write_to_stderr(const Record& record) {
  std::string line;
  append_time(line, record.system_time_ns);
  line += ' ';
  line += level_names[static_cast<std::size_t>(record.level)];
  if (record.process) {
    line += ' ';
    line += to_string(record.process);
  }
  line += ' ';
  line += record.text;
  for (const Field& field : record.fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value.text();
  }
  line += '\n';
  write_to_standard_error(line);
}

std::string filled_in(std::string_view format, std::initializer_list<Argument> arguments) {
  std::string text;
  const Argument* next = arguments.begin();
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '{' && i + 1 < format.size() && format[i + 1] == '}') {
      text += next != arguments.end() ? (next++)->text() : std::string{"{}"};
      ++i;
    } else {
      text += format[i];
    }
  }
  return text;
}

std::int64_t now() noexcept {
  if (detail::context.runtime) return detail::context.runtime->executor->system_ns();
  std::timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

template <class T>
std::string number(T value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

}  // namespace

Argument::Argument(std::string_view text) : text_{text} {}
Argument::Argument(const std::string& text) : text_{text} {}
Argument::Argument(const char* text) : text_{text} {}
Argument::Argument(bool value) : text_{value ? "true" : "false"} {}
Argument::Argument(const Any& message) : text_{message.type_name()} {}
Argument::Argument(Pid pid) : text_{to_string(pid)} {}
Argument::Argument(const Term& term) : text_{detail::to_readable(term)} {}
Argument::Argument(const ExitReason& reason) : text_{reason.to_string()} {}
Argument::Argument(double value) : text_{number(value)} {}
std::string Argument::from_signed(std::int64_t value) { return number(value); }
std::string Argument::from_unsigned(std::uint64_t value) { return number(value); }

void set_sink(Sink sink, void* sink_context) noexcept {
  const std::lock_guard guard{target_lock};
  target = Target{sink, sink_context};
}

void set_level(Level level) noexcept { lowest.store(level, std::memory_order_relaxed); }
Level level() noexcept { return lowest.load(std::memory_order_relaxed); }

void write(Level level, std::string_view format, std::initializer_list<Argument> arguments,
           std::initializer_list<Field> fields) {
  if (level < log::level()) return;
  const std::string text = filled_in(format, arguments);
  const Pid process = detail::context.process ? detail::context.process->pid() : Pid{};
  const Record record{level, now(), process, text, fields};
  Target current;
  {
    const std::lock_guard guard{target_lock};
    current = target;
  }
  if (current.sink) {
    current.sink(current.context, record);
  } else {
    write_to_stderr(record);
  }
}

std::string to_string(Pid pid) {
  std::string text{"<"};
  text += number(pid.node());
  text += '.';
  text += number(pid.index());
  text += '.';
  text += number(pid.generation());
  text += '>';
  return text;
}

}  // namespace troupe::log
