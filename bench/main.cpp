// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// troupe-bench WORKLOAD [SIZE...]   runs one workload and prints `workload peer metric value unit`
// troupe-bench --tiny WORKLOAD      the same at sizes that take no time, to see that it runs
// troupe-bench --list               the workloads and what their sizes mean
//
// BENCH_SCHED=n sets the number of workers. Everything else is as users have it by default.
#include "workloads.hpp"

namespace {

using namespace troupe::bench;

const Workload* const all[] = {&spawn_exit,   &spawn_idle,   &spawn_idle_server,
                               &ping_pong,    &ring,         &fan_in,
                               &fan_out,      &big,          &calls,
                               &bank,         &selective,    &timers,
                               &fairness,     &restarts,     &mailbox,
                               &registry,     &big_messages, &crash,
                               &parallel_map, &idle_node,    &outstanding,
                               &monitors,     &wake_up};

std::vector<std::int64_t> numbers(std::string_view text) {
  std::vector<std::int64_t> result;
  std::string word;
  for (const char c : std::string{text} + ' ') {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      result.push_back(std::atoll(word.c_str()));
      word.clear();
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> words{argv + 1, argv + argc};
  if (!words.empty() && words[0] == "--list") {
    for (const Workload* workload : all) {
      std::printf("%.*s %.*s\n", static_cast<int>(workload->name.size()), workload->name.data(),
                  static_cast<int>(workload->arguments.size()), workload->arguments.data());
    }
    return 0;
  }
  const bool is_tiny = !words.empty() && words[0] == "--tiny";
  if (is_tiny) words.erase(words.begin());
  for (const Workload* workload : all) {
    if (words.empty() || workload->name != words[0]) continue;
    // Every peer's reports of crashes are switched off too.
    troupe::log::set_level(troupe::log::Level::none);
    std::string sizes;
    for (std::size_t i = 1; i < words.size(); ++i) sizes.append(words[i]).append(" ");
    workload->run(Arguments{numbers(is_tiny ? workload->tiny : std::string_view{sizes})});
    return 0;
  }
  std::fprintf(stderr, "usage: troupe-bench [--tiny] WORKLOAD [SIZE...]; see --list\n");
  return 2;
}
