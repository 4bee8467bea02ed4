// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/assert.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

constexpr int checked_half(int n) {
  TROUPE_ASSERT(n % 2 == 0, "only even numbers have a half");
  return n / 2;
}

enum class Side { left, right };
int sign_of(Side side) {
  switch (side) {
    case Side::left:
      return -1;
    case Side::right:
      return 1;
  }
  TROUPE_UNREACHABLE("a third side");
}

TEST(assert, passes_in_constant_expressions_when_the_condition_holds) {
  static_assert(checked_half(4) == 2);
  EXPECT_EQ(checked_half(8), 4);
}

TEST(assert_death_test, prints_place_condition_and_message_and_aborts) {
  EXPECT_DEATH(checked_half(3),
               "assert_test\\.cpp:[0-9]+: assertion failed: n % 2 == 0: only even numbers");
}

TEST(assert_death_test, unreachable_code_aborts_with_its_message) {
  EXPECT_EQ(sign_of(Side::left), -1);
  EXPECT_EQ(sign_of(Side::right), 1);
  EXPECT_DEATH(sign_of(static_cast<Side>(2)), "unreachable code was reached: a third side");
}

}  // namespace
}  // namespace troupe
