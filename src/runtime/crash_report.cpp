// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/crash_report.hpp"

#include <chrono>
#include <new>

#include <troupe/log.hpp>

#include "host/stack_trace.hpp"
#include "host/standard_error.hpp"
#include "runtime/relations.hpp"

namespace troupe::detail {

std::string stack_line(std::span<void* const> frames) {
  std::string line;
  // Once in a program's life the names are to be read first. A process that crashes waits a little
  // for them, and not for long: others wait for its end.
  constexpr std::chrono::milliseconds patience{250};
  for (const char each : describe_stack(frames, patience)) {
    if (each == '\n') {
      line += " < ";
    } else {
      line += each;
    }
  }
  return line.empty() ? "-" : line;
}

namespace {

std::string links_of(const Block& block) {
  std::string text{"["};
  if (block.relations) {
    for (const auto [partner, end] : block.relations->links) {
      if (text.size() > 1) text += ',';
      if (text.size() > 400) {
        text += "...";
        break;
      }
      text += log::to_string(partner);
    }
  }
  return text + ']';
}

// What it takes to write it down may be what the process has run out of.
void write_report(const Block& block, const ExitReason& reason,
                  const CrashContext& context) noexcept try {
  const Relations* relations = block.relations;
  const std::uint32_t name = block.name.load();
  const std::source_location& where = block.continuation().where;
  std::size_t waiting = 0;
  for (Envelope* message = block.queue.head; message; message = message->next) ++waiting;
  const ExceptionReport* exception = reason.exception();
  log::write(
      log::Level::error, "process {} crashed: {}", {block.pid(), reason},
      {{"name", name ? Atom::from_index(name).text() : std::string_view{"-"}},
       {"label", relations && !relations->label.empty() ? std::string_view{relations->label}
                                                        : std::string_view{"-"}},
       {"behaviour", context.behaviour ? context.behaviour->kind : std::string_view{"process"}},
       {"type", context.behaviour                            ? context.behaviour->type
                : relations && !relations->body_name.empty() ? relations->body_name
                                                             : std::string_view{"-"}},
       {"exception", exception ? std::string_view{exception->type} : std::string_view{"-"}},
       {"thrown_at", exception ? stack_line(exception->frames) : std::string{"-"}},
       {"last_message",
        context.last_message.empty() ? std::string_view{"-"} : context.last_message},
       {"state", context.state.empty() ? std::string_view{"-"} : context.state},
       {"at", where.line() ? std::string{where.file_name()} + ":" + std::to_string(where.line())
                           : std::string{"-"}},
       {"mailbox", waiting},
       {"links", links_of(block)}});
} catch (const std::bad_alloc&) {
  write_to_standard_error("a process crashed, and there is no memory to report it\n");
}

}  // namespace

void report_crash(Process& self, const ExitReason& reason, const CrashContext& context) noexcept {
  Block& block = Block::of(self);
  if (reason.is_orderly()) return;
  if (log::level() <= log::Level::error) write_report(block, reason, context);
  block.crash_reported = true;
}

void report_crash(const Block& block, const ExitReason& reason) noexcept {
  // A signal that killed it was reported where it came from; what is told here left the body
  // itself.
  if (log::level() > log::Level::error) return;
  if (block.doomed || block.crash_reported || reason.is_orderly()) return;
  write_report(block, reason, CrashContext{block.behaviour.load(), {}});
}

}  // namespace troupe::detail
