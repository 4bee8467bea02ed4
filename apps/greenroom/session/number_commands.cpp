// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cmath>
#include <optional>

#include "resp/number.hpp"
#include "session/command_call.hpp"

namespace greenroom {
namespace {

// What INCR and its kin add; an error has been answered if it is nothing.
std::optional<std::int64_t> increment_of(CommandCall& call) {
  CommandId id = call.command.id;
  if (id == CommandId::incr) return 1;
  if (id == CommandId::decr) return -1;
  auto number = parse_integer(call.word(2));
  if (!number) {
    call.reply.error(error_text::not_an_integer);
    return std::nullopt;
  }
  if (id == CommandId::incrby) return number;
  if (*number == INT64_MIN) {
    call.reply.error("ERR decrement would overflow");
    return std::nullopt;
  }
  return -*number;
}

}  // namespace

void apply_incr(CommandCall& call) {
  auto increment = increment_of(call);
  if (!increment || call.refuses_type(ValueType::string)) return;
  auto value = call.session.exists() ? parse_integer(call.session.string()) : 0;
  if (!value) return call.reply.error(error_text::not_an_integer);
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*value, *increment, &sum))
    return call.reply.error(error_text::overflow);
  call.session.set_string(std::to_string(sum));
  call.tell(event_string, "incrby");
  call.reply.integer(sum);
}

void apply_incrbyfloat(CommandCall& call) {
  if (call.refuses_type(ValueType::string)) return;
  auto value = call.session.exists() ? parse_float(call.session.string()) : 0.0L;
  auto increment = parse_float(call.word(2));
  if (!value || !increment) return call.reply.error(error_text::not_a_float);
  long double sum = *value + *increment;
  if (!std::isfinite(sum)) return call.reply.error(error_text::not_finite);
  call.session.set_string(format_float(sum));
  call.tell(event_string, "incrbyfloat");
  call.reply.bulk(call.session.string());
}

void apply_hincrby(CommandCall& call) {
  auto increment = parse_integer(call.word(3));
  if (!increment) return call.reply.error(error_text::not_an_integer);
  if (call.refuses_type(ValueType::hash)) return;
  std::int64_t value = 0;
  if (call.session.exists()) {
    if (auto text = call.session.hash().find(call.word(2))) {
      auto number = parse_integer(*text);
      if (!number) return call.reply.error("ERR hash value is not an integer");
      value = *number;
    }
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(value, *increment, &sum))
    return call.reply.error(error_text::overflow);
  call.session.change_hash().set(call.word(2), std::to_string(sum));
  call.tell(event_hash, "hincrby");
  call.reply.integer(sum);
}

void apply_hincrbyfloat(CommandCall& call) {
  auto increment = parse_float(call.word(3));
  if (!increment) return call.reply.error(error_text::not_a_float);
  if (!std::isfinite(*increment)) return call.reply.error("ERR value is NaN or Infinity");
  if (call.refuses_type(ValueType::hash)) return;
  long double value = 0;
  if (call.session.exists()) {
    if (auto text = call.session.hash().find(call.word(2))) {
      auto number = parse_float(*text);
      if (!number) return call.reply.error("ERR hash value is not a float");
      value = *number;
    }
  }
  long double sum = value + *increment;
  if (!std::isfinite(sum)) return call.reply.error(error_text::not_finite);
  std::string text = format_float(sum);
  call.session.change_hash().set(call.word(2), text);
  call.tell(event_hash, "hincrbyfloat");
  call.reply.bulk(text);
}

}  // namespace greenroom
