// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <vector>

#include "base/flat_map.hpp"
#include "otp/application_master.hpp"

namespace troupe::detail {

inline constexpr std::string_view controller_name = "application_controller";

// The process behind ApplicationController. Starts and stops happen in processes of their own, so
// that applications may ask for their settings while they start and stop.
class ApplicationServer : public GenServer<ApplicationServer> {
 public:
  using Result = std::expected<void, ApplicationError>;
  struct Load {
    Application application;
    using Reply = Result;
  };
  struct Start {
    Atom name;
    ApplicationType type;
    using Reply = Result;
  };
  struct Stop {
    Atom name;
    Duration time_left;
    using Reply = Result;
  };
  struct Needs {
    Atom name;
    using Reply = std::expected<std::vector<Atom>, ApplicationError>;
  };
  struct Started {
    using Reply = std::vector<Atom>;
  };
  struct GetEnv {
    Atom application;
    Atom key;
    using Reply = std::optional<Term>;
  };
  struct SetEnv {
    Atom application;
    Atom key;
    std::optional<Term> value;  // nothing: delete it
    using Reply = bool;
  };
  struct StopDone {
    Atom name;
  };
  using Info = troupe::Messages<MasterStarted, MasterEnded, StopDone>;

  ApplicationServer(Process& self, Pid tell);

  Result handle_call(Load request);
  void handle_call(Process& self, Start request, From<Result> from);
  void handle_call(Process& self, Stop request, From<Result> from);
  Needs::Reply handle_call(Needs request);
  std::vector<Atom> handle_call(Started) { return order_; }
  std::optional<Term> handle_call(GetEnv request);
  bool handle_call(SetEnv request);
  void handle_info(MasterStarted message);
  Next handle_info(MasterEnded message);
  void handle_info(StopDone message);
  Next handle_info(Exit exit);
  Async<> terminate(Process& self, ExitReason reason);
  Term introspect() const;

 private:
  struct Known {
    enum class State : std::uint8_t { loaded, starting, running, stopping };
    explicit Known(Application described) : application{std::move(described)} {}
    Application application;
    State state = State::loaded;
    ApplicationType type = ApplicationType::temporary;
    Pid master;
    std::vector<From<Result>> waiting;  // for the start or the stop under way
  };
  struct AtomHash {
    using Query = Atom;
    std::uint64_t operator()(Atom atom) const noexcept { return mix64(atom.index() + 1); }
  };

  void set_loaded(Known& known);
  Next ended(Atom name, ExitReason reason);

  Pid tell_;
  FlatMap<Atom, Known, AtomHash> known_;
  FlatMap<Pid, Atom> by_master_;
  std::vector<Atom> order_;  // those that run, in the order of their start
};

}  // namespace troupe::detail
