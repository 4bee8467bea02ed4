// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"

namespace greenroom {

// The last commands that took long, for SLOWLOG: those on many keys, on all keys, and EXEC. A
// command on one key is as fast as its key's process, which the runtime watches.
//
// Unlike Redis' it holds no arguments, but how many there were: they are session ids and contents.
class SlowLog {
 public:
  static constexpr std::size_t max_entries = 128;            // Redis: slowlog-max-len.
  static constexpr std::int64_t slow_microseconds = 10'000;  // Redis: slowlog-log-slower-than.

  void note(const CommandSpec& command, std::size_t words, std::int64_t began_at_ms,
            std::int64_t microseconds, std::string_view address, std::string_view client_name);
  // Answers SLOWLOG GET, LEN and RESET.
  void answer(const CommandSpec& command, std::span<const std::string_view> words,
              ReplyWriter& reply);

 private:
  struct Entry {
    std::uint64_t id;
    std::int64_t began_at_ms;
    std::int64_t microseconds;
    std::string_view command;
    std::size_t arguments;
    std::string address;
    std::string client_name;
  };

  void write(const Entry& entry, ReplyWriter& reply) const;

  std::mutex lock_;
  std::deque<Entry> entries_;  // the latest first
  std::uint64_t next_id_ = 0;
};

}  // namespace greenroom
