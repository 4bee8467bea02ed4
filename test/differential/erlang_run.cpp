// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "differential/erlang_run.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace troupe::differential {

bool has_erlang() { return std::system("command -v erl >/dev/null 2>&1") == 0; }

std::optional<std::map<std::uint64_t, Observed>> run_on_erlang(const std::vector<Script>& scripts,
                                                               unsigned schedulers) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("troupe-differential-" + std::to_string(getpid()) + ".terms");
  {
    std::ofstream out{file};
    for (const Script& script : scripts) out << to_erlang(script);
  }
  // What the scripts crash with on purpose is not for the log.
  const std::string command =
      "erl +S " + std::to_string(schedulers) +
      " -noinput -kernel logger_level none -eval '{ok,scripts,B}=compile:file(\"" +
      std::string{TROUPE_DIFFERENTIAL_SCRIPTS} +
      "\",[binary]),{module,scripts}=code:load_binary(scripts,\"scripts\",B),scripts:main(\"" +
      file.string() + "\").'";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return std::nullopt;
  std::map<std::uint64_t, Observed> traces;
  char* line = nullptr;
  std::size_t capacity = 0;
  for (ssize_t size; (size = getline(&line, &capacity, pipe)) > 0;) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(line, line + size, seed);
    if (error != std::errc{} || *end != '\t') continue;
    traces[seed] = Observed(end + 1, static_cast<std::size_t>(line + size - 1 - (end + 1)));
  }
  std::free(line);
  const int status = pclose(pipe);
  std::filesystem::remove(file);
  if (status != 0 || traces.size() != scripts.size()) return std::nullopt;
  return traces;
}

}  // namespace troupe::differential
