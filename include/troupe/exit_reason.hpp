// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/detail/shared.hpp>
#include <troupe/message.hpp>
#include <troupe/term.hpp>

namespace troupe {

// What is known of a C++ exception that ended a process: for reports, not for matching.
struct ExceptionReport {
  std::string type;           // demangled, as the compiler spells it
  std::string text;           // what(), where it derives from std::exception
  std::vector<void*> frames;  // addresses of the calls that led to the throw, innermost first

  // The same by name, `function at file:line` a line, as far as the program's symbols and debug
  // information tell. Looked up now: the first time takes milliseconds. Empty where it was not
  // recorded: the exception was kept by its process across an await before it got loose, or was
  // thrown outside of every process.
  std::string stack() const;
};

// Why a process ended: a term, as in Erlang. `normal`, `shutdown` and `{shutdown, Term}` are
// orderly ends; anything else is a crash. `kill` sent as a signal cannot be trapped and arrives at
// links and monitors as `killed`. An exception that left the process is `{Error, Stack}`, and
// exception() says more. Immutable and cheap to copy.
//
// Source: erlang:exit/1,2 and the reference manual's chapter on processes.
class ExitReason {
 public:
  ExitReason() : term_{atoms::normal} {}
  ExitReason(Atom reason) : term_{reason} {}
  ExitReason(Term reason) : term_{std::move(reason)} {}
  ExitReason(std::string_view reason) : term_{Atom{reason}} {}
  ExitReason(const char* reason) : term_{Atom{reason}} {}

  // The reason of a process that an exception left: `{Error, Stack}`. Error is what an
  // ErrorException or ThrownException carries, else the exception's type as an atom and its text.
  // Where there is no memory left to say that, it is `system_limit`.
  static ExitReason from_exception(std::exception_ptr exception);
  static ExitReason shutdown_with(Term why) { return ExitReason{tuple({atoms::shutdown, why})}; }

  const Term& term() const noexcept { return term_; }
  bool is(Atom reason) const noexcept { return term_ == Term{reason}; }
  bool is_normal() const noexcept { return is(atoms::normal); }
  // True for normal, shutdown and {shutdown, _}: ends that supervisors do not call failures.
  bool is_orderly() const noexcept;

  // Null unless an exception ended the process.
  const ExceptionReport* exception() const noexcept;

  // Erlang syntax; an exception prints as its type and text.
  std::string to_string() const;

  friend bool operator==(const ExitReason& a, const ExitReason& b) noexcept {
    return a.term_ == b.term_;
  }

 private:
  static ExitReason describe(std::exception_ptr exception);

  Term term_;
  detail::Shared<const detail::CountedValue<ExceptionReport>> exception_;
};

template <>
inline constexpr bool enable_message<ExitReason> = true;
template <>
inline constexpr bool enable_message<Term> = true;
template <>
inline constexpr bool enable_message<Atom> = true;
template <>
inline constexpr bool enable_message<Pid> = true;
template <>
inline constexpr bool enable_message<Ref> = true;

// What `self.exit(reason)` throws: an exception of class exit. Catch it to go on living.
class ExitException : public std::exception {
 public:
  explicit ExitException(ExitReason reason) : reason_{std::move(reason)} {}
  const ExitReason& reason() const noexcept { return reason_; }
  const char* what() const noexcept override { return "the process exits"; }

 private:
  ExitReason reason_;
};

// An exception of class error with a term as its reason: uncaught, the process ends with
// `{Error, Stack}`. OTP: erlang:error/1.
class ErrorException : public std::exception {
 public:
  explicit ErrorException(Term error);
  const Term& error() const noexcept { return error_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Term error_;
  std::string text_;
};

// An exception of class throw: uncaught, the process ends with `{{nocatch, Value}, Stack}`.
// OTP: erlang:throw/1.
class ThrownException : public std::exception {
 public:
  explicit ThrownException(Term value) : value_{std::move(value)} {}
  const Term& value() const noexcept { return value_; }
  const char* what() const noexcept override { return "a thrown term was not caught"; }

 private:
  Term value_;
};

}  // namespace troupe
