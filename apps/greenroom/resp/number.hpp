// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace greenroom {

// The integer that `text` is the canonical decimal form of: no sign but '-', no leading zeros, no
// blanks, no "-0", within 64 bits. Redis is this strict, so that text -> integer -> text loses
// nothing.
std::optional<std::int64_t> parse_integer(std::string_view text);

// A float as INCRBYFLOAT reads it: what strtold takes as a whole, without leading blanks, NaN or
// overflow. Infinity is a value here; the commands that cannot use it say so.
std::optional<long double> parse_float(std::string_view text);

// The text INCRBYFLOAT stores and answers: 17 decimals at most, trailing zeros dropped, no
// exponent.
std::string format_float(long double value);

// The shortest text that reads back as the same double; "inf", "-inf", "nan" as RESP3 spells them.
std::string format_double(double value);

void append_integer(std::string& out, std::int64_t value);

}  // namespace greenroom
