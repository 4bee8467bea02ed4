// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <filesystem>

#include "session_store.hpp"

using namespace session_store;

int main() {
  const std::string directory = std::filesystem::temp_directory_path() / "troupe-session-store";
  std::filesystem::remove_all(directory);
  const int code = run(
      [](Process& self, std::string where) -> Async<> {
        co_await start(self, where);
        const auto ada = co_await create_session(self, "ada");
        co_await call(self, ada, Session::Put{"cart", "3 books"});
        std::printf("ada's cart: %s\n", (co_await call(self, ada, Session::Get{"cart"}))->c_str());
        exit(ada.pid(), "crash");  // its supervisor starts it again, with what was saved
        std::optional<ServerRef<Session>> again;
        while (!(again = get_session("ada")) || *again == ada) co_await self.yield();
        std::printf("after a crash: %s\n",
                    (co_await call(self, *again, Session::Get{"cart"}))->c_str());
        co_await delete_session(self, "ada");
        std::printf("after logout: %zu sessions\n", active_sessions().size());
        const auto stats = co_await call(self, named<Stats>("stats"), Stats::GetStats{});
        std::printf("%ld created, %ld accesses, %ld deleted\n", stats.creates, stats.accesses,
                    stats.deletes);
      },
      directory);
  std::filesystem::remove_all(directory);
  return code;
}
