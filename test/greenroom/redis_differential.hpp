// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "greenroom/local_server.hpp"
#include "greenroom/redis_oracle.hpp"

namespace greenroom::test {

// The same requests to a real redis-server and to Greenroom's protocol and commands: the replies
// must be the same byte for byte. Skipped, saying so, where redis-server is not installed.
class RedisDifferential : public testing::Test {
 protected:
  void SetUp() override { begin({}); }

  void begin(const std::vector<std::string>& arguments);

  // Sends all requests to both in one piece, and compares reply by reply.
  void compare(const std::vector<std::string>& requests, LocalServer& server);
  // The same for RESP2 and RESP3, on databases that are empty at first.
  void compare(const std::vector<std::string>& requests);
  // What one connection gets until Redis closes it.
  void compare_to_the_end(const std::string& bytes);

  std::string ask_redis(const std::string& request);

  std::unique_ptr<RedisOracle> oracle_;
  std::size_t silent_ = 0;  // Requests at the beginning that are not answered.
};

std::vector<std::string> lines(std::initializer_list<std::string_view> inline_requests);

}  // namespace greenroom::test
