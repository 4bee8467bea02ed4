// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/slow_log.hpp"

#include <algorithm>

#include "resp/error_text.hpp"
#include "resp/number.hpp"

namespace greenroom {

void SlowLog::note(const CommandSpec& command, std::size_t words, std::int64_t began_at_ms,
                   std::int64_t microseconds, std::string_view address,
                   std::string_view client_name) {
  if (microseconds < slow_microseconds || command.has(flag_skip_slowlog)) return;
  const std::lock_guard guard{lock_};
  entries_.push_front(Entry{next_id_++, began_at_ms, microseconds, command.name,
                            words > 0 ? words - 1 : 0, std::string{address},
                            std::string{client_name}});
  if (entries_.size() > max_entries) entries_.pop_back();
}

void SlowLog::write(const Entry& entry, ReplyWriter& reply) const {
  reply.array(6);
  reply.integer(static_cast<std::int64_t>(entry.id));
  reply.integer(entry.began_at_ms / 1000);
  reply.integer(entry.microseconds);
  reply.array(entry.arguments > 0 ? 2 : 1);
  reply.bulk(entry.command);
  if (entry.arguments > 0)
    reply.bulk("... (" + std::to_string(entry.arguments) + " more arguments)");
  reply.bulk(entry.address);
  reply.bulk(entry.client_name);
}

void SlowLog::answer(const CommandSpec& command, std::span<const std::string_view> words,
                     ReplyWriter& reply) {
  const std::lock_guard guard{lock_};
  switch (command.id) {
    case CommandId::slowlog_len:
      return reply.integer(static_cast<std::int64_t>(entries_.size()));
    case CommandId::slowlog_reset:
      entries_.clear();
      return reply.ok();
    default:
      break;
  }
  constexpr std::int64_t shown_by_default = 10;
  std::int64_t count = shown_by_default;
  if (words.size() > 3) return reply.error(error_text::wrong_subcommand(words[1], "SLOWLOG"));
  if (words.size() == 3) {
    const auto asked = parse_integer(words[2]);
    if (!asked || *asked < -1)
      return reply.error("ERR count should be greater than or equal to -1");
    count = *asked;
  }
  const auto shown =
      count < 0 ? entries_.size() : std::min(static_cast<std::size_t>(count), entries_.size());
  reply.array(shown);
  for (std::size_t i = 0; i < shown; ++i) write(entries_[i], reply);
}

}  // namespace greenroom
