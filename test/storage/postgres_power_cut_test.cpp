// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The power of the machine with the PostgreSQL server goes: every process of it is gone, and so is
// what it had not synced, because its drive (drive.hpp) loses that. power_cut_test.cpp does so with
// the engines that write files themselves.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

#include <troupe/storage_postgres.hpp>

#include "storage/backends.hpp"
#include "storage/child.hpp"
#include "storage/drive.hpp"
#include "storage/postgres_operator.hpp"
#include "storage/postgres_server.hpp"

namespace troupe::storage::test {
namespace {

using State = std::map<std::string, std::string, std::less<>>;
using Survival = Drive::Survival;

// Batch n of a space. Keys come again and values have all sizes up to 6,000 bytes that do not
// compress, so that pages are changed, split and freed, and some values are stored apart.
State puts_of(std::uint64_t n) {
  std::mt19937 random{static_cast<std::uint32_t>(n)};
  std::string value(random() % (n % 20 == 0 ? 6000 : 600), '\0');
  for (char& byte : value) byte = static_cast<char>(random());
  return {{"number", std::to_string(n)}, {"key" + std::to_string(n * 5 % 23), std::move(value)}};
}
std::string removed_by(std::uint64_t n) { return "key" + std::to_string(n * 3 % 23); }

Result<void> write(Store& store, std::uint64_t n) {
  const State puts = puts_of(n);
  const std::string removed = removed_by(n);
  std::vector<Change> changes;
  for (const auto& [key, value] : puts) {
    changes.push_back(Change::put(std::string_view{key}, std::string_view{value}));
  }
  changes.push_back(Change::remove(std::string_view{removed}));
  return store.write_batch(changes);
}

// What one writer has been told, and what its space has to hold.
struct Space {
  std::string name;
  std::uint64_t written = 0;  // state is that of after so many batches
  State state = {};

  void go_to(std::uint64_t n) {
    while (written < n) {
      for (const auto& [key, value] : puts_of(++written)) state[key] = value;
      state.erase(removed_by(written));
    }
  }
};

std::uint64_t cuts(std::uint64_t usual, std::uint64_t nightly) {
  return std::getenv("TROUPE_NIGHTLY") ? nightly : usual;
}

// In memory where that has room (containers are often given 64 MB): the drive is not the real one
// anyway, and there are thousands of files.
std::string roomy_folder() {
  struct statvfs about{};
  const bool has_room = ::access("/dev/shm", W_OK) == 0 && ::statvfs("/dev/shm", &about) == 0 &&
                        about.f_bavail * about.f_frsize > (512ull << 20);
  return has_room ? "/dev/shm" : "/tmp";
}

class PostgresPowerCut : public testing::Test {
 protected:
  // One for all tests, which use spaces of their own.
  static void SetUpTestSuite() {
    server_ = PostgresServer::make(roomy_folder(), {"--wal-segsize=1"});
    if (!server_) return;
    // Two thirds of the files, which would be copied at every cut.
    ASSERT_TRUE(server_->start()) << server_->said();
    for (const char* database : {"template0", "template1"}) {
      execute(*server_, std::string{"ALTER DATABASE "} + database + " IS_TEMPLATE false");
      execute(*server_, std::string{"DROP DATABASE "} + database);
    }
    // PostgreSQL syncs new files and leaves it to the file system to keep their names, which ext4
    // and XFS do and the drive does not. So the tables are there before.
    ASSERT_TRUE(succeeded(open("first")));
    server_->stop_at_once();
    drive_ =
        std::make_unique<Drive>(server_->data(), server_->folder() + "/drive", TROUPE_SYNCED_ONLY);
    ASSERT_TRUE(server_->sync(drive_->environment()));
  }
  static void TearDownTestSuite() {
    drive_.reset();
    server_.reset();
  }
  void SetUp() override {
    if (!server_) GTEST_SKIP() << "no PostgreSQL on this machine: no power was cut under one";
    ASSERT_TRUE(drive_ != nullptr);
  }
  void TearDown() override {
    if (server_) server_->stop_at_once();
  }

  // Little memory and a short log, so that both come round during the test.
  testing::AssertionResult start(std::vector<std::string> settings = {}) {
    return begin("ready to accept connections", std::move(settings));
  }
  testing::AssertionResult begin(std::string until, std::vector<std::string> settings = {}) {
    settings.insert(settings.begin(),
                    {"shared_buffers=512kB", "min_wal_size=2MB", "max_wal_size=4MB"});
    const bool done = server_->start({.settings = std::move(settings),
                                      .environment = drive_->environment(),
                                      .until = std::move(until)});
    return done ? testing::AssertionSuccess() : testing::AssertionFailure() << server_->said();
  }

  // The drive is as it is when the last of the server's processes is dead.
  void cut_power(Survival survival) {
    server_->kill();
    drive_->cut_power(survival, random_);
    ASSERT_TRUE(server_->sync(drive_->environment()));
  }

  static Result<std::unique_ptr<Store>> open(const std::string& space,
                                             Durability durability = Durability::commit) {
    // A server that is gone is not waited for, but one that is slow.
    return open_postgres({.connection = server_->connection() + " connect_timeout=60",
                          .space = space,
                          .durability = durability,
                          .connect_timeout_ms = 1,
                          .lock_timeout_ms = 60'000});
  }

  // Whole batches, all that were acknowledged, and at most the one that had no answer yet.
  void look(Space& space) {
    SCOPED_TRACE("space " + space.name);
    auto store = open(space.name);
    ASSERT_TRUE(succeeded(store));
    State found;
    ASSERT_TRUE(succeeded((*store)->for_each(
        "", [&](std::string_view key, std::string_view value) { found.emplace(key, value); })));
    const std::uint64_t number = found.contains("number") ? std::stoull(found["number"]) : 0;
    EXPECT_GE(number, space.written);
    EXPECT_LE(number, space.written + 1);
    space.go_to(number);
    EXPECT_TRUE(found == space.state) << "not what is there after batch " << number;
    EXPECT_TRUE(succeeded((*store)->close()));
  }

  static inline std::unique_ptr<PostgresServer> server_;
  static inline std::unique_ptr<Drive> drive_;
  std::mt19937 random_{11};
};

// Until the server is gone.
void write_on(Result<std::unique_ptr<Store>> store, std::uint64_t number, auto report) {
  if (!store) {
    std::fprintf(stderr, "a writer opens nothing: %s\n", store.error().text.c_str());
    ::_exit(1);
  }
  for (;;) {
    if (!write(**store, ++number)) ::_exit(0);
    report(number);
  }
}

// So that the data files are written and synced all the time, and the log is begun anew: what is
// needed of a log that is gone must be in them.
void checkpoint_on(const PostgresServer& server) {
  PGconn* const connection = PQconnectdb(server.connection().c_str());
  for (const char* sql = "CHECKPOINT";; sql = *sql == 'C' ? "VACUUM troupe_entry" : "CHECKPOINT") {
    PQclear(PQexec(connection, sql));
    if (PQstatus(connection) != CONNECTION_OK) ::_exit(0);
  }
}

// At moments that the seed and the machine choose: also while a checkpoint is written, and while
// the server recovers from the cut before.
TEST_F(PostgresPowerCut, no_acknowledged_write_is_missing_and_none_is_torn) {
  ASSERT_TRUE(start());
  std::array<Space, 3> spaces{Space{"one"}, Space{"two"}, Space{"three"}};
  const std::uint64_t rounds = cuts(6, 60);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const Survival survival = round % 2 == 0 ? Survival::nothing : Survival::some;
    SCOPED_TRACE(testing::Message() << "cut " << round);
    {
      std::vector<std::unique_ptr<Child>> writers;
      for (const Space& space : spaces) {
        writers.push_back(std::make_unique<Child>(
            [&](auto report) { write_on(open(space.name), space.written, report); }));
      }
      std::optional<Child> checkpoints;
      if (round % 3 != 0) checkpoints.emplace([&](auto) { checkpoint_on(*server_); });
      // Each has begun, and the first has so many answers.
      std::array<std::uint64_t, 3> answered{};
      for (std::size_t i = 0; i < spaces.size(); ++i) ASSERT_TRUE(writers[i]->read(answered[i]));
      const unsigned writes = random_() % 150;
      for (unsigned n = 0; n < writes; ++n) ASSERT_TRUE(writers[0]->read(answered[0]));
      cut_power(survival);
      for (std::size_t i = 0; i < spaces.size(); ++i) {
        while (writers[i]->read(answered[i])) {
        }
        EXPECT_EQ(writers[i]->wait(), 0);
        spaces[i].go_to(answered[i]);
      }
    }
    if (round % 3 == 2) {
      ASSERT_TRUE(begin("automatic recovery in progress"));
      cut_power(survival);
    }
    ASSERT_TRUE(start());
    for (Space& space : spaces) look(space);
    if (HasFailure()) return;
  }
}

// That the drive does lose what was not synced: nobody waits for the log here, and what writes it
// in the background comes every ten seconds.
TEST_F(PostgresPowerCut, a_relaxed_store_keeps_what_was_flushed_and_loses_what_came_after) {
  Space space{"relaxed"};
  std::uint64_t lost = 0;
  for (int round = 0; round < 10 && lost == 0; ++round) {
    ASSERT_TRUE(start({"wal_writer_delay=10s"}));
    std::uint64_t number = space.written;
    {
      auto store = open(space.name, Durability::relaxed);
      ASSERT_TRUE(succeeded(store));
      for (int n = 0; n < 20; ++n) ASSERT_TRUE(succeeded(write(**store, ++number)));
      ASSERT_TRUE(succeeded((*store)->flush()));
      space.go_to(number);
      for (int n = 0; n < 20; ++n) ASSERT_TRUE(succeeded(write(**store, ++number)));
      cut_power(Survival::nothing);
    }
    ASSERT_TRUE(start());
    auto store = open(space.name);
    ASSERT_TRUE(succeeded(store));
    const auto found = (*store)->get("number");
    ASSERT_TRUE(succeeded(found) && found->has_value());
    EXPECT_GE(std::stoull(**found), space.written);
    space.go_to(std::stoull(**found));
    lost = number - space.written;
    ASSERT_TRUE(succeeded((*store)->close()));
    look(space);
    server_->stop_at_once();
  }
  EXPECT_GT(lost, 0U);
}

// And that it keeps nothing at all of a server that never syncs, which is why a store refuses one.
TEST_F(PostgresPowerCut, a_server_with_fsync_off_loses_everything_and_is_refused) {
  ASSERT_TRUE(start({"fsync=off"}));
  EXPECT_TRUE(refused(open("refused"), ErrorKind::io, "fsync off"));
  execute(*server_, "CREATE TABLE written AS SELECT 'acknowledged'; CHECKPOINT");
  EXPECT_EQ(execute(*server_, "SELECT * FROM written"), "acknowledged");
  cut_power(Survival::nothing);
  ASSERT_TRUE(start());
  EXPECT_EQ(execute(*server_, "SELECT to_regclass('written') IS NULL"), "t");
  execute(*server_, "CREATE TABLE written AS SELECT 'acknowledged'");
  cut_power(Survival::nothing);
  ASSERT_TRUE(start());
  EXPECT_EQ(execute(*server_, "SELECT * FROM written"), "acknowledged");
}

}  // namespace
}  // namespace troupe::storage::test
