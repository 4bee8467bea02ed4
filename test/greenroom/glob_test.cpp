// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Patterns, and that no pattern takes long. Random patterns are compared with Redis in
// redis_differential_test.cpp.
#include "resp/glob.hpp"

#include <gtest/gtest.h>
#include <string>

namespace greenroom::test {
namespace {

TEST(Glob, star_matches_any_bytes_and_question_mark_one) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_FALSE(glob_match("?", ""));
  EXPECT_TRUE(glob_match("sess:*", "sess:abc"));
  EXPECT_FALSE(glob_match("sess:*", "SESS:abc"));
  EXPECT_TRUE(glob_match("sess:*", "SESS:abc", LetterCase::ignored));
  EXPECT_TRUE(glob_match("a*b*c", "a--b-bc-c"));
  EXPECT_FALSE(glob_match("a*b*c", "a--b-b-"));
  EXPECT_TRUE(glob_match("h?llo", std::string_view("h\0llo", 5)));
}

TEST(Glob, classes_have_ranges_negation_and_escapes) {
  EXPECT_TRUE(glob_match("h[ae]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[ae]llo", "hillo"));
  EXPECT_TRUE(glob_match("h[^e]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[^e]llo", "hello"));
  EXPECT_TRUE(glob_match("[a-c]", "b"));
  EXPECT_TRUE(glob_match("[c-a]", "b"));
  EXPECT_TRUE(glob_match("[\\]]", "]"));
  EXPECT_TRUE(glob_match("[A-C]", "b", LetterCase::ignored));
  EXPECT_TRUE(glob_match("[\x80-\xff]", "\xc3"));
}

TEST(Glob, odd_patterns_mean_what_they_mean_to_redis) {
  EXPECT_TRUE(glob_match("[ab", "b")) << "an unclosed class ends with the pattern";
  EXPECT_FALSE(glob_match("[]", "a")) << "an empty class matches nothing";
  EXPECT_TRUE(glob_match("[^]", "a")) << "and its negation anything";
  EXPECT_TRUE(glob_match("a\\", "a\\")) << "a last backslash is itself";
  EXPECT_TRUE(glob_match("\\*", "*"));
  EXPECT_FALSE(glob_match("\\*", "a"));
  EXPECT_FALSE(glob_match("[", "a"));
}

TEST(Glob, many_stars_do_not_take_exponential_time) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  pattern += "b";
  EXPECT_FALSE(glob_match(pattern, std::string(10'000, 'a')));
}

}  // namespace
}  // namespace greenroom::test
