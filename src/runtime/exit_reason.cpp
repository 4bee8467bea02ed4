// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdlib>
#include <cxxabi.h>
#include <span>
#include <typeinfo>

#include <troupe/exit_reason.hpp>

#include "base/thrown.hpp"
#include "host/stack_trace.hpp"
#include "runtime/throw_site.hpp"
#include "term/print.hpp"

namespace troupe {

namespace {

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

// The last name is kept: what crashes once crashes often, and a name takes as long to write out as
// a process takes to start.
std::string type_of(const std::exception_ptr& exception) {
  thread_local const std::type_info* last_type = nullptr;
  thread_local std::string last_name;
  const std::type_info* type = thrown_type(exception);
  if (!type) return "unknown";
  if (type != last_type) {
    last_name = demangled(type->name());
    last_type = type;
  }
  return last_name;
}

// What stands where Erlang has its list of frames; never empty, as Erlang's is not, because
// matching on a non-empty list is how people recognise `{Error, Stack}`.
Term stack_term(const ExceptionReport& report) {
  static const Term language = Atom{"c++"};
  static const Term thrown = Atom{"throw"};
  static const Term type = Atom{"type"};
  static const Term text = Atom{"text"};
  return list({tuple({language, thrown, 0,
                      list({tuple({type, Term::binary(report.type)}),
                            tuple({text, Term::binary(report.text)})})})});
}

// An exception's type as an atom, cut to what an atom can hold.
Atom type_atom(const std::string& type) {
  auto atom = Atom::try_make(std::string_view{type}.substr(0, Atom::max_characters));
  return atom ? *atom : atoms::exception_;
}

// The term of a C++ exception. It says no more than type and text, which are the same from one time
// to the next where something crashes often, and making it takes as long as half of the throw; so
// the last one is kept.
Term described(const ExceptionReport& report) {
  struct Described {
    std::string type;
    std::string text;
    Term term;
  };
  thread_local Described last;
  if (last.type != report.type || last.text != report.text) {
    last = {};  // in case there is no memory for the next
    Term term =
        tuple({tuple({type_atom(report.type), Term::binary(report.text)}), stack_term(report)});
    last = Described{report.type, report.text, std::move(term)};
  }
  return last.term;
}

}  // namespace

ErrorException::ErrorException(Term error)
    : error_{std::move(error)}, text_{detail::to_readable(error_)} {}

std::string ExceptionReport::stack() const { return describe_stack(frames); }

ExitReason ExitReason::from_exception(std::exception_ptr exception) {
  try {
    return describe(std::move(exception));
  } catch (...) {
    return ExitReason{atoms::system_limit};  // no memory is left to say more
  }
}

ExitReason ExitReason::describe(std::exception_ptr exception) {
  if (const auto* exit = thrown_as<ExitException>(exception)) return exit->reason();
  const std::span<void* const> site = detail::throw_site_of(exception);
  auto kept = detail::share<detail::CountedValue<ExceptionReport>>();
  ExceptionReport* const report = &kept->value;
  report->frames.assign(site.begin(), site.end());
  report->type = type_of(exception);
  ExitReason reason;
  if (const auto* error = thrown_as<ErrorException>(exception)) {
    report->text = error->what();
    reason.term_ = tuple({error->error(), stack_term(*report)});
  } else if (const auto* thrown = thrown_as<ThrownException>(exception)) {
    report->text = detail::to_readable(thrown->value());
    reason.term_ = tuple({tuple({atoms::nocatch, thrown->value()}), stack_term(*report)});
  } else if (const auto* other = thrown_as<std::exception>(exception)) {
    report->text = other->what();
    reason.term_ = described(*report);
  } else {
    reason.term_ = tuple({type_atom(report->type), stack_term(*report)});
  }
  reason.exception_ = std::move(kept);
  return reason;
}

const ExceptionReport* ExitReason::exception() const noexcept {
  return exception_ ? &exception_->value : nullptr;
}

bool ExitReason::is_orderly() const noexcept {
  return is(atoms::normal) || is(atoms::shutdown) ||
         (term_.is_tuple(2) && term_[0].is_atom(atoms::shutdown));
}

std::string ExitReason::to_string() const {
  if (!exception_) return detail::to_readable(term_);
  const ExceptionReport& report = exception_->value;
  return report.text.empty() ? report.type : report.type + ": " + report.text;
}

}  // namespace troupe
