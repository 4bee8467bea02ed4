// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/tls.hpp>
#include <troupe/troupe.hpp>

#include "tools/redis_url.hpp"

namespace greenroom {

// A reply of a Redis server in RESP2.
struct RespReply {
  enum class Kind : std::uint8_t { status, error, integer, bulk, null, array };
  Kind kind = Kind::null;
  std::string text;  // of status, error and bulk
  std::int64_t integer = 0;
  std::vector<RespReply> elements;

  bool is_error() const { return kind == Kind::error; }
};

// Takes replies apart, from pieces of any size. A server that breaks the protocol, or its limits
// (depth 4, 512 MiB a text, 16 million elements), makes it fail for good.
class RespReader {
 public:
  void feed(std::string_view bytes);
  // The next whole reply; nothing: feed more, or it has failed.
  std::optional<RespReply> next();
  bool has_failed() const { return failed_; }

 private:
  enum class Step : std::uint8_t { done, incomplete, failed };
  Step read(std::string_view& rest, RespReply& into, int depth);

  std::string pending_;
  std::size_t at_ = 0;
  std::size_t needed_ = 0;   // no reply is whole before so much is there
  std::size_t missing_ = 0;  // after an incomplete read: at least so much
  bool failed_ = false;
};

void append_command(std::string& out, std::span<const std::string_view> words);

// A client of a Redis server for the tools: one connection, requests in pipelines. What it cannot
// do is said in a sentence.
class RespClient {
 public:
  template <class T>
  using Result = std::expected<T, std::string>;

  // Connects, and does AUTH and SELECT as the URL says.
  static troupe::Async<Result<RespClient>> connect(troupe::Process& self, RedisUrl url);

  // The replies to `count` commands, in their order. Error replies are replies.
  troupe::Async<Result<std::vector<RespReply>>> ask(troupe::Process& self, std::string commands,
                                                    std::size_t count);
  // One command.
  troupe::Async<Result<RespReply>> ask(troupe::Process& self, std::vector<std::string> words);

  troupe::net::Channel& channel() { return channel_; }
  RespReader& reader() { return reader_; }

 private:
  troupe::net::Channel channel_;
  RespReader reader_;
  std::string name_;
};

}  // namespace greenroom
