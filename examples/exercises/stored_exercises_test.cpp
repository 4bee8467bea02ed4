// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The solutions of the exercises that keep something on disk.
#include <gtest/gtest.h>

#include "exercises/due_todos.hpp"
#include "exercises/lazy_list.hpp"
#include "support/directory_on_every_executor.hpp"
#include "todo/system.hpp"

namespace {

using namespace exercises;

TEST(Exercises, what_was_stored_without_a_due_date_is_still_read) {
  const test::ScratchDirectory directory;
  auto storage = simple_storage::SimpleStorage::open(directory.path()).value();
  const simple_storage::UserData old{"Alice", {{1, "Buy milk", false}}};
  ASSERT_TRUE(storage.put("alice_todos", old));
  const UserData fresh{"Bob",
                       {{1, "Fix bike", false, "2024-01-22"},
                        {2, "Pay rent", true, "2024-01-22"},
                        {3, "Call Ann", false, "2024-01-23"}}};
  ASSERT_TRUE(storage.put("bob_todos", fresh));
  EXPECT_EQ(due_on(storage, "2024-01-22").value(), std::vector<std::string>{"Fix bike"});
  const auto alice = storage.get<UserData>("alice_todos").value().value();
  EXPECT_EQ(alice.todos.at(0).title, "Buy milk");
  EXPECT_EQ(alice.todos.at(0).due, std::nullopt);
}

Async<std::size_t> entries(Process& self, ServerRef<LazyList> list) {
  co_return (co_await call(self, list, LazyList::Entries{"2024-01-22"})).size();
}

TEST(Exercises, a_lazy_list_keeps_what_it_saved_and_loses_the_last_second_when_killed) {
  test::with_a_directory_on_every_executor([](Process& self, std::string where) -> Async<> {
    co_await todo::start(self, where);
    const auto orderly = co_await LazyList::start(self, "Alice");
    for (int i = 0; i < 100; ++i) cast(orderly, LazyList::Add{{"2024-01-22", "Buy milk"}});
    co_await stop(self, orderly);
    const auto again = co_await LazyList::start(self, "Alice");
    EXPECT_EQ(co_await entries(self, again), 100u);

    cast(again, LazyList::Add{{"2024-01-22", "Call dentist"}});
    EXPECT_EQ(co_await entries(self, again), 101u);
    self.monitor(again.pid());
    exit(again.pid(), atoms::kill);
    co_await self.receive<Down>();
    const auto last = co_await LazyList::start(self, "Alice");
    EXPECT_EQ(co_await entries(self, last), 100u);

    cast(last, LazyList::Add{{"2024-01-22", "Pay rent"}});
    const todo::DatabaseWorker::Get stored{"Alice"};
    const auto worker = todo::worker_of("Alice");
    while ((co_await call(self, worker, stored)).value().entries.size() != 101) {
      co_await self.sleep(10ms);
    }
    co_await stop(self, last);
  });
}

}  // namespace
