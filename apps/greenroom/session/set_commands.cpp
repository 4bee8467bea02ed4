// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/command_call.hpp"

namespace greenroom {
namespace {

bool has_member(const CommandCall& call, std::string_view member) {
  return call.session.exists() && call.session.set().find(member).has_value();
}

}  // namespace

void apply_sadd(CommandCall& call) {
  if (call.refuses_type(ValueType::set)) return;
  std::int64_t added = 0;
  for (std::string_view member : call.words.subspan(2))
    // Only a member that is new makes this a change.
    if (!has_member(call, member) && call.session.change_set().set(member, {})) ++added;
  if (added > 0) call.tell(event_set, "sadd");
  call.reply.integer(added);
}

void apply_srem(CommandCall& call) {
  if (call.refuses_type(ValueType::set)) return;
  std::int64_t removed = 0;
  for (std::string_view member : call.words.subspan(2))
    if (has_member(call, member) && call.session.change_set().erase(member)) ++removed;
  if (removed > 0) call.tell(event_set, "srem");
  call.reply.integer(removed);
}

void apply_smembers(CommandCall& call) {
  if (call.refuses_type(ValueType::set)) return;
  call.reply.set(call.session.exists() ? call.session.set().size() : 0);
  if (!call.session.exists()) return;
  call.session.set().for_each(
      [&](std::string_view member, std::string_view) { call.reply.bulk(member); });
}

void apply_slook(CommandCall& call) {
  if (call.refuses_type(ValueType::set)) return;
  switch (call.command.id) {
    case CommandId::scard:
      return call.reply.integer(
          call.session.exists() ? static_cast<std::int64_t>(call.session.set().size()) : 0);
    case CommandId::sismember:
      return call.reply.integer(has_member(call, call.word(2)) ? 1 : 0);
    default:
      call.reply.array(call.words.size() - 2);
      for (std::string_view member : call.words.subspan(2))
        call.reply.integer(has_member(call, member) ? 1 : 0);
  }
}

}  // namespace greenroom
