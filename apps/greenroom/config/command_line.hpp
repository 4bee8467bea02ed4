// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "tools/copy_keys.hpp"
#include "tools/load.hpp"

namespace greenroom {

// What a command line asks for.
struct CommandLine {
  enum class Command : std::uint8_t {
    serve,
    check_config,
    copy,
    load,
    list_snapshots,
    verify_snapshots,
    restore_snapshot,
  };
  Command command = Command::serve;
  Config config;
  CopyOptions copy;  // of import and export
  LoadOptions load;  // of bench
  struct Snapshot {
    std::string directory;
    std::vector<std::string> files;
    std::string file;
    std::string data;
    unsigned shards = 0;
  };
  Snapshot snapshot;
};

// Reads the words of main: the file named by --config first, the other flags over it. Nothing: what
// was to be said (help, or a mistake on stderr) has been said, and `exit_code` is the program's.
std::optional<CommandLine> parse_command_line(int count, const char* const* words, int& exit_code);

// The same command line over the same file, as that is now. Nothing: `mistakes` says why.
std::optional<Config> read_again(const Config& config, std::string& mistakes);

}  // namespace greenroom
