// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/process.hpp>

namespace troupe::conformance {

// One rule of OTP as a small program. It prints, with `p`, the lines that expected/NAME.txt holds:
// those that real Erlang/OTP printed for the same program.
struct Scenario {
  std::string_view name;              // of its trace, without .txt
  Async<> (*body)(Process&);          // null: it cannot exist in C++
  std::string_view not_applicable{};  // why, in few words; the rest is in differences-from-otp.md
};

// By area; each is defined at the end of the file that it is named after.
std::span<const Scenario> proc_scenarios();
std::span<const Scenario> send_scenarios();
std::span<const Scenario> receive_scenarios();
std::span<const Scenario> exit_scenarios();
std::span<const Scenario> link_scenarios();
std::span<const Scenario> monitor_scenarios();
std::span<const Scenario> alias_scenarios();
std::span<const Scenario> name_scenarios();
std::span<const Scenario> timer_scenarios();
std::span<const Scenario> group_scenarios();
std::span<const Scenario> service_scenarios();
std::span<const Scenario> server_scenarios();
std::span<const Scenario> call_scenarios();
std::span<const Scenario> call_failure_scenarios();
std::span<const Scenario> term_scenarios();
std::span<const Scenario> sup_scenarios();
std::span<const Scenario> restart_scenarios();
std::span<const Scenario> restart_retry_scenarios();
std::span<const Scenario> dynsup_scenarios();
std::span<const Scenario> partition_scenarios();
std::span<const Scenario> registry_scenarios();
std::span<const Scenario> task_scenarios();
std::span<const Scenario> task_stream_scenarios();
std::span<const Scenario> agent_scenarios();
std::span<const Scenario> app_scenarios();
std::span<const Scenario> statem_scenarios();
std::span<const Scenario> event_scenarios();
std::span<const Scenario> example_scenarios();

// All of them, in the order of their numbers.
std::vector<Scenario> all_scenarios();

}  // namespace troupe::conformance
