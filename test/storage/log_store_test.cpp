// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/crc32c.hpp"
#include "storage/log_format.hpp"
#include "storage/simulated_disk.hpp"

namespace troupe::storage::test {
namespace {

using State = std::map<std::string, std::string>;
using Survival = SimulatedDisk::Survival;

constexpr const char* first_log = "/log/log-0000000000000001";

class Log : public testing::TestWithParam<Residence> {
 protected:
  Result<std::unique_ptr<Store>> open(LogOptions options = {.preallocate_bytes = 0}) {
    return open(GetParam(), options);
  }

  Result<std::unique_ptr<Store>> open(Residence residence,
                                      LogOptions options = {.preallocate_bytes = 0}) {
    options.residence = residence;
    options.disk = &disk_;
    return open_log("/log", options);
  }

  static State state_of(Store& store) {
    State state;
    EXPECT_TRUE(succeeded(store.for_each(
        "", [&](std::string_view key, std::string_view value) { state.emplace(key, value); })));
    return state;
  }

  // Twelve records; states_[n] and ends_[n] belong to the first n of them.
  void fill(Store& store) {
    states_ = {State{}};
    ends_ = {disk_.bytes_of(first_log).size()};
    for (int n = 0; n < 12; ++n) {
      const std::string key = "key" + std::to_string(n % 5);
      const std::string value(static_cast<std::size_t>(n * 17 % 60), static_cast<char>('a' + n));
      const std::string old = "key" + std::to_string(n % 3);
      const Change changes[] = {Change::put(key, value), Change::remove(old)};
      ASSERT_TRUE(succeeded(store.write_batch(changes)));
      State state = states_.back();
      state[key] = value;
      state.erase(old);
      states_.push_back(state);
      ends_.push_back(disk_.bytes_of(first_log).size());
    }
  }

  // Ends the process without closing the store.
  void crash(Result<std::unique_ptr<Store>>& store) {
    disk_.die_after(0);
    store->reset();
    disk_.cut_power(Survival::everything, 0);
  }

  void fill_and_crash() {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    fill(**store);
    crash(store);
  }

  void fill_and_close() {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    fill(**store);
    ASSERT_TRUE(succeeded((*store)->close()));
  }

  // A new disk that holds these files and nothing else.
  void restore(const std::map<std::string, std::string>& files) {
    for (const auto& [path, bytes] : this->files()) (void)disk_.remove(path);
    disk_.cut_power(Survival::everything, 0);
    for (const auto& [path, bytes] : files) disk_.set_bytes(path, bytes);
  }

  std::map<std::string, std::string> files() {
    std::map<std::string, std::string> found;
    const auto names = disk_.list("/log");
    if (!names) return found;
    for (const auto& name : *names) {
      found["/log/" + name] = disk_.bytes_of("/log/" + name);
    }
    return found;
  }

  SimulatedDisk disk_;
  std::vector<State> states_;
  std::vector<std::size_t> ends_;
};

TEST_P(Log, cut_at_any_byte_after_a_crash_keeps_every_whole_record) {
  fill_and_crash();
  const auto whole = files();
  for (std::size_t size = 0; size <= whole.at(first_log).size(); ++size) {
    auto cut = whole;
    cut[first_log].resize(size);
    restore(cut);
    auto store = open();
    ASSERT_TRUE(succeeded(store)) << size;
    std::size_t records = 0;
    while (records < 12 && ends_[records + 1] <= size) ++records;
    ASSERT_EQ(state_of(**store), states_[records]) << size;
    // What was cut off is gone for good, and the log goes on behind it.
    ASSERT_TRUE(succeeded((*store)->put("next", "record")));
    crash(store);
    store = open();
    ASSERT_TRUE(succeeded(store)) << size;
    State expected = states_[records];
    expected["next"] = "record";
    ASSERT_EQ(state_of(**store), expected) << size;
    crash(store);
  }
}

TEST_P(Log, cut_at_any_byte_after_closing_is_refused) {
  fill_and_close();
  const auto whole = files();
  for (std::size_t size = 0; size < whole.at(first_log).size(); ++size) {
    auto cut = whole;
    cut[first_log].resize(size);
    restore(cut);
    ASSERT_TRUE(refused(open(), ErrorKind::corrupt, "/log")) << size;
  }
  restore(whole);
  EXPECT_TRUE(succeeded(open()));
}

TEST_P(Log, a_flipped_bit_in_the_middle_is_refused_with_its_place_and_in_the_last_record_cut_off) {
  fill_and_crash();
  const auto whole = files();
  for (std::size_t bit = 0; bit < whole.at(first_log).size() * 8; bit += 3) {
    auto damaged = whole;
    damaged[first_log][bit / 8] = static_cast<char>(damaged[first_log][bit / 8] ^ (1 << bit % 8));
    restore(damaged);
    auto store = open();
    if (bit / 8 >= ends_[11]) {
      ASSERT_TRUE(succeeded(store)) << bit;
      ASSERT_EQ(state_of(**store), states_[11]);
      crash(store);
      continue;
    }
    std::size_t place = 0;
    for (const std::size_t end : ends_) {
      if (end <= bit / 8) place = end;
    }
    ASSERT_TRUE(refused(store, ErrorKind::corrupt,
                        std::string{first_log} + " is damaged at offset " + std::to_string(place)))
        << bit;
    ASSERT_EQ(disk_.bytes_of(first_log), damaged[first_log]) << "refused and changed";
  }
}

TEST_P(Log, a_flipped_bit_after_closing_is_refused_wherever_it_is) {
  fill_and_close();
  const auto whole = files();
  for (const std::string& path : {std::string{first_log}, std::string{"/log/clean"}}) {
    for (std::size_t bit = 0; bit < whole.at(path).size() * 8; bit += 3) {
      auto damaged = whole;
      damaged[path][bit / 8] = static_cast<char>(damaged[path][bit / 8] ^ (1 << bit % 8));
      restore(damaged);
      ASSERT_TRUE(refused(open(), ErrorKind::corrupt, "/log")) << path << " " << bit;
    }
  }
}

TEST_P(Log, a_damaged_snapshot_is_refused_wherever_the_damage_is) {
  {
    auto store = open();
    ASSERT_TRUE(succeeded(store));
    fill(**store);
    ASSERT_TRUE(succeeded((*store)->compact()));
    ASSERT_TRUE(succeeded((*store)->put("after", "snapshot")));
    crash(store);
  }
  states_.back()["after"] = "snapshot";
  const std::string snapshot = "/log/snapshot-000000000000000c";
  const auto whole = files();
  ASSERT_TRUE(whole.contains(snapshot));
  EXPECT_FALSE(whole.contains(first_log)) << "superseded and still there";
  for (std::size_t bit = 0; bit < whole.at(snapshot).size() * 8; bit += 3) {
    auto damaged = whole;
    damaged[snapshot][bit / 8] = static_cast<char>(damaged[snapshot][bit / 8] ^ (1 << bit % 8));
    restore(damaged);
    ASSERT_TRUE(refused(open(), ErrorKind::corrupt, snapshot)) << bit;
  }
  for (std::size_t size = 0; size < whole.at(snapshot).size(); ++size) {
    auto cut = whole;
    cut[snapshot].resize(size);
    restore(cut);
    ASSERT_TRUE(refused(open(), ErrorKind::corrupt, snapshot)) << size;
  }
  auto longer = whole;
  longer[snapshot] += "x";
  restore(longer);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, snapshot));
  auto lost = whole;
  lost.erase(snapshot);
  restore(lost);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "records from 1 to 12"));
  restore(whole);
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(state_of(**store), states_.back());
}

TEST_P(Log, a_lost_log_file_is_refused) {
  LogOptions options{.snapshot_bytes = 1, .preallocate_bytes = 0};
  auto store = open(options);
  ASSERT_TRUE(succeeded(store));
  ASSERT_TRUE(succeeded((*store)->put("a", "1")));
  ASSERT_TRUE(succeeded((*store)->close()));
  auto all = files();
  for (const auto& [path, bytes] : files()) {
    if (path.find("/log-") != std::string::npos) all.erase(path);
  }
  restore(all);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "a file is missing"));
}

TEST_P(Log, a_removed_record_is_damage_even_with_the_rest_in_place) {
  fill_and_crash();
  auto all = files();
  all[first_log].erase(ends_[5], ends_[6] - ends_[5]);
  restore(all);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "offset " + std::to_string(ends_[5])));
}

TEST_P(Log, bytes_of_another_log_are_never_records) {
  fill_and_crash();
  const auto one = files();
  const auto ends = ends_;
  restore({});
  fill_and_crash();
  auto mixed = files();
  ASSERT_EQ(ends, ends_);
  mixed[first_log].replace(ends[4], ends[5] - ends[4],
                           one.at(first_log).substr(ends[4], ends[5] - ends[4]));
  restore(mixed);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "offset " + std::to_string(ends[4])));
}

TEST_P(Log, unsynced_records_behind_a_hole_are_cut_and_synced_ones_prove_damage) {
  const LogOptions relaxed{.durability = Durability::relaxed, .preallocate_bytes = 0};
  for (const bool flushed : {false, true}) {
    restore({});
    auto store = open(relaxed);
    ASSERT_TRUE(succeeded(store));
    ASSERT_TRUE(succeeded((*store)->put("a", "1")));
    const std::size_t place = disk_.bytes_of(first_log).size();
    ASSERT_TRUE(succeeded((*store)->put("b", "2")));
    if (flushed) {
      ASSERT_TRUE(succeeded((*store)->flush()));
    }
    ASSERT_TRUE(succeeded((*store)->put("c", "3")));
    crash(store);
    auto all = files();
    all[first_log][place + log::record_header_bytes + 2] ^= 1;
    restore(all);
    store = open(relaxed);
    if (flushed) {
      EXPECT_TRUE(refused(store, ErrorKind::corrupt, "offset " + std::to_string(place)));
    } else {
      ASSERT_TRUE(succeeded(store));
      EXPECT_EQ(state_of(**store), (State{{"a", "1"}}));
    }
  }
}

TEST_P(Log, a_newer_format_is_refused) {
  fill_and_crash();
  auto all = files();
  std::string header = all[first_log].substr(0, log::file_header_bytes);
  header[4] = 2;
  // The checksum has to be right, or it is only damage.
  all[first_log].replace(0, header.size(), header);
  restore(all);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "offset 0"));
  header.resize(header.size() - 4);
  const std::uint32_t sum = crc32c(header);
  for (int i = 0; i < 4; ++i) header.push_back(static_cast<char>(sum >> (8 * i)));
  all[first_log].replace(0, header.size(), header);
  restore(all);
  EXPECT_TRUE(refused(open(), ErrorKind::newer_version, first_log));
}

TEST_P(Log, a_renamed_file_is_refused) {
  fill_and_crash();
  auto all = files();
  all["/log/log-0000000000000005"] = all[first_log];
  restore(all);
  EXPECT_FALSE(open());
}

TEST_P(Log, files_that_are_not_ours_are_left_alone) {
  fill_and_crash();
  auto all = files();
  all["/log/README"] = "hello";
  all["/log/log-1"] = "?";
  all["/log/log-000000000000000G"] = "?";
  all["/log/snapshot-00000000000000ff.bak"] = "?";
  restore(all);
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(state_of(**store), states_.back());
  EXPECT_EQ(disk_.bytes_of("/log/README"), "hello");
}

TEST_P(Log, snapshots_keep_the_directory_small_and_are_written_in_slices) {
  auto store = open({.snapshot_bytes = 300'000, .preallocate_bytes = 0});
  ASSERT_TRUE(succeeded(store));
  const std::string value(1000, 'v');
  std::size_t largest = 0;
  bool seen_unfinished = false;
  for (int n = 0; n < 5000; ++n) {
    ASSERT_TRUE(succeeded((*store)->put("key" + std::to_string(n % 200), value)));
    std::size_t bytes = 0;
    for (const auto& [path, contents] : files()) {
      bytes += contents.size();
      seen_unfinished = seen_unfinished || path.ends_with(".tmp");
    }
    largest = std::max(largest, bytes);
  }
  EXPECT_TRUE(seen_unfinished);
  EXPECT_LT(largest, 1'200'000U);  // of 5 MB written
  const State expected = state_of(**store);
  EXPECT_EQ(expected.size(), 200U);
  crash(store);
  store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(state_of(**store), expected);
}

// In relaxed mode a slice may contain changes that no fsync has seen; the log has to reach the disk
// up to them before the snapshot counts.
TEST_P(Log, a_snapshot_never_runs_ahead_of_the_log_on_disk) {
  auto store =
      open({.durability = Durability::relaxed, .snapshot_bytes = 300'000, .preallocate_bytes = 0});
  ASSERT_TRUE(succeeded(store));
  const std::string value(1000, 'v');
  std::vector<State> states{State{}};
  int snapshots = 0;
  bool was_unfinished = false;
  for (int n = 0; n < 1000 && snapshots < 2; ++n) {
    const std::string key = "key" + std::to_string(n * 7 % 300);
    const std::string changed = std::to_string(n) + value;
    ASSERT_TRUE(succeeded((*store)->put(key, changed)));
    states.push_back(states.back());
    states.back()[key] = changed;
    bool unfinished = false;
    for (const auto& [path, contents] : files()) unfinished = unfinished || path.ends_with(".tmp");
    if (was_unfinished && !unfinished) ++snapshots;
    was_unfinished = unfinished;
  }
  ASSERT_EQ(snapshots, 2);
  disk_.die_after(0);
  store->reset();
  disk_.cut_power(Survival::nothing, 0);
  store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(state_of(**store), states.back()) << "the snapshot had synced everything";
}

TEST_P(Log, a_snapshot_that_finds_no_room_is_given_up_and_the_log_goes_on) {
  auto store = open({.snapshot_bytes = 20'000, .preallocate_bytes = 0});
  ASSERT_TRUE(succeeded(store));
  const std::string value(1000, 'v');
  for (int n = 0; n < 19; ++n) {
    ASSERT_TRUE(succeeded((*store)->put("key" + std::to_string(n), value)));
  }
  disk_.set_capacity(40'000);  // room for the log, not for log and snapshot
  for (int n = 0; n < 12; ++n) {
    ASSERT_TRUE(succeeded((*store)->put("more" + std::to_string(n), value)));
  }
  EXPECT_TRUE(refused((*store)->compact(), ErrorKind::full_disk));
  disk_.set_capacity(UINT64_MAX);
  EXPECT_TRUE(succeeded((*store)->compact()));
  const State expected = state_of(**store);
  EXPECT_EQ(expected.size(), 31U);
  crash(store);
  store = open();
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(state_of(**store), expected);
}

TEST_P(Log, a_directory_opens_with_either_residence) {
  const auto options = [](int n) {
    return LogOptions{.snapshot_bytes = n % 3 == 0 ? 500U : 100'000U, .preallocate_bytes = 0};
  };
  State expected;
  for (int round = 0; round < 20; ++round) {
    auto store = open(round % 2 == 0 ? Residence::on_disk : Residence::in_memory, options(round));
    ASSERT_TRUE(succeeded(store));
    ASSERT_EQ(state_of(**store), expected) << "round " << round;
    for (int n = 0; n < 30; ++n) {
      const std::string key = "key" + std::to_string(n * round % 41);
      const std::string value(static_cast<std::size_t>(n * 13), static_cast<char>('a' + round));
      expected[key] = value;
      ASSERT_TRUE(succeeded((*store)->put(key, value)));
    }
    if (round % 5 == 1) {
      ASSERT_TRUE(succeeded((*store)->compact()));
    }
    if (round % 4 == 0) {
      ASSERT_TRUE(succeeded((*store)->close()));
    } else {
      crash(store);
    }
  }
}

// After some slices the entries that were copied are known by their places in the snapshot.
TEST_P(Log, a_snapshot_that_is_given_up_half_way_leaves_every_entry_where_it_was) {
  for (const auto operation : {SimulatedDisk::Operation::write, SimulatedDisk::Operation::sync}) {
    restore({});
    auto store = open({.preallocate_bytes = 0});
    ASSERT_TRUE(succeeded(store));
    const std::string value(1000, 'v');
    State expected;
    for (int n = 0; n < 9'000; n += 100) {
      std::vector<std::string> keys;
      std::vector<Change> changes;
      for (int i = 0; i < 100; ++i) keys.push_back("key" + std::to_string((n + i) % 6'000));
      for (const auto& key : keys) {
        changes.push_back(Change::put(key, value));
        expected[key] = value;
      }
      ASSERT_TRUE(succeeded((*store)->write_batch(changes)));
    }
    // The second sync is the first of the snapshot's 4 MB each; there are about 95 records.
    disk_.fail(operation, operation == SimulatedDisk::Operation::sync ? 4 : 60, EIO);
    EXPECT_FALSE((*store)->compact());
    EXPECT_EQ(state_of(**store), expected);
    for (const auto& [path, bytes] : files()) EXPECT_FALSE(path.ends_with(".tmp"));
    ASSERT_TRUE(succeeded((*store)->put("key7", "after")));
    expected["key7"] = "after";
    EXPECT_TRUE(succeeded((*store)->compact()));
    EXPECT_EQ(state_of(**store), expected);
    crash(store);
    store = open();
    ASSERT_TRUE(succeeded(store));
    EXPECT_EQ(state_of(**store), expected);
    ASSERT_TRUE(succeeded((*store)->close()));
  }
}

class LogOnDisk : public Log {};

TEST_P(LogOnDisk, an_entry_damaged_while_open_is_refused_with_its_place_until_it_is_written_again) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  fill(**store);
  ASSERT_TRUE(succeeded((*store)->put("victim", "of a bad sector")));
  const std::size_t end = disk_.bytes_of(first_log).size();
  ASSERT_TRUE(succeeded((*store)->put("next", "neighbour")));
  const std::size_t place = end - log::put_head_bytes - std::string{"victimof a bad sector"}.size();
  const std::string whole = disk_.bytes_of(first_log);
  for (std::size_t bit = place * 8; bit < end * 8; bit += 5) {
    const char damaged = static_cast<char>(whole[bit / 8] ^ (1 << bit % 8));
    auto file = disk_.open(first_log, OpenMode::write);
    ASSERT_TRUE(file && (*file)->write(0, whole) && (*file)->write(bit / 8, {&damaged, 1}));
    ASSERT_TRUE(refused((*store)->get("victim"), ErrorKind::corrupt,
                        std::string{first_log} + " is damaged at offset " + std::to_string(place)))
        << bit;
    ASSERT_TRUE(refused((*store)->portion(std::nullopt, 100), ErrorKind::corrupt, first_log));
    ASSERT_TRUE(refused((*store)->list(), ErrorKind::corrupt, first_log));
    ASSERT_TRUE(refused((*store)->compact(), ErrorKind::corrupt, first_log));
    ASSERT_EQ((*store)->get("next"), "neighbour");
  }
  ASSERT_TRUE(succeeded((*store)->put("victim", "healed")));
  EXPECT_EQ((*store)->get("victim"), "healed");
  ASSERT_TRUE(succeeded((*store)->remove("victim")));
  EXPECT_EQ((*store)->get("victim"), std::nullopt);
  crash(store);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, first_log));
}

TEST_P(Log, in_commit_mode_a_batch_costs_one_sync) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  std::vector<Change> changes(50, Change::put("k", "v"));
  const std::uint64_t before = disk_.syncs();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(succeeded((*store)->write_batch(changes)));
  EXPECT_EQ(disk_.syncs() - before, 10U);
}

std::string name_of_residence(const testing::TestParamInfo<Residence>& info) {
  return info.param == Residence::on_disk ? "on_disk" : "in_memory";
}

INSTANTIATE_TEST_SUITE_P(, Log, testing::Values(Residence::in_memory, Residence::on_disk),
                         name_of_residence);
INSTANTIATE_TEST_SUITE_P(, LogOnDisk, testing::Values(Residence::on_disk), name_of_residence);

}  // namespace
}  // namespace troupe::storage::test
