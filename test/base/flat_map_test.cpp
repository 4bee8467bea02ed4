// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/flat_map.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include <troupe/pid.hpp>

#include "base/prng.hpp"

namespace troupe {
namespace {

// Everything in one cluster: the worst that keys chosen by an enemy could do.
struct Colliding {
  using Query = std::uint64_t;
  std::uint64_t operator()(std::uint64_t) const noexcept { return 0xffff'ffff; }
};
// Eight homes at the end of the index, so that clusters run over its edge and into each other.
struct Clustered {
  using Query = std::uint64_t;
  std::uint64_t operator()(std::uint64_t key) const noexcept { return 0xffff'fff8 + key % 8; }
};

// A map and what it must contain, in the order in which it must be iterated: insertion appends,
// erasing moves the last into the gap, or all that follow while there are so few that the map has
// no index yet.
template <class Hasher>
class Checked {
 public:
  void insert(std::uint64_t key, std::uint64_t value) {
    const bool fresh = !where_.contains(key);
    EXPECT_EQ(map_.insert(key, std::make_unique<std::uint64_t>(value)), fresh);
    if (!fresh) return;
    append(key, value);
  }
  void assign(std::uint64_t key, std::uint64_t value) {
    const bool fresh = !where_.contains(key);
    EXPECT_EQ(map_.insert_or_assign(key, std::make_unique<std::uint64_t>(value)), fresh);
    if (fresh) {
      append(key, value);
    } else {
      order_[where_[key]].second = value;
    }
  }
  void erase(std::uint64_t key) {
    EXPECT_EQ(map_.erase(key), where_.contains(key));
    forget(key);
  }
  void take(std::uint64_t key) {
    auto taken = map_.take(key);
    ASSERT_EQ(taken.has_value(), where_.contains(key));
    if (taken) {
      EXPECT_EQ(**taken, order_[where_[key]].second);
    }
    forget(key);
  }
  void pop() {
    auto popped = map_.pop();
    ASSERT_EQ(popped.has_value(), !order_.empty());
    if (!popped) return;
    EXPECT_EQ(popped->key, order_.back().first);
    EXPECT_EQ(*popped->value, order_.back().second);
    forget(popped->key);
  }
  void find(std::uint64_t key) {
    const auto at = where_.find(key);
    const auto* value = map_.find(key);
    ASSERT_EQ(value != nullptr, at != where_.end());
    EXPECT_EQ(map_.contains(key), value != nullptr);
    if (value) {
      EXPECT_EQ(**value, order_[at->second].second);
    }
  }
  // By iterator, while iterating.
  void erase_multiples(std::uint64_t divisor) {
    std::size_t met = 0;
    const std::size_t before = map_.size();
    for (auto it = map_.begin(); it != map_.end();) {
      ++met;
      const std::uint64_t key = (*it).key;
      if (key % divisor == 0) {
        it = map_.erase(it);
        forget(key);
      } else {
        ++it;
      }
    }
    EXPECT_EQ(met, before);
  }
  void check_all() const {
    ASSERT_EQ(map_.size(), order_.size());
    EXPECT_EQ(map_.empty(), order_.empty());
    std::size_t position = 0;
    for (auto [key, value] : map_) {
      ASSERT_EQ(key, order_[position].first);
      ASSERT_EQ(*value, order_[position].second);
      ASSERT_NE(map_.find(key), nullptr);
      ++position;
    }
    ASSERT_EQ(position, order_.size());
  }
  std::size_t size() const { return order_.size(); }

 private:
  void forget(std::uint64_t key) {
    const auto at = where_.find(key);
    if (at == where_.end()) return;
    const std::size_t position = at->second;
    where_.erase(at);
    if (is_indexed_) {
      if (position + 1 != order_.size()) order_[position] = order_.back();
      order_.pop_back();
    } else {
      order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(position));
    }
    for (std::size_t i = position; i < order_.size() && (i == position || !is_indexed_); ++i) {
      where_[order_[i].first] = i;
    }
  }
  void append(std::uint64_t key, std::uint64_t value) {
    where_[key] = order_.size();
    order_.emplace_back(key, value);
    if (order_.size() > 8) is_indexed_ = true;
  }

  FlatMap<std::uint64_t, std::unique_ptr<std::uint64_t>, Hasher> map_;
  std::unordered_map<std::uint64_t, std::size_t> where_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> order_;
  bool is_indexed_ = false;
};

template <class Hasher>
void agrees_with_the_model(std::uint64_t keys, int operations, std::uint64_t seed) {
  Prng prng{seed};
  Checked<Hasher> checked;
  // The share of insertions swings, so that the map fills and drains again and again.
  for (int i = 0; i < operations; ++i) {
    const bool filling = (static_cast<std::uint64_t>(i) / (keys * 4)) % 2 == 0;
    const std::uint64_t key = prng.below(keys);
    const std::uint64_t drawn = prng.below(100);
    const std::uint64_t what = filling ? drawn : drawn / 3 + 60;
    if (what < 45) {
      checked.insert(key, prng.next());
    } else if (what < 65) {
      checked.assign(key, prng.next());
    } else if (what < 80) {
      checked.erase(key);
    } else if (what < 87) {
      checked.take(key);
    } else if (what < 90) {
      checked.pop();
    } else {
      checked.find(key);
    }
    if (i % 5000 == 0) {
      checked.erase_multiples(prng.between(2, 9));
      checked.check_all();
    }
    if (testing::Test::HasFatalFailure()) return;
  }
  checked.check_all();
}

TEST(flat_map, agrees_with_a_model_in_content_and_order_over_random_histories) {
  agrees_with_the_model<Hash<std::uint64_t>>(6, 50'000, 1);
  agrees_with_the_model<Hash<std::uint64_t>>(40, 100'000, 2);
  agrees_with_the_model<Hash<std::uint64_t>>(5000, 200'000, 3);
}

TEST(flat_map, agrees_with_a_model_when_keys_cluster_or_all_collide) {
  agrees_with_the_model<Clustered>(60, 100'000, 4);
  agrees_with_the_model<Colliding>(60, 100'000, 5);
}

TEST(flat_map, an_empty_map_owns_no_memory_and_answers) {
  FlatMap<std::string, int> map;
  EXPECT_EQ(map.allocated_bytes(), 0u);
  EXPECT_EQ(map.find("nobody"), nullptr);
  EXPECT_FALSE(map.erase("nobody"));
  EXPECT_FALSE(map.pop());
  EXPECT_EQ(map.begin(), map.end());
  map["somebody"] = 1;
  EXPECT_GT(map.allocated_bytes(), 0u);
  map.clear();
  EXPECT_EQ(map.allocated_bytes(), 0u);
}

TEST(flat_map, strings_are_found_by_view_and_moved_in_only_when_new) {
  FlatMap<std::string, int> map;
  for (int i = 0; i < 1000; ++i)
    map.insert("a name too long for the small buffer " + std::to_string(i), i);
  const std::string text = "[a name too long for the small buffer 77]";
  ASSERT_NE(map.find(std::string_view{text}.substr(1, text.size() - 2)), nullptr);
  EXPECT_EQ(*map.find(std::string_view{text}.substr(1, text.size() - 2)), 77);

  std::string again = "a name too long for the small buffer 5";
  EXPECT_FALSE(map.insert(std::move(again), 0));
  EXPECT_EQ(again, "a name too long for the small buffer 5");
  std::string fresh = "another name too long for the small buffer";
  EXPECT_TRUE(map.insert(std::move(fresh), 0));
  EXPECT_TRUE(fresh.empty());
}

TEST(flat_map, pids_and_refs_are_keys) {
  FlatMap<Pid, int> pids;
  FlatMap<Ref, int> refs;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    pids[Pid{1, i, 1}] = static_cast<int>(i);
    refs[Ref{1, i}] = static_cast<int>(i);
  }
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    EXPECT_EQ(*pids.find(Pid{1, i, 1}), static_cast<int>(i));
    EXPECT_FALSE(pids.contains(Pid{1, i, 2}));
    EXPECT_EQ(*refs.find(Ref{1, i}), static_cast<int>(i));
    EXPECT_FALSE(refs.contains(Ref{2, i}));
  }
}

TEST(flat_map, erase_if_sees_every_entry_once) {
  FlatMap<int, int> map;
  for (int i = 0; i < 1000; ++i) map[i] = 0;
  int met = 0;
  EXPECT_EQ(map.erase_if([&](const int& key, int& value) {
    ++met;
    ++value;
    return key % 3 == 0;
  }),
            334u);
  EXPECT_EQ(met, 1000);
  EXPECT_EQ(map.size(), 666u);
  for (auto [key, value] : map) {
    EXPECT_NE(key % 3, 0);
    EXPECT_EQ(value, 1);
  }
}

TEST(flat_map, moving_a_map_leaves_an_empty_usable_one) {
  FlatMap<int, int> map;
  for (int i = 0; i < 100; ++i) map[i] = i;
  FlatMap<int, int> moved{std::move(map)};
  EXPECT_EQ(moved.size(), 100u);
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(map.contains(5));
  map[1] = 2;
  map = std::move(moved);
  EXPECT_EQ(*map.find(99), 99);
  EXPECT_TRUE(moved.empty());
  EXPECT_FALSE(moved.contains(99));
}

TEST(flat_map, reserve_makes_room_once) {
  FlatMap<int, int> map;
  map.reserve(10'000);
  const std::size_t bytes = map.allocated_bytes();
  for (int i = 0; i < 10'000; ++i) map[i] = i;
  EXPECT_EQ(map.allocated_bytes(), bytes);
  map.reserve(5);
  EXPECT_EQ(map.allocated_bytes(), bytes);
}

struct Throwing {
  explicit Throwing(bool fails) {
    if (fails) throw std::runtime_error{"no value"};
  }
};

TEST(flat_map, a_value_whose_constructor_throws_leaves_the_map_as_it_was) {
  FlatMap<int, Throwing> map;
  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(map.try_emplace(1000 + i, true), std::runtime_error);
    EXPECT_FALSE(map.contains(1000 + i));
    EXPECT_TRUE(map.try_emplace(i, false).inserted);
    EXPECT_EQ(map.size(), static_cast<std::size_t>(i) + 1);
  }
}

// Counted, not timed: how often keys are compared is the same on every machine.
struct CountedKey {
  std::uint64_t number;
  static inline std::uint64_t comparisons = 0;
  friend bool operator==(const CountedKey& a, const CountedKey& b) {
    ++comparisons;
    return a.number == b.number;
  }
};
struct CountedHash {
  using Query = CountedKey;
  static inline std::uint64_t calls = 0;
  std::uint64_t operator()(const CountedKey& key) const {
    ++calls;
    return Hash<std::uint64_t>{}(key.number);
  }
};

TEST(flat_map, draining_a_million_entries_from_the_front_or_by_pop_is_linear) {
  FlatMap<CountedKey, int, CountedHash> map;
  const std::uint64_t count = 1'000'000;
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 0; i < count; ++i) map[CountedKey{i}] = 0;
    CountedKey::comparisons = 0;
    CountedHash::calls = 0;
    if (round == 0) {
      while (!map.empty()) map.erase(map.begin());
    } else {
      while (map.pop()) {
      }
    }
    EXPECT_LE(CountedHash::calls, 2 * count);
    EXPECT_EQ(CountedKey::comparisons, 0u);
  }
  // A table that was drained is as fast as a new one: no tombstones.
  for (std::uint64_t i = 0; i < count; ++i) map[CountedKey{i}] = 0;
  CountedKey::comparisons = 0;
  for (std::uint64_t i = 0; i < count; ++i) ASSERT_FALSE(map.contains(CountedKey{count + i}));
  EXPECT_LT(CountedKey::comparisons, count / 10);
}

}  // namespace
}  // namespace troupe
