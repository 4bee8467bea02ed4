// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <gtest/gtest.h>

#include "support/captured_log.hpp"
#include "support/directory_on_every_executor.hpp"
#include "todo/system.hpp"

namespace {

using namespace todo;

Async<std::vector<std::string>> titles(Process& self, ServerRef<Server> server, std::string date) {
  std::vector<std::string> found;
  for (const Entry& entry : co_await call(self, server, Server::Entries{date})) {
    found.push_back(entry.title);
  }
  co_return found;
}

using Titles = std::vector<std::string>;

template <class F>
void in_a_fresh_system(F) {
  test::with_a_directory_on_every_executor([](Process& self, std::string where) -> Async<> {
    co_await start(self, where);
    co_await F{}(self);
  });
}

TEST(TodoList, entries_are_found_by_date_and_changed_by_id) {
  List list;
  EXPECT_EQ(list.add({"2024-01-22", "Buy milk"}), 1);
  EXPECT_EQ(list.add({"2024-01-22", "Call dentist"}), 2);
  EXPECT_EQ(list.of_date("2024-01-22").size(), 2u);
  EXPECT_TRUE(list.update({"2024-01-23", "Buy oat milk", true, 1}));
  EXPECT_EQ(list.of_date("2024-01-23").front().title, "Buy oat milk");
  EXPECT_TRUE(list.remove(1));
  EXPECT_FALSE(list.remove(1));
  EXPECT_FALSE(list.update({"2024-01-23", "gone", false, 1}));
  EXPECT_EQ(list.add({"2024-01-22", "new"}), 3);  // ids are not used again
}

TEST(Todo, lists_are_separate_and_one_name_is_one_server) {
  in_a_fresh_system([](Process& self) -> Async<> {
    const auto alice = co_await server_process(self, "Alice");
    const auto bob = co_await server_process(self, "Bob");
    EXPECT_EQ(alice, co_await server_process(self, "Alice"));
    co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Dentist appointment"}});
    co_await call(self, bob, Server::AddEntry{{"2024-01-22", "Team meeting"}});
    EXPECT_EQ(co_await titles(self, alice, "2024-01-22"), Titles{"Dentist appointment"});
    EXPECT_EQ(co_await titles(self, bob, "2024-01-22"), Titles{"Team meeting"});
    auto names = list_names();
    std::ranges::sort(names);
    EXPECT_EQ(names, (Titles{"Alice", "Bob"}));
  });
}

TEST(Todo, entries_survive_a_restart_of_everything) {
  test::with_a_directory_on_every_executor([](Process& self, std::string where) -> Async<> {
    for (const bool first : {true, false}) {
      const auto system = co_await start(self, where);
      const auto alice = co_await server_process(self, "Alice");
      if (first) co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
      EXPECT_EQ(co_await titles(self, alice, "2024-01-22"), Titles{"Buy milk"});
      co_await stop(self, system);
    }
  });
}

TEST(Todo, a_changed_entry_is_found_under_its_new_date_and_a_deleted_one_nowhere) {
  in_a_fresh_system([](Process& self) -> Async<> {
    const auto alice = co_await server_process(self, "Alice");
    const int id = co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
    EXPECT_TRUE(co_await call(self, alice, Server::UpdateEntry{{"2024-01-23", "Milk", true, id}}));
    EXPECT_EQ(co_await titles(self, alice, "2024-01-22"), Titles{});
    EXPECT_EQ(co_await titles(self, alice, "2024-01-23"), Titles{"Milk"});
    EXPECT_TRUE(co_await call(self, alice, Server::DeleteEntry{id}));
    EXPECT_FALSE(co_await call(self, alice, Server::DeleteEntry{id}));
    EXPECT_EQ(co_await titles(self, alice, "2024-01-23"), Titles{});
  });
}

TEST(Todo, a_server_is_started_once_for_each_list_and_one_worker_has_all_of_a_list) {
  const test::CapturedLog lines;
  const log::Level before = log::level();
  log::set_level(log::Level::debug);
  const test::ScratchDirectory directory;
  Runtime runtime;
  const auto result = runtime.try_run(
      [](Process& self, std::string where) -> Async<> {
        co_await start(self, where);
        for (const char* name : {"alice", "bob", "alice"}) {
          const auto list = co_await server_process(self, name);
          co_await call(self, list, Server::AddEntry{{"2024-01-22", "Buy milk"}});
        }
      },
      directory.path());
  log::set_level(before);
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(lines.count("starting the server of alice"), 1);
  EXPECT_EQ(lines.count("starting the server of bob"), 1);
  EXPECT_EQ(lines.count("database_worker_2: retrieved alice"), 1);
  EXPECT_EQ(lines.count("database_worker_2: stored alice"), 2);
  EXPECT_EQ(lines.count("database_worker_0: stored bob"), 1);
}

TEST(Todo, the_crash_of_a_list_server_loses_nothing_that_was_acknowledged) {
  in_a_fresh_system([](Process& self) -> Async<> {
    const auto alice = co_await server_process(self, "Alice");
    co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
    self.monitor(alice.pid());
    exit(alice.pid(), atoms::kill);
    co_await self.receive<Down>();
    while (Registry::find<Server>("todo_lists", "Alice").pid()) co_await self.yield();
    const auto again = co_await server_process(self, "Alice");
    EXPECT_NE(again, alice);
    EXPECT_EQ(co_await titles(self, again, "2024-01-22"), Titles{"Buy milk"});
  });
}

TEST(Todo, a_database_worker_that_crashes_is_replaced_and_has_its_data) {
  in_a_fresh_system([](Process& self) -> Async<> {
    const auto alice = co_await server_process(self, "Alice");
    co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
    const Pid worker = worker_of("Alice").pid();
    self.monitor(worker);
    exit(worker, atoms::kill);
    co_await self.receive<Down>();
    while (!worker_of("Alice").pid()) co_await self.yield();
    const auto stored = co_await call(self, worker_of("Alice"), DatabaseWorker::Get{"Alice"});
    EXPECT_EQ(stored.value().entries.at(1).title, "Buy milk");
  });
}

TEST(Todo, the_same_key_goes_to_the_same_worker_as_in_elixir) {
  // What :erlang.phash2(key, 3) gives.
  EXPECT_EQ(phash2(Term::binary("alice"), database_workers), 2u);
  EXPECT_EQ(phash2(Term::binary("bob"), database_workers), 0u);
  EXPECT_EQ(phash2(Term::binary("carol"), database_workers), 1u);
}

}  // namespace
