// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Small random programs of two to six processes, each a list of operations on the others, which are
// known by number. Two interpreters run them: scripts.erl and troupe_run.cpp.
//
// What a process observes it writes into a log of its own; the logs and the reasons of all ends,
// side by side, are the trace. How the logs interleave is left out, as no program can tell.
namespace troupe::differential {

enum class Verb : std::uint8_t {
  send,          // a: process, b: number
  send_name,     // a: name, b: number
  link,          // a: process
  unlink,        // a: process
  monitor,       // a: process
  monitor_name,  // a: name
  demonitor,     // a: which of the monitors that this process has made, b: 1 with flush
  exit,          // a: process, b: reason
  leave,         // a: reason; erlang:exit/1
  trap,          // a: 0 or 1
  receive,       // a: which messages (Wanted), b: how long, in units
  linger,        // receives anything until nothing has come for b units
  enter,         // a: name, b: process; registers it
  unregister,    // a: name
  whereis,       // a: name
  alive,         // a: process
  start_timer,   // a: process, b: how long, in units, c: number
  cancel_timer,  // a: which of the timers that this process has started
  spawn,         // a: process, which is nobody's before; b: 0 alone, 1 linked, 2 monitored, 3 both
};
inline constexpr const char* verb_names[] = {
    "send",    "send_name", "link",        "unlink",       "monitor", "monitor_name", "demonitor",
    "exit",    "leave",     "trap",        "'receive'",    "linger",  "enter",        "unregister",
    "whereis", "alive",     "start_timer", "cancel_timer", "spawn"};

enum class Wanted : std::uint8_t { anything, numbers, exits, downs };
inline constexpr const char* reasons[] = {"normal", "shutdown", "boom", "kill"};
inline constexpr int name_count = 2;

// How long a unit is: enough for a busy machine to keep the order of what is units apart.
inline constexpr int unit_ms = 20;

struct Operation {
  Verb verb;
  int a = 0;
  int b = 0;
  int c = 0;
};

struct Body {
  bool is_root = true;  // started from outside, and not by another's `spawn`
  std::vector<Operation> operations;
};

struct Script {
  std::uint64_t seed = 0;
  std::vector<Body> bodies;
};

// The same seed gives the same script.
Script make_script(std::uint64_t seed);

// As a term that file:consult reads: {Seed, [{IsRoot, [{Verb, A, B, C}]}]}.
std::string to_erlang(const Script& script);
// For people: an operation a line.
std::string to_string(const Script& script);

// What one run has shown: a line per process, `Number: Event, Event, ...`.
using Observed = std::string;

}  // namespace troupe::differential
