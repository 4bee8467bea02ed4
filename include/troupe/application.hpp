// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <troupe/child_spec.hpp>
#include <troupe/runtime.hpp>

namespace troupe {

// A part of a program that starts and stops as a whole: a supervision tree, what it needs to run
// before it, and what is to be done around its stop. OTP's application.
//
//     int main() {
//       return run_application({.name = "shop", .tree = supervisor("shop", {child<Store>("data"),
//                                                                           child<Web>(8080)})});
//     }
struct Application {
  Name name;
  // What starts the top of the tree; nothing: a library without processes. The extra information of
  // a start function (ChildStarted::info) is the state that the functions below get.
  std::optional<ChildSpec> tree = std::nullopt;
  // Applications that run before this one starts, and are stopped after it.
  std::vector<Name> needs = {};
  // Runs while the tree still works, and gives the state for `stop`; then the tree is stopped, its
  // children in reverse order of start; then `stop` runs.
  Async<Term> (*prep_stop)(Process& self, Term state) = nullptr;
  Async<> (*stop)(Process& self, Term state) = nullptr;
  // Settings with their defaults: a map from atoms.
  Term environment = map({});
  // How long each of the three may take. What is late is reported and killed.
  Duration phase_deadline = std::chrono::seconds{20};
};

template <>
inline constexpr bool enable_message<Application> = true;

// What the end of an application's tree, which it was not asked for, means for the rest.
enum class ApplicationType : std::uint8_t {
  permanent,  // everything is stopped
  transient,  // everything is stopped, unless the reason was normal
  temporary,  // it is reported, and the others go on
};

struct ApplicationError {
  enum class Code : std::uint8_t {
    not_loaded,  // nobody has described `application`
    already_loaded,
    not_started,  // `application` is needed and does not run; or is to be stopped and does not
    already_started,
    failed,  // its tree did not start: `reason`
  };
  Code code;
  Atom application;
  ExitReason reason = {};

  Term term() const;  // R in OTP's {error, R}
  std::string to_string() const;
};

// The applications of a node: which are known, which run, and their settings. Every function finds
// the node's controller by its name, application_controller; run_application starts it, or
// start_link does.
class ApplicationController {
 public:
  // Linked to the caller. When everything has to stop because of an application's end, `tell` gets
  // an ApplicationsMustStop; without it, or when the controller ends otherwise, it stops them
  // itself.
  static Async<> start_link(Process& self, Pid tell = {});

  // Makes it known, with its settings. Error: already_loaded.
  static Async<std::expected<void, ApplicationError>> load(Process& self, Application application);
  // Starts its tree. Errors: not_loaded, already_started, not_started if something it needs does
  // not run, failed if its tree does not start.
  static Async<std::expected<void, ApplicationError>> start(
      Process& self, Name name, ApplicationType type = ApplicationType::temporary);
  // Starts what it needs, in order, then it: the names of those that were not running yet.
  static Async<std::expected<std::vector<Atom>, ApplicationError>> ensure_all_started(
      Process& self, Name name, ApplicationType type = ApplicationType::temporary);
  // Runs prep_stop, stops its tree, runs stop; what needs it is left running. Error: not_started.
  static Async<std::expected<void, ApplicationError>> stop(Process& self, Name name);
  // In the order of their start.
  static Async<std::vector<Atom>> started(Process& self);
  // Stops all in reverse order of their start. After `deadline` whatever is left is killed.
  static Async<> stop_all(Process& self, Duration deadline = infinity);

  // Settings; nothing for unknown keys and applications.
  static Async<std::optional<Term>> get_env(Process& self, Name application, Atom key);
  static Async<> put_env(Process& self, Name application, Atom key, Term value);
  static Async<> delete_env(Process& self, Name application, Atom key);
};

// What the process that ApplicationController::start_link was given gets when everything has to
// stop.
struct ApplicationsMustStop {
  Atom application;
  ExitReason reason;
};

struct ApplicationRunOptions {
  RuntimeOptions runtime = {};
  Duration stop_deadline = std::chrono::seconds{60};  // for all applications together
};

// A whole program: starts a runtime and the applications with what they need, as permanent, and
// waits for SIGTERM, SIGINT or the end of one of them; then stops them in reverse order, within the
// deadlines, and says in the log who was late. Returns the exit code: 0 after a signal, 1 if an
// application did not start or has ended.
int run_application(Application application, ApplicationRunOptions options = {});
int run_applications(std::vector<Application> applications, ApplicationRunOptions options = {});

}  // namespace troupe
