// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <gtest/gtest.h>

#include "support/fresh_directory.hpp"
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
  test::in_a_fresh_directory(start, [](Process& self) -> Async<> {
    const auto alice = co_await server_process(self, "Alice");
    const auto bob = co_await server_process(self, "Bob");
    EXPECT_EQ(alice, co_await server_process(self, "Alice"));
    co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
    co_await call(self, bob, Server::AddEntry{{"2024-01-22", "Fix bike"}});
    EXPECT_EQ(co_await titles(self, alice, "2024-01-22"), Titles{"Buy milk"});
    EXPECT_EQ(co_await titles(self, bob, "2024-01-22"), Titles{"Fix bike"});
    auto names = list_names();
    std::ranges::sort(names);
    EXPECT_EQ(names, (Titles{"Alice", "Bob"}));
  });
}

TEST(Todo, entries_survive_a_restart_of_everything) {
  const test::ScratchDirectory directory;
  for (const bool first : {true, false}) {
    Runtime runtime;
    const auto result = runtime.try_run(
        [](Process& self, std::string where, bool add) -> Async<> {
          co_await start(self, where);
          const auto alice = co_await server_process(self, "Alice");
          if (add) co_await call(self, alice, Server::AddEntry{{"2024-01-22", "Buy milk"}});
          EXPECT_EQ(co_await titles(self, alice, "2024-01-22"), Titles{"Buy milk"});
        },
        directory.path(), first);
    EXPECT_TRUE(result.has_value());
  }
}

TEST(Todo, the_crash_of_a_list_server_loses_nothing_that_was_acknowledged) {
  test::in_a_fresh_directory(start, [](Process& self) -> Async<> {
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
  test::in_a_fresh_directory(start, [](Process& self) -> Async<> {
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
