// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/stack_trace.hpp"

#include <gtest/gtest.h>
#include <string>

namespace troupe {
namespace {

struct Taken {
  void* frames[16];
  std::size_t count;
};

// One function more, because a stack begins with the caller of the one that takes it.
[[gnu::noinline]] void take(Taken& taken, const void* outermost) {
  taken.count = capture_stack(taken.frames, outermost);
}
[[gnu::noinline]] Taken innermost(const void* outermost) {
  Taken taken;
  take(taken, outermost);
  return taken;
}
[[gnu::noinline]] Taken in_between(bool to_here) {
  const void* here = __builtin_frame_address(0);
  Taken taken = innermost(to_here ? here : nullptr);
  asm volatile("" : : "r"(&taken) : "memory");  // no tail call
  return taken;
}

std::string text_of(const Taken& taken) { return describe_stack({taken.frames, taken.count}); }

TEST(StackTraceTest, frames_are_named_innermost_first) {
  const Taken taken = in_between(false);
  const std::string text = text_of(taken);
  const auto inner = text.find("innermost");
  const auto outer = text.find("in_between");
  EXPECT_NE(inner, std::string::npos);
  EXPECT_NE(outer, std::string::npos);
  EXPECT_LT(inner, outer);
  EXPECT_EQ(text, text_of(taken));  // known by now
}

TEST(StackTraceTest, a_stack_ends_before_the_outermost_frame) {
  const std::string text = text_of(in_between(true));
  EXPECT_NE(text.find("innermost"), std::string::npos);
  EXPECT_EQ(text.find("in_between"), std::string::npos);
}

TEST(StackTraceTest, a_full_array_is_the_end) {
  void* frames[1];
  EXPECT_EQ(capture_stack(frames, nullptr), 1U);
  EXPECT_EQ(capture_stack({}, nullptr), 0U);
}

TEST(StackTraceTest, an_address_without_a_name_is_printed) {
  void* nowhere[] = {reinterpret_cast<void*>(0x10)};
  EXPECT_EQ(describe_stack(nowhere), "0x10");
}

}  // namespace
}  // namespace troupe
