// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "conformance/scenario.hpp"

#include <algorithm>

namespace troupe::conformance {

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all;
  for (const auto area : {proc_scenarios(),          send_scenarios(),   receive_scenarios(),
                          exit_scenarios(),          link_scenarios(),   monitor_scenarios(),
                          alias_scenarios(),         name_scenarios(),   timer_scenarios(),
                          server_scenarios(),        call_scenarios(),   call_failure_scenarios(),
                          term_scenarios(),          sup_scenarios(),    restart_scenarios(),
                          restart_retry_scenarios(), dynsup_scenarios(), partition_scenarios(),
                          registry_scenarios(),      group_scenarios(),  task_scenarios(),
                          task_stream_scenarios(),   agent_scenarios(),  app_scenarios(),
                          statem_scenarios(),        event_scenarios(),  example_scenarios(),
                          service_scenarios()}) {
    all.insert(all.end(), area.begin(), area.end());
  }
  std::ranges::sort(all, {}, &Scenario::name);
  return all;
}

}  // namespace troupe::conformance
