// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/concurrent_map.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <troupe/pid.hpp>

#include "base/prng.hpp"
#include "base/text_hash.hpp"

namespace troupe {
namespace {

// Every home and tag the same, in the last slot, so that probes run over the table's edge.
struct Colliding {
  using Query = std::uint64_t;
  std::uint64_t operator()(std::uint64_t) const noexcept { return UINT64_MAX; }
};
// Few homes, all tags the same, one shard.
struct Clustered {
  using Query = std::uint64_t;
  std::uint64_t operator()(std::uint64_t key) const noexcept { return (key % 16) << 60; }
};

// Counts its copies, so that a test sees what has been freed.
struct Counted {
  static inline std::atomic<long> alive{0};
  std::uint64_t number = 0;
  explicit Counted(std::uint64_t n) : number{n} { ++alive; }
  Counted(const Counted& other) noexcept : number{other.number} { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
};

template <class Map>
std::map<std::string, std::uint64_t> contents(const Map& map, std::size_t count) {
  std::map<std::string, std::uint64_t> all;
  std::uint64_t cursor = 0;
  do {
    cursor = map.scan(cursor, count, [&](auto key, const auto& value) {
      EXPECT_TRUE(all.emplace(testing::PrintToString(key), value.number).second) << "twice";
    });
  } while (cursor != 0);
  return all;
}

template <class Hasher>
void agrees_with_the_model(std::uint64_t keys, int operations, std::uint64_t seed) {
  SCOPED_TRACE(seed);
  {
    Prng prng{seed};
    ConcurrentMap<std::uint64_t, Counted, Hasher> map{{}, 4};
    std::unordered_map<std::uint64_t, std::uint64_t> model;
    const auto expected = [&](std::uint64_t key) -> std::optional<std::uint64_t> {
      const auto at = model.find(key);
      return at == model.end() ? std::nullopt : std::optional{at->second};
    };
    const auto number = [](const std::optional<Counted>& value) {
      return value ? std::optional{value->number} : std::nullopt;
    };
    for (int i = 0; i < operations; ++i) {
      const std::uint64_t key = prng.below(keys);
      const std::uint64_t value = prng.next();
      const bool draining = (static_cast<std::uint64_t>(i) / (keys * 4)) % 2 == 1;
      switch (draining && prng.chance(0.5) ? 3 : prng.below(8)) {
        case 0:
          ASSERT_EQ(map.insert_if_absent(key, Counted{value}), !model.contains(key));
          model.emplace(key, value);
          break;
        case 1:
          ASSERT_EQ(map.replace(key, Counted{value}), model.contains(key));
          if (model.contains(key)) model[key] = value;
          break;
        case 2:
          ASSERT_EQ(number(map.assign(key, Counted{value})), expected(key));
          model[key] = value;
          break;
        case 3:
          ASSERT_EQ(number(map.erase(key)), expected(key));
          model.erase(key);
          break;
        case 4: {
          const bool yes = prng.chance(0.5);
          const bool erased = map.erase_if(key, [&](const Counted& old) {
            EXPECT_EQ(old.number, expected(key));
            return yes;
          });
          ASSERT_EQ(erased, yes && model.contains(key));
          if (yes) model.erase(key);
          break;
        }
        case 5: {
          const std::uint64_t what = prng.below(3);
          const std::uint64_t result = map.update(key, [&](std::optional<Counted>& old) {
            EXPECT_EQ(number(old), expected(key));
            if (what == 0) old.reset();
            if (what == 1) old.emplace(value);
            return what;
          });
          ASSERT_EQ(result, what);
          if (what == 0) model.erase(key);
          if (what == 1) model[key] = value;
          break;
        }
        default:
          ASSERT_EQ(number(map.find(key)), expected(key));
      }
      ASSERT_EQ(map.contains(key), model.contains(key));
      if (i % 20'000 == 0) {
        ASSERT_EQ(map.size(), model.size());
        std::map<std::string, std::uint64_t> all;
        for (const auto& [k, v] : model) all.emplace(testing::PrintToString(k), v);
        ASSERT_EQ(contents(map, prng.between(1, 50)), all);
        // What was taken out is freed along the way: at most 128 for each shard wait.
        ASSERT_LE(Counted::alive, static_cast<long>(model.size()) + 4 * 128);
      }
    }
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(concurrent_map, agrees_with_a_model_over_random_histories) {
  agrees_with_the_model<Hash<std::uint64_t>>(20, 50'000, 1);
  agrees_with_the_model<Hash<std::uint64_t>>(400, 100'000, 2);
  agrees_with_the_model<Hash<std::uint64_t>>(20'000, 300'000, 3);
}

TEST(concurrent_map, agrees_with_a_model_when_keys_cluster_or_all_collide) {
  agrees_with_the_model<Clustered>(50, 100'000, 4);
  agrees_with_the_model<Colliding>(50, 100'000, 5);
}

TEST(concurrent_map, strings_are_found_by_view) {
  ConcurrentMap<std::string, Pid> map;
  EXPECT_FALSE(map.contains("nobody"));
  EXPECT_TRUE(map.insert_if_absent("", Pid{1, 0, 1}));
  for (std::uint32_t i = 1; i < 2000; ++i) {
    ASSERT_TRUE(map.insert_if_absent("session:" + std::to_string(i), Pid{1, i, 1}));
  }
  for (std::uint32_t i = 1; i < 2000; ++i) {
    const std::string text = "<session:" + std::to_string(i) + ">";
    const auto view = std::string_view{text}.substr(1, text.size() - 2);
    ASSERT_EQ(map.find(view), (Pid{1, i, 1}));
    ASSERT_FALSE(map.contains(text));
  }
  EXPECT_EQ(map.find(""), (Pid{1, 0, 1}));
  std::size_t visited = 0;
  map.for_each([&](std::string_view key, const Pid& pid) {
    ++visited;
    EXPECT_EQ(key, pid.index() == 0 ? "" : "session:" + std::to_string(pid.index()));
  });
  EXPECT_EQ(visited, 2000u);
}

TEST(concurrent_map, visit_shows_the_value_in_place) {
  ConcurrentMap<Pid, std::string> map;
  map.assign(Pid{1, 2, 3}, "a value");
  std::size_t length = 0;
  EXPECT_TRUE(map.visit(Pid{1, 2, 3}, [&](const std::string& value) { length = value.size(); }));
  EXPECT_EQ(length, 7u);
  EXPECT_FALSE(map.visit(Pid{1, 2, 4}, [](const std::string&) { FAIL(); }));
}

TEST(concurrent_map, an_update_that_throws_changes_nothing) {
  ConcurrentMap<int, int> map;
  map.assign(1, 10);
  for (const int key : {1, 2}) {
    EXPECT_THROW(map.update(key,
                            [](std::optional<int>& value) {
                              value = 99;
                              throw std::runtime_error{"no"};
                            }),
                 std::runtime_error);
  }
  EXPECT_EQ(map.find(1), 10);
  EXPECT_FALSE(map.contains(2));
  map.update(2, [](std::optional<int>& value) { value = 20; });
  EXPECT_EQ(map.find(2), 20);
}

// The number, so that a brief belongs to its value.
struct NumberBrief {
  static std::uint64_t of(std::uint64_t value) noexcept { return value * 3 + 1; }
};
// Texts of every size up to 24, some of them the same but for their size or for zeros at the end.
std::string text_of(std::uint64_t number) {
  std::string text(number % 25, number % 3 == 0 ? '\0' : 'x');
  for (std::size_t i = 0; i < text.size() && i < 8; ++i) {
    if (number >> (i + 5) & 1) text[text.size() - 1 - i] = static_cast<char>(number % 2);
  }
  return text;
}

// Few homes, and what marks a slot the same for all.
struct ClusteredText {
  using Query = std::string_view;
  std::uint64_t operator()(std::string_view text) const noexcept { return text.size() % 3 << 62; }
};

template <class Hasher>
void briefs_agree_with_the_model(std::uint64_t keys, int operations, std::uint64_t seed) {
  SCOPED_TRACE(seed);
  Prng prng{seed};
  ConcurrentMap<std::string, std::uint64_t, Hasher, NumberBrief> map{{}, 2};
  std::map<std::string, std::uint64_t> model;
  for (int i = 0; i < operations; ++i) {
    const std::string key = text_of(prng.below(keys));
    const std::uint64_t value = prng.below(1000);
    const bool draining = (static_cast<std::uint64_t>(i) / (keys * 4)) % 2 == 1;
    switch (draining && prng.chance(0.5) ? 2 : prng.below(4)) {
      case 0:
        ASSERT_EQ(map.insert_if_absent(key, value), model.emplace(key, value).second);
        break;
      case 1:
        map.assign(key, value);
        model[key] = value;
        break;
      case 2:
        ASSERT_EQ(map.erase(key).has_value(), model.erase(key) == 1);
        break;
      default:
        break;
    }
    for (const std::string& asked : {key, text_of(prng.below(keys))}) {
      const auto expected = model.find(asked);
      ASSERT_EQ(map.find_brief(asked).has_value(), expected != model.end());
      ASSERT_EQ(map.contains(asked), expected != model.end());
      if (expected != model.end()) {
        ASSERT_EQ(map.find_brief(asked), NumberBrief::of(expected->second));
        ASSERT_EQ(map.find(asked), expected->second);
      }
    }
  }
  std::map<std::string, std::uint64_t> all;
  map.for_each([&](std::string_view key, std::uint64_t value) {
    EXPECT_TRUE(all.emplace(key, value).second) << "twice";
  });
  EXPECT_EQ(all, model);
}

TEST(concurrent_map, briefs_of_texts_of_every_size_agree_with_a_model) {
  briefs_agree_with_the_model<Hash<std::string>>(3000, 100'000, 8);
  briefs_agree_with_the_model<ClusteredText>(200, 50'000, 9);
}

// Keys come and go between the calls of a scan, so that tables double and shrink several times.
TEST(concurrent_map, a_scan_meets_what_stays_exactly_once_while_tables_grow_and_shrink) {
  Prng prng{6};
  for (int round = 0; round < 60; ++round) {
    ConcurrentMap<std::uint64_t, int> map{{}, std::size_t{1} << prng.below(4)};
    const std::uint64_t staying = prng.between(1, 500);
    for (std::uint64_t key = 0; key < staying; ++key) map.assign(key, 0);
    const std::uint64_t guests = prng.below(20'000);
    const bool guests_first = prng.chance(0.5);
    const auto guest = [&](std::uint64_t i) { return 1'000'000 + i; };
    if (guests_first) {
      for (std::uint64_t i = 0; i < guests; ++i) map.assign(guest(i), 1);
    }
    std::vector<int> met(staying);
    std::uint64_t cursor = 0;
    std::uint64_t moved = 0;
    int calls = 0;
    do {
      cursor = map.scan(cursor, prng.between(1, 40), [&](std::uint64_t key, int) {
        if (key < staying) ++met[key];
      });
      for (std::uint64_t i = prng.below(2000); i > 0 && moved < guests; --i, ++moved) {
        if (guests_first) {
          map.erase(guest(moved));
        } else {
          map.assign(guest(moved), 1);
        }
      }
      ++calls;
    } while (cursor != 0);
    for (std::uint64_t key = 0; key < staying; ++key) ASSERT_EQ(met[key], 1) << key;
    EXPECT_GT(calls, 1 + static_cast<int>(staying) / 200);
  }
}

TEST(concurrent_map, a_scan_ends_whatever_the_cursor_says) {
  ConcurrentMap<std::uint64_t, int> map;
  for (std::uint64_t key = 0; key < 1000; ++key) map.assign(key, 0);
  Prng prng{7};
  for (int i = 0; i < 1000; ++i) {
    std::uint64_t cursor = prng.next() >> prng.below(64);
    int calls = 0;
    do {
      cursor = map.scan(cursor, 0, [](std::uint64_t, int) {});
      ASSERT_LT(++calls, 10'000);
    } while (cursor != 0);
  }
}

TEST(concurrent_map, a_visit_may_write_to_the_map) {
  ConcurrentMap<std::uint64_t, int> map;
  for (std::uint64_t key = 0; key < 5000; ++key) map.assign(key, 0);
  std::size_t visited = 0;
  map.for_each([&](std::uint64_t key, int value) {
    if (value == 0) ++visited;
    map.erase(key);
    map.assign(key + 10'000, 1);
  });
  EXPECT_EQ(visited, 5000u);
  for (std::uint64_t key = 0; key < 5000; ++key) EXPECT_FALSE(map.contains(key));
}

// --- With threads. Sanitizers see what is freed too early or written without order.

void in_threads(int count, const auto& work) {
  std::latch all_there{count};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      all_there.arrive_and_wait();
      work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(concurrent_map, readers_always_find_what_stays_while_tables_are_rebuilt) {
  ConcurrentMap<std::string, std::string> map{{}, 2};
  const auto name = [](std::uint64_t i) { return "a name of some length " + std::to_string(i); };
  const std::uint64_t staying = 200;
  for (std::uint64_t i = 0; i < staying; ++i) map.assign(name(i), name(i));
  std::atomic<int> writing{2};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> wrong{0};
  in_threads(4, [&](int thread) {
    Prng prng{static_cast<std::uint64_t>(thread)};
    if (thread < 2) {
      for (int i = 0; i < 30'000; ++i) {
        // Grows to thousands and drains, and rewrites what stays with an equal value.
        const std::uint64_t guest = staying + prng.below(4000);
        if ((i / 5000) % 2 == 0) {
          map.insert_if_absent(name(guest), name(guest));
        } else {
          map.erase(name(guest));
        }
        const std::uint64_t stays = prng.below(staying);
        if (i % 4 == 0) map.replace(name(stays), name(stays));
      }
      --writing;
      return;
    }
    while (writing.load(std::memory_order_relaxed) != 0) {
      const std::uint64_t i = prng.below(staying + 4000);
      const auto found = map.find(name(i));
      if (i < staying && !found) ++lost;
      if (found && *found != name(i)) ++wrong;
    }
  });
  EXPECT_EQ(lost, 0u);
  EXPECT_EQ(wrong, 0u);
}

// Slots change hands under the readers: keys come and go in few slots, and values are replaced.
// Each brief tells which key it belongs to, so a mixture of two slots' states would be seen.
TEST(concurrent_map, a_brief_is_its_keys_own_while_slots_change_hands) {
  struct Own {
    static std::uint64_t of(std::uint64_t value) noexcept { return value; }
  };
  ConcurrentMap<std::string, std::uint64_t, TextHash, Own> map{{}, 1};
  constexpr std::uint64_t names = 12;
  constexpr std::uint64_t staying = 2;
  const auto name = [](std::uint64_t i) {
    return (i % 2 == 0 ? "n" : "a name too long for a slot, ") + std::to_string(i);
  };
  // A value is its key's number and how often it was written.
  for (std::uint64_t i = 0; i < staying; ++i) map.assign(name(i), i);
  std::atomic<int> writing{2};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> found{0};
  in_threads(4, [&](int thread) {
    Prng prng{static_cast<std::uint64_t>(thread) + 40};
    if (thread < 2) {
      for (std::uint64_t i = 0; i < 60'000; ++i) {
        const std::uint64_t key = prng.below(names);
        if (key < staying || prng.chance(0.6)) {
          map.assign(name(key), key + names * i);
        } else {
          map.erase(name(key));
        }
      }
      --writing;
      return;
    }
    // At least a few, also where it gets no time until the writers are through.
    for (int i = 0; i < 1'000 || writing.load(std::memory_order_relaxed) != 0; ++i) {
      const std::uint64_t key = prng.below(names);
      const auto brief = map.find_brief(name(key));
      if (key < staying && !brief) ++lost;
      if (brief && *brief % names != key) ++wrong;
      const auto value = map.find(name(key));
      if (value && *value % names != key) ++wrong;
      found += brief.has_value();
    }
  });
  EXPECT_EQ(lost, 0u);
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(found, 0u);
}

TEST(concurrent_map, scans_beside_writers_meet_what_stays_exactly_once) {
  ConcurrentMap<std::uint64_t, int> map{{}, 2};
  const std::uint64_t staying = 300;
  for (std::uint64_t key = 0; key < staying; ++key) map.assign(key, 0);
  std::atomic<int> writing{2};
  std::atomic<int> wrong{0};
  std::atomic<int> scans{0};
  in_threads(3, [&](int thread) {
    Prng prng{static_cast<std::uint64_t>(thread) + 10};
    if (thread < 2) {
      // At least until a few scans are through.
      for (int i = 0; i < 40'000 || scans < 3; ++i) {
        const std::uint64_t key = staying + prng.below(3000);
        if ((i / 4000) % 2 == 0) {
          map.insert_if_absent(key, 1);
        } else {
          map.erase(key);
        }
      }
      --writing;
      return;
    }
    while (writing.load(std::memory_order_relaxed) != 0) {
      std::vector<int> met(staying);
      std::uint64_t cursor = 0;
      do {
        cursor = map.scan(cursor, 10, [&](std::uint64_t key, int) {
          if (key < staying) ++met[key];
        });
      } while (cursor != 0);
      for (const int times : met) wrong += times != 1;
      ++scans;
    }
  });
  EXPECT_EQ(wrong, 0);
}

// As a name table is used: several claim a name, one gets it, and only the owner's release counts.
TEST(concurrent_map, one_of_many_inserts_and_only_a_matching_erase_removes) {
  ConcurrentMap<std::uint64_t, int> map;
  const std::uint64_t keys = 16;
  std::vector<std::atomic<int>> owners(keys);
  std::atomic<int> wrong{0};
  std::atomic<long> claimed{0};
  std::atomic<long> released{0};
  in_threads(4, [&](int thread) {
    Prng prng{static_cast<std::uint64_t>(thread) + 20};
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t key = prng.below(keys);
      if (map.insert_if_absent(key, thread)) {
        ++claimed;
        // Between a claim and its release nobody else may hold the key.
        if (owners[key].fetch_add(1) != 0) ++wrong;
      } else if (map.find(key) == thread) {
        owners[key].fetch_sub(1);
        if (!map.erase_if(key, [&](int owner) { return owner == thread; })) ++wrong;
        ++released;
      }
      const int other = (thread + 1) % 4;
      if (map.erase_if(key, [&](int owner) { return owner == other && owner == thread; })) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(static_cast<std::size_t>(claimed - released), map.size());
}

TEST(concurrent_map, updates_of_one_key_by_many_threads_are_all_counted) {
  ConcurrentMap<std::string, long> map;
  in_threads(4, [&](int) {
    for (int i = 0; i < 10'000; ++i) {
      map.update("counter", [](std::optional<long>& value) { value = value.value_or(0) + 1; });
    }
  });
  EXPECT_EQ(map.find("counter"), 40'000);
}

TEST(concurrent_map, memory_is_freed_beside_readers_and_all_of_it_in_the_end) {
  {
    ConcurrentMap<std::uint64_t, Counted> map{{}, 4};
    std::atomic<int> writing{2};
    std::atomic<int> wrong{0};
    in_threads(4, [&](int thread) {
      Prng prng{static_cast<std::uint64_t>(thread) + 30};
      if (thread < 2) {
        for (int i = 0; i < 50'000; ++i) {
          const std::uint64_t key = prng.below(100);
          if (prng.chance(0.5)) {
            map.assign(key, Counted{key});
          } else {
            map.erase(key);
          }
        }
        --writing;
        return;
      }
      while (writing.load(std::memory_order_relaxed) != 0) {
        const std::uint64_t key = prng.below(100);
        const auto found = map.find(key);
        if (found && found->number != key) ++wrong;
      }
    });
    EXPECT_EQ(wrong, 0);
    // With the readers gone a few more writes free the rest.
    for (int i = 0; i < 4 * 64 * 8; ++i) map.erase(static_cast<std::uint64_t>(i));
    EXPECT_LE(Counted::alive, static_cast<long>(map.size()) + 4 * 128);
  }
  EXPECT_EQ(Counted::alive, 0);
}

}  // namespace
}  // namespace troupe
