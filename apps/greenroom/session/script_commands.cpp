// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/known_scripts.hpp"
#include "resp/number.hpp"
#include "session/command_call.hpp"

namespace greenroom {
namespace {

// The words behind the script's number and its key.
std::string_view argument(const CommandCall& call, std::size_t index) {
  return call.word(2 + index);
}

// Another command in place of this one, on the same key: what redis.call would do.
void call_instead(CommandCall& call, CommandId id, std::initializer_list<std::string_view> words,
                  ReplyWriter& reply, void (*apply_command)(CommandCall&)) {
  CommandCall inner{
      call.session, command_spec(id), std::span{words.begin(), words.size()}, call.context,
      reply,        call.events};
  apply_command(inner);
}

// Whether the first argument is the value of the key; false too if an error was answered.
bool owner_holds(CommandCall& call) {
  return call.session.exists() && call.session.string() == argument(call, 0);
}

void store_entry(CommandCall& call) {
  std::string unused;
  ReplyWriter inner{unused, call.context.version};
  call_instead(call, CommandId::hset,
               {"hset", call.word(1), "absexp", argument(call, 0), "sldexp", argument(call, 1),
                "data", argument(call, 3)},
               inner, apply_hset);
  if (argument(call, 2) != "-1")
    call_instead(call, CommandId::expire, {"expire", call.word(1), argument(call, 2)}, inner,
                 apply_expire);
  // A time that is none is the script's error, after the hash was stored, as in Redis.
  const std::size_t error = unused.rfind("-ERR");
  if (error != std::string::npos) {
    std::string_view text{unused};
    text = text.substr(error + 1);
    return call.reply.error(text.substr(0, text.find('\r')));
  }
  call.reply.integer(1);
}

void extend(CommandCall& call) {
  auto ms = parse_integer(argument(call, 1));
  if (!ms) return call.reply.error(error_text::not_an_integer);
  if (!owner_holds(call) || call.session.expires_at_ms() == 0) return call.reply.integer(0);
  const std::int64_t left = call.session.expires_at_ms() - call.now_ms();
  const std::int64_t added = argument(call, 2) == "0" ? left : 0;
  std::int64_t total = 0;
  if (__builtin_add_overflow(*ms, added, &total))
    return call.reply.error(error_text::invalid_expire_time("pexpire"));
  const std::string text = std::to_string(total);
  call_instead(call, CommandId::pexpire, {"pexpire", call.word(1), text}, call.reply, apply_expire);
}

}  // namespace

void apply_script(CommandCall& call) {
  using enum KnownScript;
  const auto script = static_cast<KnownScript>(parse_integer(call.word(0)).value_or(0));
  if (call.words.size() < 2 + script_arguments(script))
    return call.reply.error("ERR too few arguments for this script");
  const bool is_store = script == store_entry;
  if (script != add && script != acquire &&
      call.refuses_type(is_store ? ValueType::hash : ValueType::string))
    return;
  const std::string_view key = call.word(1);
  switch (script) {
    case release:
      if (!owner_holds(call)) return call.reply.integer(0);
      return call_instead(call, CommandId::del, {"del", key}, call.reply, apply_del);
    case extend:
      return greenroom::extend(call);
    case reacquire:
    case refresh_s: {
      if (!owner_holds(call)) return call.reply.integer(0);
      const CommandId id = script == refresh_s ? CommandId::expire : CommandId::pexpire;
      return call_instead(call, id, {command_spec(id).name, key, argument(call, 1)}, call.reply,
                          apply_expire);
    }
    case acquire:
      return call_instead(call, CommandId::set,
                          {"set", key, argument(call, 0), "NX", "PX", argument(call, 1)},
                          call.reply, apply_set);
    case add:
      if (call.session.exists()) return call.reply.null();
      return call_instead(call, CommandId::setex,
                          {"setex", key, argument(call, 1), argument(call, 0)}, call.reply,
                          apply_setex);
    case store_entry:
      return greenroom::store_entry(call);
    case incr_existing:
      if (!call.session.exists()) return call.reply.null();
      [[fallthrough]];
    case incr:
      return call_instead(call, CommandId::incrby, {"incrby", key, argument(call, 0)}, call.reply,
                          apply_incr);
  }
}

}  // namespace greenroom
