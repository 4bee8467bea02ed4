// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <filesystem>

#include "system.hpp"

using namespace todo;

int main() {
  const std::string directory = std::filesystem::temp_directory_path() / "troupe-todo";
  std::filesystem::remove_all(directory);
  for (const char* session : {"first", "second"}) {
    const int code = run(
        [](Process& self, std::string where, std::string which) -> Async<> {
          co_await start(self, where);
          const auto alice = co_await server_process(self, "Alice");
          if (which == "first") {
            co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
            co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Call dentist"}});
            co_await call(self, alice, Server::AddEntry{{"2024-01-23", "Pay rent"}});
          }
          for (const Entry& entry : co_await call(self, alice, Server::Entries{"2024-01-22"})) {
            std::printf("%s session: %d %s\n", which.c_str(), entry.id, entry.title.c_str());
          }
        },
        directory, std::string{session});
    if (code != 0) return code;
  }
  std::filesystem::remove_all(directory);
}
