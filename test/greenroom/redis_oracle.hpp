// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom::test {

// A real redis-server of our own, on a socket in a directory of its own, to compare replies with.
// It ends with this object.
class RedisOracle {
 public:
  // Null where redis-server is not installed or does not start; `reason` says which.
  static std::unique_ptr<RedisOracle> start(const std::vector<std::string>& arguments,
                                            std::string& reason);
  ~RedisOracle();

  RedisOracle(const RedisOracle&) = delete;
  RedisOracle& operator=(const RedisOracle&) = delete;

  // Sends bytes on a new connection and returns everything that comes back until `last`, or until
  // the server closes. Empty if it takes more than ten seconds.
  std::string exchange(std::string_view bytes, std::string_view last);

 private:
  RedisOracle() = default;

  int process_ = -1;
  int output_ = -1;
  std::string directory_;
};

}  // namespace greenroom::test
