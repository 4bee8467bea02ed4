// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
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

class Log : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(LogOptions options = {.preallocate_bytes = 0}) {
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

TEST_F(Log, cut_at_any_byte_after_a_crash_keeps_every_whole_record) {
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

TEST_F(Log, cut_at_any_byte_after_closing_is_refused) {
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

TEST_F(Log, a_flipped_bit_in_the_middle_is_refused_with_its_place_and_in_the_last_record_cut_off) {
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

TEST_F(Log, a_flipped_bit_after_closing_is_refused_wherever_it_is) {
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

TEST_F(Log, a_damaged_snapshot_is_refused_wherever_the_damage_is) {
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

TEST_F(Log, a_lost_log_file_is_refused) {
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

TEST_F(Log, a_removed_record_is_damage_even_with_the_rest_in_place) {
  fill_and_crash();
  auto all = files();
  all[first_log].erase(ends_[5], ends_[6] - ends_[5]);
  restore(all);
  EXPECT_TRUE(refused(open(), ErrorKind::corrupt, "offset " + std::to_string(ends_[5])));
}

TEST_F(Log, bytes_of_another_log_are_never_records) {
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

TEST_F(Log, unsynced_records_behind_a_hole_are_cut_and_synced_ones_prove_damage) {
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

TEST_F(Log, a_newer_format_is_refused) {
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

TEST_F(Log, a_renamed_file_is_refused) {
  fill_and_crash();
  auto all = files();
  all["/log/log-0000000000000005"] = all[first_log];
  restore(all);
  EXPECT_FALSE(open());
}

TEST_F(Log, files_that_are_not_ours_are_left_alone) {
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

TEST_F(Log, snapshots_keep_the_directory_small_and_are_written_in_slices) {
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
TEST_F(Log, a_snapshot_never_runs_ahead_of_the_log_on_disk) {
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

TEST_F(Log, a_snapshot_that_finds_no_room_is_given_up_and_the_log_goes_on) {
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

TEST_F(Log, in_commit_mode_a_batch_costs_one_sync) {
  auto store = open();
  ASSERT_TRUE(succeeded(store));
  std::vector<Change> changes(50, Change::put("k", "v"));
  const std::uint64_t before = disk_.syncs();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(succeeded((*store)->write_batch(changes)));
  EXPECT_EQ(disk_.syncs() - before, 10U);
}

}  // namespace
}  // namespace troupe::storage::test
