// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The owners of what is shared, and of what is not: who destroys it, and when. No process is
// involved.
#include <atomic>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <troupe/detail/shared.hpp>
#include <troupe/detail/unique.hpp>

namespace {

using troupe::detail::Counted;
using troupe::detail::CountedValue;
using troupe::detail::own;
using troupe::detail::share;
using troupe::detail::Shared;
using troupe::detail::Unique;

std::atomic<int> destroyed = 0;

struct Base : Counted {
  explicit Base(int number = 0) : value{number} {}
  Base(const Base&) = default;
  ~Base() override { ++destroyed; }
  int value;
};
struct Derived final : Base {
  using Base::Base;
};

class SharedTest : public testing::Test {
 protected:
  void SetUp() override { destroyed = 0; }
};
using UniqueTest = SharedTest;

TEST_F(SharedTest, a_thing_is_destroyed_with_its_last_owner) {
  {
    Shared<Base> one = share<Base>(7);
    const Shared<Base> other = one;
    one = nullptr;
    EXPECT_EQ(destroyed, 0);
    EXPECT_EQ(other->value, 7);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST_F(SharedTest, an_owner_that_was_moved_from_owns_nothing) {
  Shared<Base> from = share<Base>(1);
  Shared<Base> to = std::move(from);
  EXPECT_EQ(from, nullptr);
  EXPECT_FALSE(from);
  EXPECT_EQ(from.get(), nullptr);
  from = std::move(to);
  EXPECT_EQ(from->value, 1);
  EXPECT_EQ(destroyed, 0);
}

TEST_F(SharedTest, assignment_lets_go_of_what_was_owned_before) {
  Shared<Base> one = share<Base>(1);
  Shared<Base> two = share<Base>(2);
  one = two;
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(one, two);
  EXPECT_EQ((*one).value, 2);
  Shared<Base>& same = one;
  one = same;
  EXPECT_EQ(one->value, 2);
  two = Shared<Base>{};
  one = std::move(two);
  EXPECT_EQ(destroyed, 2);
}

TEST_F(SharedTest, an_owner_of_a_base_class_or_of_a_const_thing_is_one_more) {
  Shared<const Base> base;
  {
    Shared<Derived> derived = share<Derived>(3);
    base = derived;
    EXPECT_EQ(base.get(), derived.get());
    const Shared<const Derived> moved = std::move(derived);
    EXPECT_EQ(derived, nullptr);
    EXPECT_EQ(moved->value, 3);
  }
  EXPECT_EQ(destroyed, 0);
  EXPECT_EQ(base->value, 3);
  base = nullptr;
  EXPECT_EQ(destroyed, 1);
}

static_assert(!std::is_convertible_v<Shared<const Base>, Shared<Base>>);
static_assert(!std::is_convertible_v<Shared<Base>, Shared<Derived>>);
static_assert(!std::is_convertible_v<Base*, Shared<Base>>);
static_assert(sizeof(Shared<Base>) == sizeof(void*));

TEST_F(SharedTest, a_copy_of_a_shared_thing_has_owners_of_its_own) {
  const Shared<Base> one = share<Base>(5);
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it is tested here
  const Shared<Base> more = one;
  {
    const Shared<Base> copy = share<Base>(*one);
    EXPECT_NE(copy, one);
    EXPECT_EQ(copy->value, 5);
  }
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(more->value, 5);
}

TEST_F(SharedTest, a_value_of_any_type_can_be_shared) {
  const auto text = share<CountedValue<std::string>>("shared");
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it is tested here
  const auto other = text;
  other->value += " text";
  EXPECT_EQ(text->value, "shared text");
}

struct Declared;
// Copied and destroyed where T is not known, as a message of another file may be.
struct Holder {
  Shared<Declared> declared;
};
struct Declared final : Base {
  using Base::Base;
};

TEST_F(SharedTest, what_is_only_declared_can_be_copied_and_destroyed) {
  {
    const Holder holder{share<Declared>(4)};
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it is tested here
    const Holder copy = holder;
    EXPECT_EQ(copy.declared->value, 4);
  }
  EXPECT_EQ(destroyed, 1);
}

constexpr std::size_t threads = 4;
std::atomic<int> sum = 0;
struct Sums final : Base {
  ~Sums() override {
    for (const int one : of_thread) sum += one;
  }
  int of_thread[threads] = {};
};

TEST_F(SharedTest, the_last_of_many_threads_destroys_once_and_sees_what_all_have_done) {
  constexpr int rounds = 200;
  sum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> all;
    Shared<Sums> sums = share<Sums>();
    for (std::size_t i = 0; i < threads; ++i) {
      all.emplace_back([mine = sums, i]() mutable {
        const Shared<const Base> more = mine;
        mine->of_thread[i] = 1;
        mine = nullptr;
      });
    }
    sums = nullptr;
    for (std::thread& one : all) one.join();
  }
  EXPECT_EQ(destroyed, rounds);
  EXPECT_EQ(sum, rounds * static_cast<int>(threads));
}

TEST_F(UniqueTest, an_owned_thing_is_destroyed_with_its_owner_or_when_another_comes) {
  {
    Unique<Base> owner = own<Derived>(1);
    EXPECT_EQ(owner->value, 1);
    owner = own<Derived>(2);
    EXPECT_EQ(destroyed, 1);
    const Unique<Base> next = std::move(owner);
    EXPECT_FALSE(owner);
    EXPECT_EQ((*next).value, 2);
    EXPECT_EQ(next.get()->value, 2);
    EXPECT_EQ(destroyed, 1);
  }
  EXPECT_EQ(destroyed, 2);
}

}  // namespace
