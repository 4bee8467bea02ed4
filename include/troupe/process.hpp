// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/async.hpp>
#include <troupe/detail/receive.hpp>
#include <troupe/detail/reply.hpp>
#include <troupe/duration.hpp>
#include <troupe/exit_reason.hpp>
#include <troupe/message.hpp>
#include <troupe/pid.hpp>

namespace troupe {

class Runtime;

namespace detail {
// The typed values of the running process, each in an envelope of its own.
Envelope* find_local(Process& self, const MessageType* type) noexcept;
void keep_local(Process& self, Envelope* local);
bool drop_local(Process& self, const MessageType* type) noexcept;
}  // namespace detail

// A registered name, as an argument: an atom, or a text that becomes one.
struct Name {
  Name(Atom name) noexcept : atom{name} {}
  Name(std::string_view text) : atom{Atom{text}} {}
  Name(const char* text) : atom{Atom{text}} {}
  Name(const std::string& text) : atom{Atom{text}} {}
  Atom atom;
};

// A trapped exit signal, as a message: what a process that traps exits receives when a linked
// process ends or somebody sends it an exit signal. OTP: {'EXIT', From, Reason}.
struct Exit {
  Pid from;
  ExitReason reason;
};

// A monitored process has ended. Comes once per monitor. OTP: {'DOWN', Ref, process, Pid, Reason}.
struct Down {
  Ref ref;
  Pid pid;                       // null if it was monitored by a name that nobody had
  ExitReason reason;             // noproc if there was no such process
  Atom name = atoms::undefined;  // the name, if it was monitored by name
  Term tag = atoms::DOWN;        // what MonitorOptions::tag asked for
};

// An address that its owner can withdraw: messages sent to it reach the owner only while it is
// active when the owner takes them. OTP: process aliases (OTP 24).
struct Alias {
  Pid owner;
  Ref ref;
  friend bool operator==(const Alias&, const Alias&) = default;
};

enum class AliasMode : std::uint8_t {
  none,
  explicit_unalias,  // until unalias
  demonitor,         // until demonitor, the DOWN, or unalias
  reply_demonitor,   // as demonitor, and until the first message through it
  reply,             // until the first message through it, or unalias
};

struct MonitorOptions {
  Term tag = atoms::DOWN;             // put in Down::tag
  AliasMode alias = AliasMode::none;  // makes the reference an address too
};

enum class Flush : bool { no, yes };
enum class Priority : std::uint8_t { max, high, normal, low };

// What happens to a message for a process whose mailbox is full. Signals are never refused, and the
// Exit and Down messages that they become always come in. Whatever the policy, a call that finds no
// room fails at once with system_limit, and a cast or a timer's message is dropped, because there
// nobody is told. All of it is counted (see ProcessInfo).
enum class Overflow : std::uint8_t {
  reject_sender,  // the sender's send throws ErrorException{system_limit}
  drop_newest,    // the message is dropped
  drop_oldest,    // the oldest waiting message is dropped
  exit_receiver,  // it is dropped; the receiver ends with {mailbox_overflow, Limit}, whatever it
                  // traps
};

// A process, seen from inside: the capability to receive and to wait, handed to a process body as
// its first parameter. There is one per process, it cannot be copied, and it is not valid in any
// other process; every await checks that it is the running one.
//
//     Async<> greeter(Process& self) {
//       while (true) {
//         auto [from, name] = co_await self.receive<Greet>();
//         send(from, "hello " + name);
//       }
//     }
//
// Everything a process does to another is an asynchronous signal. Signals between one pair of
// processes keep their order, of whatever kind they are; between different pairs nothing is said.
class Process {
 public:
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Its own address.
  Pid pid() const noexcept;
  // The node it runs on.
  Runtime& runtime() const noexcept;

  // Takes the oldest message that fits one of the clauses and runs that clause; the value is what
  // the clause returned. Clauses are tried from top to bottom on each message, oldest first; what
  // fits none stays, in order. Clauses: callables with one parameter (the message), when(guard,
  // callable), after(time, callable). Waits until a message fits or the `after` time has passed.
  // Here as in every wait, a negative time throws ErrorException{timeout_value}.
  template <class... Clauses>
    requires(sizeof...(Clauses) > 0)
  auto receive(Clauses... clauses) {
    return make_receive(std::index_sequence_for<Clauses...>{},
                        detail::as_clause(std::move(clauses))...);
  }

  // The oldest message of type M. Waits for ever.
  template <Message M>
  detail::ReceiveOne<M> receive() {
    return detail::ReceiveOne<M>{*this};
  }

  // The oldest message of type M, or nothing if none has come within `timeout`.
  template <Message M>
  detail::ReceiveOneWithin<M> receive(Duration timeout) {
    return detail::ReceiveOneWithin<M>{*this, timeout};
  }

  // Waits at least this long, and takes no message.
  detail::Sleep sleep(Duration time) { return {*this, time}; }

  // Lets every other runnable process of this worker go first.
  detail::Yield yield() { return detail::Yield{*this}; }

  // Links: when one of the two ends abnormally, the other gets the reason as an exit signal. At
  // most one link between two processes; linking again, or to oneself, changes nothing. If `other`
  // is gone: throws ErrorException{noproc}, or, if this process traps exits, it gets Exit{other,
  // noproc}.
  void link(Pid other);
  // Afterwards no exit signal of that link comes any more; an Exit that is already in the mailbox
  // stays. Unlinking what was not linked does nothing.
  void unlink(Pid other);

  // Asks for one Down when `other` ends; at once, with noproc, if it is gone. Every call makes a
  // monitor of its own. By name: resolved now, and Down::name carries it.
  Ref monitor(Pid other, MonitorOptions options = {});
  Ref monitor(Name name, MonitorOptions options = {});
  // Afterwards no Down with this reference comes any more. One that is already in the mailbox
  // stays, unless Flush::yes. True if the monitor was still active.
  bool demonitor(Ref monitor, Flush flush = Flush::no);

  // An address for this process that it can withdraw with unalias.
  Alias alias(AliasMode mode = AliasMode::explicit_unalias);
  // The alias that goes with a monitor that was made with MonitorOptions::alias.
  Alias alias_of(Ref monitor) const noexcept { return Alias{pid(), monitor}; }
  // True if it was active, and made by this process.
  bool unalias(Alias alias);

  // Ends this process with `reason`, by throwing ExitException: destructors run, and a handler may
  // catch it and go on. OTP: erlang:exit/1.
  [[noreturn]] void exit(ExitReason reason);

  // Whether exit signals other than `kill` become Exit messages. Off in a new process. Returns what
  // it was.
  bool trap_exits(bool on = true) noexcept;
  bool traps_exits() const noexcept;

  // Gives this process a name on its node. Throws ErrorException{badarg} if the name is taken or
  // reserved (undefined, nil, true, false), or if the process has a name.
  void register_name(Name name);

  // The process dictionary: terms by key, private to this process, gone with it. put and erase give
  // the old value, get the present one, `undefined` if there is none. OTP: erlang:put/2, get/1.
  Term put(Term key, Term value);
  Term get(const Term& key) const;
  Term erase(const Term& key);

  // A value of this process, one for each type T: what a global or a thread_local would be
  // elsewhere. Made from `initial` at the first use, seen by nobody else, and destroyed with the
  // process, after its frames. The reference stays good until then, or until drop_local.
  template <class T, class... A>
  T& local(A&&... initial) {
    detail::Envelope* found = detail::find_local(*this, &detail::message_type<T>);
    if (!found) {
      found = detail::make_envelope<T>(std::forward<A>(initial)...);
      detail::keep_local(*this, found);
    }
    return detail::value_of<T>(found);
  }
  // Null if there is none.
  template <class T>
  T* find_local() noexcept {
    detail::Envelope* found = detail::find_local(*this, &detail::message_type<T>);
    return found ? &detail::value_of<T>(found) : nullptr;
  }
  // Destroys it. False if there was none.
  template <class T>
  bool drop_local() noexcept {
    return detail::drop_local(*this, &detail::message_type<T>);
  }

  // Returns what it was. High and max go before everybody else on the worker; low runs every eighth
  // time its turn comes.
  Priority set_priority(Priority priority) noexcept;

  // A text that reports and the observer show beside the pid.
  void set_label(std::string label);

  // At most `limit` messages wait in the mailbox from now on (0: no limit, the default). Messages
  // that wait already stay, except with drop_oldest. That policy acts when this process looks at
  // its mail; a process that does not look for long has at most three times its limit in memory.
  // Senders that would rather wait: see troupe/send_when_ready.hpp.
  void set_mailbox_limit(std::size_t limit, Overflow policy);

  // Gives up the stack of this process, all of it, and goes on in `f(self, arguments...)` when a
  // message is there. Mailbox, links, monitors, names and dictionary stay. Never returns.
  template <class F, Message... A>
  detail::Yield hibernate(F f, A... arguments);

  // A reference nobody has had before on this node.
  Ref make_ref();

  // The node's clocks, virtual in a simulation: one that never goes back, since an arbitrary
  // moment, and the calendar's, since 1970-01-01 UTC, which jumps when somebody sets it.
  Duration monotonic_time() const noexcept;
  Duration system_time() const noexcept;
  // 64 random bits; in a simulation they come from its seed. Not for secrets.
  std::uint64_t random() const noexcept;

 protected:
  Process() = default;
  ~Process() = default;

  template <std::size_t... I, class... C>
  auto make_receive(std::index_sequence<I...>, C... clauses) {
    return detail::ReceiveAwaiter<std::index_sequence<I...>, C...>{*this, std::move(clauses)...};
  }

  detail::Continuation continuation_;
};

namespace detail {

// Hands a filled envelope to whoever has this address; frees it if nobody has.
void deliver(Pid to, Envelope* envelope) noexcept;
void deliver_limited(Pid to, Envelope* envelope);
void deliver(Atom to, Envelope* envelope);
void deliver(const Alias& to, Envelope* envelope);

// The process this thread runs, null outside of one.
Process* current_process() noexcept;

}  // namespace detail

// Sends a message: never waits. It is dropped without a word if the process is gone. A process that
// has set a mailbox limit with Overflow::reject_sender makes it throw ErrorException{system_limit}.
template <Message M>
void send(Pid to, M message) {
  detail::deliver_limited(to, detail::make_envelope<M>(std::move(message)));
}

// To a registered name, resolved now. Throws ErrorException{badarg} if nobody has it.
template <Message M>
void send(Name to, M message) {
  detail::deliver(to.atom, detail::make_envelope<M>(std::move(message)));
}

// To the owner of an alias; dropped without a word if the alias is not active any more.
template <Message M>
void send(const Alias& to, M message) {
  detail::deliver(to, detail::make_envelope<M>(std::move(message)));
}

// A text literal is sent as std::string.
template <class To>
void send(const To& to, const char* text) {
  send(to, std::string{text});
}

// Sends an exit signal. `kill` ends it whatever it traps, with reason `killed`; `normal` is ignored
// by others unless they trap exits; any other reason ends it or, if it traps exits, becomes an Exit
// message. To oneself the signal acts before this returns (a fatal one by leaving through an
// exception that no handler can stop). OTP: erlang:exit/2.
void exit(Pid to, ExitReason reason);

// The process with this name on the caller's node, or the null pid. In a process; a thread outside
// asks a runtime (runtime.hpp). OTP: erlang:whereis/1.
Pid whereis(Name name);

// Names another process of this node; same errors as Process::register_name, and badarg if it is
// gone.
void register_name(Name name, Pid pid);
// Throws ErrorException{badarg} if nobody has it.
void unregister_name(Name name);

// Whether the process lives, after everything the caller has sent it before has acted. OTP:
// erlang:is_process_alive/1.
Async<bool> is_alive(Process& self, Pid pid);

// What can be asked of another process; acts after the asker's own earlier signals.
struct ProcessInfo {
  enum class State { running, runnable, waiting, suspended };
  State state = State::waiting;
  std::vector<Pid> links;
  std::vector<Pid> monitors;          // whom it monitors
  std::vector<Atom> monitored_names;  // whom it monitors by name
  std::vector<Pid> monitored_by;
  std::vector<Pid> suspending;  // whom it has suspended
  std::size_t mailbox_length = 0;
  std::size_t mailbox_limit = 0;        // 0: none
  std::uint64_t messages_dropped = 0;   // by its mailbox limit
  std::uint64_t messages_rejected = 0;  // likewise; their senders were told
  std::uint64_t reductions = 0;         // awaits that it has made
  bool traps_exits = false;
  Priority priority = Priority::normal;
  Atom name = atoms::undefined;
  std::string label;
  std::string_view behaviour;  // "GenServer"; empty for a plain process
  std::string_view type;       // of the server: the class
  std::string waits_at;        // file:line of the co_await it stands in
  Term dictionary;             // a list of {Key, Value}
};
// Nothing if the process is gone. OTP: erlang:process_info/1.
Async<std::optional<ProcessInfo>> process_info(Process& self, Pid pid);

// Stops a process from running until its suspender has resumed it as often as it has suspended it,
// or has ended. Messages wait; signals act, so that it can be killed. False if there is no such
// process. Throws ErrorException{badarg} for oneself. OTP: erlang:suspend_process/1.
Async<bool> suspend(Process& self, Pid pid);
// Takes one suspension of the caller's back. Throws ErrorException{badarg} if it has none there.
void resume(Pid pid);

}  // namespace troupe
