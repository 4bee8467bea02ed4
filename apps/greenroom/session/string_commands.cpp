// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include "resp/number.hpp"
#include "session/command_call.hpp"
#include "session/expiry_options.hpp"

namespace greenroom {
namespace {

void answer_string(CommandCall& call) {
  if (call.session.exists()) {
    call.reply.bulk(call.session.string());
  } else {
    call.reply.null();
  }
}

bool refuses_length(CommandCall& call, std::size_t length) {
  if (length <= call.context.max_string_bytes) return false;
  call.reply.error(error_text::too_long);
  return true;
}

// A deadline that has passed deletes at once what it is given to.
void set_deadline(CommandCall& call, std::int64_t at_ms) {
  if (at_ms <= call.now_ms()) {
    call.session.clear();
    call.tell(event_generic, "del");
  } else {
    call.session.set_expiry(at_ms);
    call.tell(event_generic, "expire");
  }
}

bool condition_holds(StringOptions::Condition condition, bool exists) {
  switch (condition) {
    case StringOptions::Condition::always:
      return true;
    case StringOptions::Condition::if_absent:
      return !exists;
    case StringOptions::Condition::if_present:
      return exists;
  }
  return true;
}

}  // namespace

void apply_get(CommandCall& call) {
  // Among the many keys of MGET, one of another type counts as absent.
  if (call.command.id == CommandId::mget && call.session.exists() &&
      call.session.type() != ValueType::string)
    return call.reply.null();
  if (call.refuses_type(ValueType::string)) return;
  answer_string(call);
}

void apply_set(CommandCall& call) {
  auto options = parse_string_options(call.words.subspan(3), StringOptions::For::set);
  if (!options) return call.reply.error(error_text::syntax);
  std::int64_t deadline = options->keeps_expiry ? call.session.expires_at_ms() : 0;
  if (options->expiry) {
    auto parsed = parse_expiry(*options->expiry, call.now_ms(), call.command.name);
    if (!parsed) return call.reply.error(parsed.error());
    deadline = *parsed;
  }
  // With GET the reply is the old value, whatever comes of the condition.
  if (options->returns_old) {
    if (call.refuses_type(ValueType::string)) return;
    answer_string(call);
  }
  if (!condition_holds(options->condition, call.session.exists())) {
    if (!options->returns_old) call.reply.null();
    return;
  }
  call.session.set_string(call.word(2));
  call.tell(event_string, "set");
  call.session.set_expiry(options->keeps_expiry ? deadline : 0);
  if (options->expiry) {
    call.session.set_expiry(deadline);
    call.tell(event_generic, "expire");
  }
  // One that has passed is no error, and the value expires at once; Redis tells so when it notices.
  if (options->expiry && deadline <= call.now_ms()) {
    call.session.clear();
    call.tell(event_expired, "expired");
  }
  if (!options->returns_old) call.reply.ok();
}

void apply_setex(CommandCall& call) {
  ExpiryWord word{
      .number = call.word(2),
      .unit = call.command.id == CommandId::setex ? TimeUnit::seconds : TimeUnit::milliseconds};
  auto deadline = parse_expiry(word, call.now_ms(), call.command.name);
  if (!deadline) return call.reply.error(deadline.error());
  call.session.set_string(call.word(3));
  call.session.set_expiry(*deadline);
  call.tell(event_string, "set");
  call.tell(event_generic, "expire");
  call.reply.ok();
}

void apply_setnx(CommandCall& call) {
  if (call.session.exists()) return call.reply.integer(0);
  call.session.set_string(call.word(2));
  call.tell(event_string, "set");
  call.reply.integer(1);
}

// The value is looked at before the time is, as in Redis: for an absent key no time is wrong.
void apply_getex(CommandCall& call) {
  auto options = parse_string_options(call.words.subspan(2), StringOptions::For::getex);
  if (!options) return call.reply.error(error_text::syntax);
  if (!call.session.exists()) return call.reply.null();
  if (call.refuses_type(ValueType::string)) return;
  std::int64_t deadline = 0;
  if (options->expiry) {
    auto parsed = parse_expiry(*options->expiry, call.now_ms(), call.command.name);
    if (!parsed) return call.reply.error(parsed.error());
    deadline = *parsed;
  }
  answer_string(call);
  if (options->expiry) set_deadline(call, deadline);
  if (options->removes_expiry && call.session.expires_at_ms() != 0) {
    call.session.set_expiry(0);
    call.tell(event_generic, "persist");
  }
}

void apply_getdel(CommandCall& call) {
  if (call.refuses_type(ValueType::string)) return;
  answer_string(call);
  if (call.session.exists()) call.tell(event_generic, "del");
  call.session.clear();
}

void apply_getset(CommandCall& call) {
  if (call.refuses_type(ValueType::string)) return;
  answer_string(call);
  call.session.set_string(call.word(2));
  call.session.set_expiry(0);
  call.tell(event_string, "set");
}

void apply_append(CommandCall& call) {
  if (call.refuses_type(ValueType::string)) return;
  std::size_t length = call.string_or_empty().size() + call.word(2).size();
  if (call.session.exists() && refuses_length(call, length)) return;
  call.session.change_string().append(call.word(2));
  call.tell(event_string, "append");
  call.reply.integer(static_cast<std::int64_t>(length));
}

void apply_strlen(CommandCall& call) {
  if (call.refuses_type(ValueType::string)) return;
  call.reply.integer(static_cast<std::int64_t>(call.string_or_empty().size()));
}

void apply_getrange(CommandCall& call) {
  auto first = parse_integer(call.word(2));
  auto last = parse_integer(call.word(3));
  if (!first || !last) return call.reply.error(error_text::not_an_integer);
  if (call.refuses_type(ValueType::string)) return;
  std::string_view string = call.string_or_empty();
  auto length = static_cast<std::int64_t>(string.size());
  // Negative positions count from the end; two of them in the wrong order are nothing, even where
  // cutting both at the start would leave the first byte.
  if (length == 0 || (*first < 0 && *last < 0 && *first > *last)) return call.reply.bulk("");
  std::int64_t begin = std::max<std::int64_t>(*first < 0 ? *first + length : *first, 0);
  std::int64_t end = std::max<std::int64_t>(*last < 0 ? *last + length : *last, 0);
  end = std::min(end, length - 1);
  if (begin > end) return call.reply.bulk("");
  call.reply.bulk(
      string.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin + 1)));
}

void apply_setrange(CommandCall& call) {
  auto offset = parse_integer(call.word(2));
  if (!offset) return call.reply.error(error_text::not_an_integer);
  if (*offset < 0) return call.reply.error(error_text::offset_out_of_range);
  if (call.refuses_type(ValueType::string)) return;
  std::string_view bytes = call.word(3);
  // Nothing to write changes nothing, not even a missing key.
  if (bytes.empty())
    return call.reply.integer(static_cast<std::int64_t>(call.string_or_empty().size()));
  auto begin = static_cast<std::size_t>(*offset);
  bool is_far = begin > call.context.max_string_bytes;  // Where adding to it could overflow.
  if (refuses_length(call, is_far ? begin : begin + bytes.size())) return;
  Bytes& string = call.session.change_string();
  string.overwrite(begin, bytes);
  call.tell(event_string, "setrange");
  call.reply.integer(static_cast<std::int64_t>(string.size()));
}

}  // namespace greenroom
