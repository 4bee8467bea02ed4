// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What can happen to a store in PostgreSQL: the client, the server or the connection goes, another
// owner comes, the server refuses. The suite all backends share is in conformance_test.cpp.
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unistd.h>

#include <troupe/storage_postgres.hpp>

#include "storage/backends.hpp"
#include "storage/child.hpp"
#include "storage/postgres_operator.hpp"
#include "storage/postgres_server.hpp"
#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

class Postgres : public testing::Test {
 protected:
  void SetUp() override {
    server_ = PostgresServer::shared();
    if (!server_) GTEST_SKIP() << "no PostgreSQL on this machine: nothing was stored in one";
    execute("DROP TABLE IF EXISTS troupe_about, troupe_owner, troupe_entry");
  }

  PostgresOptions options(std::string space = "s") const {
    return {.connection = server_->connection(), .space = std::move(space), .lock_timeout_ms = 1};
  }
  std::unique_ptr<Store> open() {
    auto store = open_postgres(options());
    EXPECT_TRUE(succeeded(store));
    return store ? std::move(*store) : nullptr;
  }

  // As options(), for tests in which the server goes: it is waited for so long, but a single
  // attempt to connect is given time.
  PostgresOptions waiting(std::uint32_t limit_ms, Durability durability) const {
    PostgresOptions result = options();
    result.connection += " connect_timeout=60";
    result.connect_timeout_ms = limit_ms;
    result.durability = durability;
    return result;
  }

  static std::optional<std::string> got(Store& store, std::string_view key) {
    auto value = store.get(key);
    EXPECT_TRUE(succeeded(value));
    return value ? *value : std::nullopt;
  }

  std::string execute(const std::string& sql) { return test::execute(*server_, sql); }
  // Ends every connection but the operator's.
  void cut_connections() {
    execute(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  }

  // As a full disk would, until the function no_room is dropped.
  void refuse_entries() {
    execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100'', MESSAGE = ''no space''; END';"
        "CREATE TRIGGER no_room BEFORE INSERT ON troupe_entry EXECUTE FUNCTION no_room()");
  }

  PostgresServer* server_ = nullptr;
};

TEST_F(Postgres, spaces_are_stores_of_their_own) {
  auto one = open_postgres(options("one"));
  auto two = open_postgres(options("two"));
  ASSERT_TRUE(succeeded(one) && succeeded(two));
  ASSERT_TRUE(succeeded((*one)->put("k", "1")));
  ASSERT_TRUE(succeeded((*two)->put("k", "2")));
  ASSERT_TRUE(succeeded((*two)->remove("other")));
  EXPECT_EQ((*one)->get("k"), "1");
  EXPECT_EQ((*two)->list(), std::vector<std::string>{"k"});
}

TEST_F(Postgres, the_holder_is_named_to_whoever_is_refused) {
  PostgresOptions first = options();
  first.owner = "the machine upstairs";
  auto store = open_postgres(first);
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(refused(open_postgres(options()), ErrorKind::locked_by_other, "machine upstairs"));
}

TEST_F(Postgres, a_batch_of_many_statements_is_written_whole) {
  auto store = open();
  const std::string value(3 << 20, 'v');
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) keys.push_back("k" + std::to_string(i));
  std::vector<Change> changes;
  for (const std::string& key : keys) changes.push_back(Change::put(key, value));
  ASSERT_TRUE(succeeded(store->write_batch(changes)));
  EXPECT_EQ(store->list()->size(), 20U);
  // The last of the entries does not give way, so none is written.
  execute("UPDATE troupe_entry SET epoch = 1000 WHERE key = 'k19'");
  changes.push_back(Change::put("new", "v"));
  EXPECT_TRUE(refused(store->write_batch(changes), ErrorKind::io, "division by zero"));
  EXPECT_EQ(got(*store, "new"), std::nullopt);
}

TEST_F(Postgres, a_cut_connection_is_made_again) {
  auto store = open();
  ASSERT_TRUE(succeeded(store->put("k", "v")));
  cut_connections();
  EXPECT_EQ(store->get("k"), "v");
  cut_connections();
  EXPECT_TRUE(succeeded(store->put("k", "w")));
  cut_connections();
  EXPECT_EQ(store->list(), std::vector<std::string>{"k"});
  cut_connections();
  EXPECT_TRUE(succeeded(store->close()));
}

TEST_F(Postgres, an_owner_that_was_replaced_writes_nothing_more) {
  auto old = open();
  ASSERT_TRUE(succeeded(old->put("k", "old")));
  cut_connections();
  auto next = open();
  ASSERT_TRUE(succeeded(next->put("k", "new")));
  // The lock may be lost too, as after a failover: then the epoch alone guards.
  ASSERT_TRUE(succeeded(next->close()));
  EXPECT_TRUE(refused(old->put("k", "late"), ErrorKind::locked_by_other, "taken over"));
  EXPECT_TRUE(refused(old->put("k", "later"), ErrorKind::poisoned));
  EXPECT_TRUE(refused(old->get("k"), ErrorKind::poisoned));
  EXPECT_EQ(open()->get("k"), "new");
}

TEST_F(Postgres, the_epoch_is_compared_in_every_write) {
  auto store = open();
  ASSERT_TRUE(succeeded(store->put("k", "v")));
  execute("UPDATE troupe_owner SET epoch = epoch + 1");
  const Change changes[] = {Change::remove("k"), Change::put("l", "w")};
  EXPECT_TRUE(refused(store->write_batch(changes), ErrorKind::locked_by_other));
  EXPECT_EQ(execute("SELECT count(*) FROM troupe_entry WHERE key = 'k'"), "1");
}

TEST_F(Postgres, an_entry_of_a_later_epoch_does_not_give_way) {
  auto store = open();
  ASSERT_TRUE(succeeded(store->put("k", "v")));
  execute("UPDATE troupe_entry SET epoch = epoch + 1, value = 'theirs'");
  const Change changes[] = {Change::put("before", "v"), Change::put("k", "ours")};
  EXPECT_FALSE(store->write_batch(changes));
  EXPECT_EQ(execute("SELECT count(*) FROM troupe_entry"), "1");
}

TEST_F(Postgres, a_killed_client_loses_no_acknowledged_write_and_its_space_becomes_free) {
  std::uint64_t acknowledged = 0;
  (void)open();
  for (int round = 0; round < 3; ++round) {
    Child child{[&, number = acknowledged](auto report) mutable {
      PostgresOptions patient = options();
      patient.lock_timeout_ms = 20'000;
      auto store = open_postgres(patient);
      if (!store) ::_exit(1);
      for (;;) {
        const std::string text = std::to_string(++number);
        const Change changes[] = {Change::put("a", text), Change::put("b", text)};
        if (!(*store)->write_batch(changes)) ::_exit(2);
        report(number);
      }
    }};
    for (int n = 0; n < 20; ++n) ASSERT_TRUE(child.read(acknowledged));
    child.kill();
    while (child.read(acknowledged)) {
    }
    PostgresOptions patient = options();
    patient.lock_timeout_ms = 20'000;
    auto store = open_postgres(patient);
    ASSERT_TRUE(succeeded(store));
    auto a = (*store)->get("a");
    ASSERT_TRUE(succeeded(a) && a->has_value());
    EXPECT_GE(std::stoull(**a), acknowledged);
    EXPECT_EQ(got(**store, "b"), *a);
    acknowledged = std::stoull(**a);
  }
}

// At moments that the seed and the machine choose, by turns with kill -9 and as pg_ctl stop -m
// immediate; each time the next owner finds whole batches, and all that were acknowledged.
TEST_F(Postgres, a_server_that_dies_at_any_moment_loses_no_acknowledged_write) {
  std::mt19937 random{7};
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    Child child{[&, number = acknowledged](auto report) mutable {
      auto store = open_postgres(waiting(1, Durability::commit));
      if (!store) ::_exit(1);
      for (;;) {
        const std::string text = std::to_string(++number);
        const Change changes[] = {Change::put("a", text), Change::put("b", text)};
        if (!(*store)->write_batch(changes)) {
          // Said so, and every later answer says so too.
          const auto late = (*store)->put("a", "late");
          ::_exit(!late && late.error().kind == ErrorKind::poisoned ? 0 : 2);
        }
        report(number);
      }
    }};
    const unsigned writes = 1 + random() % 200;
    for (unsigned n = 0; n < writes; ++n) ASSERT_TRUE(child.read(acknowledged));
    if (round % 2 == 0) {
      server_->kill();
    } else {
      server_->stop_at_once();
    }
    while (child.read(acknowledged)) {
    }
    EXPECT_EQ(child.wait(), 0);
    ASSERT_TRUE(server_->start());
    auto store = open();
    const auto a = got(*store, "a");
    ASSERT_TRUE(a);
    EXPECT_GE(std::stoull(*a), acknowledged);
    EXPECT_LE(std::stoull(*a), acknowledged + 1);
    EXPECT_EQ(got(*store, "b"), a);
    acknowledged = std::stoull(*a);
  }
}

TEST_F(Postgres, a_server_that_is_started_again_is_waited_for) {
  auto store = open_postgres(waiting(60'000, Durability::commit));
  ASSERT_TRUE(succeeded(store) && succeeded((*store)->put("k", "v")));
  server_->kill();
  auto done = std::async(std::launch::async, [&] { return (*store)->put("l", "w"); });
  EXPECT_TRUE(server_->start());
  EXPECT_TRUE(succeeded(done.get()));
  EXPECT_EQ((*store)->list(), (std::vector<std::string>{"k", "l"}));
}

TEST_F(Postgres, a_server_that_was_stopped_and_started_is_connected_again) {
  auto store = open_postgres(waiting(1, Durability::commit));
  ASSERT_TRUE(succeeded(store));
  for (const char* value : {"v", "w"}) {
    ASSERT_TRUE(succeeded((*store)->put("k", value)));
    server_->stop_at_once();
    ASSERT_TRUE(server_->start());
    EXPECT_EQ((*store)->get("k"), value);
    server_->stop_at_once();
    ASSERT_TRUE(server_->start());
  }
}

TEST_F(Postgres, a_server_that_came_back_with_fsync_off_is_refused_every_time) {
  auto store = open_postgres(waiting(1, Durability::commit));
  ASSERT_TRUE(succeeded(store) && succeeded((*store)->put("k", "v")));
  server_->stop_at_once();
  ASSERT_TRUE(server_->start({.settings = {"fsync=off"}}));
  for (int time = 0; time < 2; ++time) {
    EXPECT_TRUE(refused((*store)->get("k"), ErrorKind::io, "fsync off"));
    EXPECT_TRUE(refused((*store)->put("k", "w"), ErrorKind::io, "fsync off"));
  }
  server_->stop_at_once();
  ASSERT_TRUE(server_->start());
  EXPECT_EQ((*store)->get("k"), "v");
}

TEST_F(Postgres, a_standby_is_refused) {
  const std::string signal = server_->data() + "/standby.signal";
  server_->stop_at_once();
  write_bytes(signal, {});
  ASSERT_TRUE(server_->start({.until = "ready to accept read-only connections"}))
      << server_->said();
  EXPECT_TRUE(refused(open_postgres(options()), ErrorKind::read_only, "standby"));
  server_->stop_at_once();
  ASSERT_EQ(::unlink(signal.c_str()), 0);
  ASSERT_TRUE(server_->start()) << server_->said();
  EXPECT_TRUE(succeeded(open_postgres(options())));
}

// Nobody waits for the log, and what writes it in the background comes every ten seconds: then the
// value is there, and the flush may say so.
TEST_F(Postgres, a_relaxed_store_does_not_flush_what_its_server_has_lost) {
  bool was_refused = false;
  for (int round = 0; round < 10 && !was_refused; ++round) {
    server_->stop_at_once();
    ASSERT_TRUE(server_->start({.settings = {"wal_writer_delay=10s"}}));
    auto store = open_postgres(waiting(60'000, Durability::relaxed));
    const std::string value = std::to_string(round);
    ASSERT_TRUE(succeeded(store) && succeeded((*store)->put("k", value)));
    server_->kill();
    ASSERT_TRUE(server_->start());
    const auto flushed = (*store)->flush();
    was_refused = !flushed;
    if (flushed) {
      EXPECT_EQ((*store)->get("k"), value);
      continue;
    }
    EXPECT_TRUE(refused(flushed, ErrorKind::poisoned, "has lost what it acknowledged"));
    EXPECT_TRUE(refused((*store)->put("l", "w"), ErrorKind::poisoned));
    EXPECT_NE(got(*open(), "k"), value);
  }
  EXPECT_TRUE(was_refused);
}

TEST_F(Postgres, the_claim_of_a_relaxed_store_outlives_the_server) {
  server_->stop_at_once();
  ASSERT_TRUE(server_->start({.settings = {"wal_writer_delay=10s"}}));
  auto store = open_postgres(waiting(1, Durability::relaxed));
  ASSERT_TRUE(succeeded(store));
  server_->kill();
  ASSERT_TRUE(server_->start());
  EXPECT_EQ(execute("SELECT epoch FROM troupe_owner"), "1");
}

TEST_F(Postgres, a_relaxed_store_goes_on_after_a_cut_if_it_can_tell_that_nothing_is_lost) {
  auto store = open_postgres(waiting(60'000, Durability::relaxed));
  const Change both[] = {Change::put("k", "v"), Change::put("l", "v"), Change::remove("l")};
  ASSERT_TRUE(succeeded(store) && succeeded((*store)->write_batch(both)));
  cut_connections();
  EXPECT_TRUE(succeeded((*store)->put("k", "w")));
  cut_connections();
  EXPECT_TRUE(succeeded((*store)->flush()));
  ASSERT_TRUE(succeeded((*store)->remove("k")));
  ASSERT_TRUE(succeeded((*store)->flush()));
  cut_connections();
  EXPECT_EQ((*store)->get("k"), std::nullopt);
  ASSERT_TRUE(succeeded((*store)->remove("k")));
  cut_connections();
  EXPECT_TRUE(refused((*store)->flush(), ErrorKind::poisoned, "may have lost"));
}

TEST_F(Postgres, an_error_of_a_batch_that_was_sent_twice_leaves_its_outcome_unknown) {
  auto store = open();
  refuse_entries();
  cut_connections();
  EXPECT_TRUE(refused(store->put("k", "v"), ErrorKind::full_disk, "unknown"));
  EXPECT_TRUE(refused(store->put("k", "v"), ErrorKind::poisoned));
  execute("DROP FUNCTION no_room CASCADE");
}

TEST_F(Postgres, a_full_disk_refuses_the_batch_and_the_store_goes_on) {
  auto store = open();
  refuse_entries();
  EXPECT_TRUE(refused(store->put("k", "v"), ErrorKind::full_disk, "no space"));
  execute("DROP FUNCTION no_room CASCADE");
  EXPECT_TRUE(succeeded(store->put("k", "v")));
}

TEST_F(Postgres, a_server_that_only_reads_is_named_as_such) {
  (void)open();
  execute("ALTER ROLE troupe SET default_transaction_read_only = on");
  EXPECT_TRUE(refused(open_postgres(options()), ErrorKind::read_only));
  execute("ALTER ROLE troupe RESET ALL");
}

TEST_F(Postgres, a_newer_format_and_another_programs_table_are_refused) {
  (void)open();
  execute("UPDATE troupe_about SET format = 2");
  EXPECT_TRUE(refused(open_postgres(options()), ErrorKind::newer_version, "format 2"));
  execute("DROP TABLE troupe_about; CREATE TABLE troupe_about (name text)");
  EXPECT_TRUE(refused(open_postgres(options()), ErrorKind::foreign));
}

TEST_F(Postgres, a_value_changed_behind_our_back_is_reported_as_damage) {
  auto store = open();
  ASSERT_TRUE(succeeded(store->put("k", "v")));
  execute("UPDATE troupe_entry SET value = 'w'");
  EXPECT_TRUE(refused(store->get("k"), ErrorKind::corrupt));
  EXPECT_TRUE(refused(store->page("", std::nullopt, 1), ErrorKind::corrupt));
  EXPECT_TRUE(succeeded(store->put("k", "v")));
  EXPECT_EQ(store->get("k"), "v");
}

TEST_F(Postgres, long_keys_that_begin_alike_are_told_apart) {
  auto store = open();
  const std::string start(5000, 'x');
  ASSERT_TRUE(succeeded(store->put(start + "b", "2")));
  ASSERT_TRUE(succeeded(store->put(start + "a", "1")));
  ASSERT_TRUE(succeeded(store->put(start.substr(0, 1000), "0")));
  ASSERT_TRUE(succeeded(store->put(start + "b", "3")));
  EXPECT_EQ(store->get(start + "b"), "3");
  EXPECT_EQ(store->list(start), (std::vector<std::string>{start + "a", start + "b"}));
  ASSERT_TRUE(succeeded(store->remove(start + "a")));
  EXPECT_EQ(store->list(), (std::vector<std::string>{start.substr(0, 1000), start + "b"}));
}

TEST_F(Postgres, errors_do_not_show_the_password) {
  PostgresOptions wrong = options();
  wrong.connection = "host=/nowhere password=secret-word";
  const auto store = open_postgres(wrong);
  ASSERT_TRUE(refused(store, ErrorKind::io, "cannot connect"));
  EXPECT_EQ(store.error().text.find("secret-word"), std::string::npos);
}

}  // namespace
}  // namespace troupe::storage::test
