// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Numbers as Redis reads and writes them.
#include "resp/number.hpp"

#include <gtest/gtest.h>

#include "resp/secret.hpp"

namespace greenroom::test {
namespace {

TEST(ParseInteger, takes_the_canonical_form_only) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
  for (std::string_view text :
       {"", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "9223372036854775808",
        "-9223372036854775809", "99999999999999999999999", "1e3"})
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  EXPECT_EQ(parse_integer(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseFloat, takes_what_strtold_takes_as_a_whole) {
  EXPECT_EQ(parse_float("1.5"), 1.5L);
  EXPECT_EQ(parse_float("-2e3"), -2000.0L);
  EXPECT_TRUE(parse_float("inf").has_value());
  for (std::string_view text : {"", " 1", "1 ", "nan", "x", "1.5x", "1e5000", "1e-5000"})
    EXPECT_EQ(parse_float(text), std::nullopt) << text;
  EXPECT_EQ(parse_float(std::string_view("1\0", 2)), std::nullopt);
  EXPECT_EQ(parse_float(std::string(6000, '1')), std::nullopt);
}

TEST(FormatFloat, drops_trailing_zeros_and_never_uses_an_exponent) {
  EXPECT_EQ(format_float(10.5L), "10.5");
  EXPECT_EQ(format_float(3.0L), "3");
  EXPECT_EQ(format_float(100.0L), "100");
  EXPECT_EQ(format_float(-0.0L), "0");
  EXPECT_EQ(format_float(0.1L + 0.2L), "0.3");
  EXPECT_EQ(format_float(1e30L).size(), 31u);
}

TEST(EqualInConstantTime, compares_whole_strings) {
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  for (std::string_view wrong : {"", "s", "secreT", "secre", "secretsecret", "Secret"})
    EXPECT_FALSE(equal_in_constant_time(wrong, "secret")) << wrong;
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("x", ""));
}

}  // namespace
}  // namespace greenroom::test
