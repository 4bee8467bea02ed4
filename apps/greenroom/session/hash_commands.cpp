// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/command_call.hpp"

namespace greenroom {
namespace {

std::optional<std::string_view> find_field(const CommandCall& call, std::string_view field) {
  if (!call.session.exists()) return std::nullopt;
  return call.session.hash().find(field);
}

void answer_field(CommandCall& call, std::string_view field) {
  if (auto value = find_field(call, field)) {
    call.reply.bulk(*value);
  } else {
    call.reply.null();
  }
}

}  // namespace

void apply_hset(CommandCall& call) {
  if (call.words.size() % 2 != 0)
    return call.reply.error(error_text::wrong_arity(call.command.name));
  if (call.refuses_type(ValueType::hash)) return;
  HashValue& hash = call.session.change_hash();
  std::int64_t added = 0;
  for (std::size_t i = 2; i < call.words.size(); i += 2)
    added += hash.set(call.word(i), call.word(i + 1)) ? 1 : 0;
  call.tell(event_hash, "hset");
  if (call.command.id == CommandId::hmset) return call.reply.ok();
  call.reply.integer(added);
}

void apply_hsetnx(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  if (find_field(call, call.word(2))) return call.reply.integer(0);
  call.session.change_hash().set(call.word(2), call.word(3));
  call.tell(event_hash, "hset");
  call.reply.integer(1);
}

void apply_hget(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  answer_field(call, call.word(2));
}

void apply_hmget(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  call.reply.array(call.words.size() - 2);
  for (std::string_view field : call.words.subspan(2)) answer_field(call, field);
}

void apply_hgetall(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  bool fields = call.command.id != CommandId::hvals;
  bool values = call.command.id != CommandId::hkeys;
  std::size_t size = call.session.exists() ? call.session.hash().size() : 0;
  if (fields && values) {
    call.reply.map(size);
  } else {
    call.reply.array(size);
  }
  if (size == 0) return;
  call.session.hash().for_each([&](std::string_view field, std::string_view value) {
    if (fields) call.reply.bulk(field);
    if (values) call.reply.bulk(value);
  });
}

void apply_hdel(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  std::int64_t erased = 0;
  for (std::string_view field : call.words.subspan(2))
    // Only a field that is there makes this a change.
    if (find_field(call, field) && call.session.change_hash().erase(field)) ++erased;
  if (erased > 0) call.tell(event_hash, "hdel");
  call.reply.integer(erased);
}

void apply_hlook(CommandCall& call) {
  if (call.refuses_type(ValueType::hash)) return;
  if (call.command.id == CommandId::hlen)
    return call.reply.integer(
        call.session.exists() ? static_cast<std::int64_t>(call.session.hash().size()) : 0);
  auto value = find_field(call, call.word(2));
  if (call.command.id == CommandId::hexists) return call.reply.integer(value ? 1 : 0);
  call.reply.integer(value ? static_cast<std::int64_t>(value->size()) : 0);
}

}  // namespace greenroom
