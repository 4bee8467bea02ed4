// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/child.hpp"
#include "storage/temporary_directory.hpp"

// What the operating system can do to every durable backend: end the process at any moment, give
// the directory to another process, refuse to write, run out of room.

namespace troupe::storage::test {
namespace {

class Faults : public testing::TestWithParam<Backend> {
 protected:
  TemporaryDirectory directory_;
};

std::string key_of(std::uint64_t number) { return "key" + std::to_string(number % 50); }

std::string value_of(std::uint64_t number) {
  return std::to_string(number) + ":" + std::string(number * 37 % 700, 'v');
}

TEST_P(Faults, after_kill_every_acknowledged_write_is_there) {
  std::mt19937 random{4711};
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 20; ++round) {
    std::uint64_t before = acknowledged;
    Child child{[&, number = acknowledged](auto report) mutable {
      auto store = GetParam().open(directory_.path());
      if (!store) ::_exit(1);
      for (;;) {
        // One, two or three numbers at a time, each batch all or nothing.
        std::vector<Entry> entries;
        std::vector<Change> changes;
        for (std::uint64_t n = 0; n <= number % 3; ++n) {
          const std::uint64_t next = number + n + 1;
          entries.push_back({key_of(next), value_of(next)});
        }
        for (const Entry& entry : entries) changes.push_back(Change::put(entry.key, entry.value));
        const std::string last = std::to_string(number + entries.size());
        changes.push_back(Change::put("last", last));
        if (!(*store)->write_batch(changes)) ::_exit(2);
        number += entries.size();
        report(number);
      }
    }};
    const unsigned wanted = 1 + random() % 40;
    for (unsigned n = 0; n < wanted; ++n) ASSERT_TRUE(child.read(acknowledged));
    child.kill();
    while (child.read(acknowledged)) {
    }
    ASSERT_GT(acknowledged, before);

    auto store = GetParam().open(directory_.path());
    ASSERT_TRUE(succeeded(store)) << "round " << round;
    auto last = (*store)->get("last");
    ASSERT_TRUE(succeeded(last));
    ASSERT_TRUE(last->has_value());
    const std::uint64_t found = std::stoull(**last);
    ASSERT_GE(found, acknowledged) << "round " << round;
    // Each key holds the newest number of its kind up to `found`: nothing older, no half batch.
    for (std::uint64_t n = found > 50 ? found - 49 : 1; n <= found; ++n) {
      auto value = (*store)->get(key_of(n));
      ASSERT_TRUE(succeeded(value));
      ASSERT_EQ(*value, value_of(n)) << "round " << round;
    }
    acknowledged = found;
    if (round % 2 == 0) {
      ASSERT_TRUE(succeeded((*store)->close()));
    }
  }
}

TEST_P(Faults, a_store_open_in_another_process_is_refused) {
  Child child{[&](auto report) {
    auto store = GetParam().open(directory_.path());
    report(store && (*store)->put("k", "v"));
    for (;;) ::pause();
  }};
  std::uint64_t ready = 0;
  ASSERT_TRUE(child.read(ready));
  ASSERT_TRUE(ready);
  EXPECT_TRUE(
      refused(GetParam().open(directory_.path()), ErrorKind::locked_by_other, directory_.path()));
  child.kill();
  auto store = GetParam().open(directory_.path());
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->get("k"), "v");
}

// As an ordinary user in a child: for root no directory is read-only.
TEST_P(Faults, a_directory_that_may_not_be_written_is_refused_by_name) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  Child child{[&](auto report) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    auto store = GetParam().open(directory_.path());
    const bool right = refused(store, ErrorKind::read_only, directory_.path());
    if (!right && !store) std::fprintf(stderr, "%s\n", store.error().text.c_str());
    report(right);
  }};
  std::uint64_t right = 0;
  ASSERT_TRUE(child.read(right));
  EXPECT_TRUE(right);
  EXPECT_EQ(child.wait(), 0);
  ::chmod(directory_.path().c_str(), 0755);
}

TEST_P(Faults, a_store_that_may_be_read_but_not_written_is_refused) {
  {
    auto store = GetParam().open(directory_.path());
    ASSERT_TRUE(succeeded(store));
    ASSERT_TRUE(succeeded((*store)->put("k", "v")));
    ASSERT_TRUE(succeeded((*store)->close()));
  }
  namespace fs = std::filesystem;
  for (const auto& entry : fs::recursive_directory_iterator{directory_.path()}) {
    ::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444);
  }
  ::chmod(directory_.path().c_str(), 0555);
  Child child{[&](auto report) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    auto store = GetParam().open(directory_.path());
    const bool right = refused(store, ErrorKind::read_only, directory_.path());
    if (!right && !store) std::fprintf(stderr, "%s\n", store.error().text.c_str());
    report(right);
  }};
  std::uint64_t right = 0;
  ASSERT_TRUE(child.read(right));
  EXPECT_TRUE(right);
  for (const auto& entry : fs::recursive_directory_iterator{directory_.path()}) {
    ::chmod(entry.path().c_str(), entry.is_directory() ? 0755 : 0644);
  }
  ::chmod(directory_.path().c_str(), 0755);
}

// A file size limit stands for the full disk: the kernel refuses the write in the same place.
TEST_P(Faults, when_there_is_no_more_room_a_batch_is_refused_whole_and_the_store_goes_on) {
  Child child{[&](auto report) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = GetParam().open(directory_.path());
    if (!store) ::_exit(1);
    if (!(*store)->put("small", "before")) ::_exit(2);
    const rlimit little{400 * 1024, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &little) != 0) ::_exit(3);
    const std::string big(1 << 20, 'b');
    const Change changes[] = {Change::put("small", "after"), Change::put("big", big)};
    const auto refusal = (*store)->write_batch(changes);
    const bool right = refused(refusal, ErrorKind::full_disk, directory_.path());
    if (!right && !refusal) std::fprintf(stderr, "%s\n", refusal.error().text.c_str());
    report(right);
    report((*store)->get("small") == "before" && (*store)->get("big") == std::nullopt);
    const bool again = (*store)->put("another", "v").has_value();
    report(again && (*store)->get("another") == "v");
    const rlimit plenty{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_FSIZE, &plenty);
    report((*store)->write_batch(changes).has_value());
  }};
  for (int step = 0; step < 4; ++step) {
    std::uint64_t right = 0;
    ASSERT_TRUE(child.read(right)) << "step " << step;
    EXPECT_TRUE(right) << "step " << step;
  }
  EXPECT_EQ(child.wait(), 0);
  auto store = GetParam().open(directory_.path());
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ((*store)->get("small"), "after");
  EXPECT_EQ((*store)->get("another"), "v");
  EXPECT_EQ((*store)->get("big"), std::string(1 << 20, 'b'));
}

std::vector<Backend> durable_backends() {
  auto all = backends();
  std::erase_if(all, [](const Backend& backend) { return !backend.durable; });
  return all;
}

INSTANTIATE_TEST_SUITE_P(, Faults, testing::ValuesIn(durable_backends()),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace troupe::storage::test
