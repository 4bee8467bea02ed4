// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// greenroom: a session store that speaks the Redis protocol.
#include <cstdio>

#include "config/command_line.hpp"
#include "serve.hpp"
#include "tools/snapshot_commands.hpp"

namespace {

int check(const greenroom::Config& config) {
  const auto problems = greenroom::problems_of(config);
  for (const std::string& problem : problems) {
    std::fprintf(stderr, "greenroom: %s\n", problem.c_str());
  }
  if (!problems.empty()) return 1;
  std::printf("The configuration is fine.\n");
  return 0;
}

}  // namespace

int main(int count, char** words) {
  int exit_code = 0;
  const auto line = greenroom::parse_command_line(count, words, exit_code);
  if (!line) return exit_code;
  switch (line->command) {
    case greenroom::CommandLine::Command::check_config:
      return check(line->config);
    case greenroom::CommandLine::Command::copy:
      return greenroom::copy_keys(line->copy);
    case greenroom::CommandLine::Command::load:
      return greenroom::run_load(line->load);
    case greenroom::CommandLine::Command::list_snapshots:
      return greenroom::list_snapshots(line->snapshot.directory);
    case greenroom::CommandLine::Command::verify_snapshots:
      return greenroom::verify_snapshots(line->snapshot.files);
    case greenroom::CommandLine::Command::restore_snapshot:
      return greenroom::restore_snapshot(line->snapshot.file, line->snapshot.data,
                                         line->snapshot.shards);
    case greenroom::CommandLine::Command::serve:
      break;
  }
  return greenroom::serve(line->config);
}
