// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "greenroom/local_server.hpp"

namespace greenroom::test {

// Plays a transcript on a new connection and returns it as it turned out, to be compared:
//
//   # a remark, kept
//   > SET a 1          an inline request
//   +OK                the reply as it is on the wire, CR LF shown as a line end
//   @ 1500             the clock moves on by so many milliseconds
//
// Blank lines, and blanks in front of lines, are for the eye and dropped from both sides.
std::string play(LocalServer& server, std::string_view transcript);

// The transcript as play() would return it if all went as written.
std::string tidied(std::string_view transcript);

inline void expect_transcript(LocalServer& server, std::string_view transcript) {
  EXPECT_EQ(play(server, transcript), tidied(transcript));
}

inline void expect_transcript(std::string_view transcript) {
  LocalServer server;
  expect_transcript(server, transcript);
}

}  // namespace greenroom::test
