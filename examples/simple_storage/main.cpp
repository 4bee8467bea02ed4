// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <filesystem>

#include "simple_storage.hpp"

using namespace simple_storage;

int main() {
  const auto directory = std::filesystem::temp_directory_path() / "troupe-simple-storage";
  std::filesystem::remove_all(directory);
  auto storage = SimpleStorage::open(directory).value();
  const UserData alice{"Alice", {{1, "Buy milk", false}, {2, "Call dentist", true}}};
  if (!storage.put("alice_todos", alice) || !storage.put("../escape", alice)) return 1;
  const auto read = storage.get<UserData>("alice_todos").value().value();
  std::printf("%s has %zu to-dos, the first is \"%s\"\n", read.user.c_str(), read.todos.size(),
              read.todos[0].title.c_str());
  const auto keys = storage.list_keys().value();
  for (const std::string& key : keys) std::printf("key %s\n", key.c_str());
  if (!storage.remove("alice_todos")) return 1;
  std::printf("after delete: %s\n",
              storage.get<UserData>("alice_todos").value() ? "still there" : "not found");
  std::filesystem::remove_all(directory);
}
