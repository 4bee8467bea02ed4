// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/apply.hpp"

#include <algorithm>

#include "session/command_call.hpp"

namespace greenroom {
namespace {

void run(CommandCall& call) {
  switch (call.command.id) {
    case CommandId::get:
    case CommandId::mget:
      return apply_get(call);
    case CommandId::set:
    case CommandId::mset:
      return apply_set(call);
    case CommandId::setex:
    case CommandId::psetex:
      return apply_setex(call);
    case CommandId::setnx:
      return apply_setnx(call);
    case CommandId::getex:
      return apply_getex(call);
    case CommandId::getdel:
      return apply_getdel(call);
    case CommandId::getset:
      return apply_getset(call);
    case CommandId::append:
      return apply_append(call);
    case CommandId::strlen:
      return apply_strlen(call);
    case CommandId::getrange:
    case CommandId::substr:
      return apply_getrange(call);
    case CommandId::setrange:
      return apply_setrange(call);
    case CommandId::incr:
    case CommandId::decr:
    case CommandId::incrby:
    case CommandId::decrby:
      return apply_incr(call);
    case CommandId::incrbyfloat:
      return apply_incrbyfloat(call);
    case CommandId::expire:
    case CommandId::pexpire:
    case CommandId::expireat:
    case CommandId::pexpireat:
      return apply_expire(call);
    case CommandId::ttl:
    case CommandId::pttl:
    case CommandId::expiretime:
    case CommandId::pexpiretime:
      return apply_ttl(call);
    case CommandId::persist:
      return apply_persist(call);
    case CommandId::del:
    case CommandId::unlink:
      return apply_del(call);
    case CommandId::exists:
    case CommandId::touch:
      return apply_exists(call);
    case CommandId::type:
      return apply_type(call);
    case CommandId::object_encoding:
    case CommandId::object_freq:
    case CommandId::object_idletime:
    case CommandId::object_refcount:
      return apply_object(call);
    case CommandId::hset:
    case CommandId::hmset:
      return apply_hset(call);
    case CommandId::hsetnx:
      return apply_hsetnx(call);
    case CommandId::hget:
      return apply_hget(call);
    case CommandId::hmget:
      return apply_hmget(call);
    case CommandId::hgetall:
    case CommandId::hkeys:
    case CommandId::hvals:
      return apply_hgetall(call);
    case CommandId::hdel:
      return apply_hdel(call);
    case CommandId::hexists:
    case CommandId::hstrlen:
    case CommandId::hlen:
      return apply_hlook(call);
    case CommandId::hincrby:
      return apply_hincrby(call);
    case CommandId::hincrbyfloat:
      return apply_hincrbyfloat(call);
    case CommandId::memory_usage:
      return apply_memory(call);
    case CommandId::sadd:
      return apply_sadd(call);
    case CommandId::srem:
      return apply_srem(call);
    case CommandId::smembers:
      return apply_smembers(call);
    case CommandId::scard:
    case CommandId::sismember:
    case CommandId::smismember:
      return apply_slook(call);
    case CommandId::spop:
      return apply_spop(call);
    case CommandId::srandmember:
      return apply_srandmember(call);
    case CommandId::hrandfield:
      return apply_hrandfield(call);
    case CommandId::hscan:
    case CommandId::sscan:
      return apply_field_scan(call);
    case CommandId::script_run:
      return apply_script(call);
    default:
      return call.reply.error("ERR '" + std::string(call.command.name) +
                              "' is no command on a key");
  }
}

// A hash lives as long as it has fields, a set as long as it has members.
void drop_if_empty(Session& session, Events& events) {
  const bool is_empty = (session.type() == ValueType::hash && session.hash().is_empty()) ||
                        (session.type() == ValueType::set && session.set().is_empty());
  if (!is_empty) return;
  session.clear();
  events.add(event_generic, "del");
}

void note_use(Session& session, const CommandSpec& command, const ApplyContext& context,
              bool created) {
  if (!session.exists()) return;
  if (created) session.set_created(context.now_ms);
  if (command.has(flag_quiet)) return;
  if (command.has(flag_readonly)) session.note_read();
  if (context.counts_as_access || command.id == CommandId::touch)
    session.note_access(context.now_ms);
}

}  // namespace

Outcome expire_if_due(Session& session, std::int64_t now_ms) {
  if (!session.exists() || !session.is_due(now_ms)) return {};
  session.clear();
  Outcome outcome{.value_changed = true, .expiry_changed = true, .deleted = true, .expired = true};
  outcome.events.add(event_expired, "expired");
  return outcome;
}

Outcome apply(Session& session, const CommandSpec& command, std::span<const std::string_view> words,
              const ApplyContext& context, std::string& out) {
  bool was_there = session.exists();
  std::uint64_t revision = session.revision();
  std::int64_t expires_at_ms = session.expires_at_ms();
  Outcome expiry = expire_if_due(session, context.now_ms);
  bool found = session.exists();
  Events events = expiry.events;

  ReplyWriter reply{out, context.version};
  if (command.accepts(words.size())) {
    CommandCall call{session, command, words, context, reply, events};
    run(call);
    drop_if_empty(session, events);
  } else {
    reply.error(error_text::wrong_arity(command.name));
  }

  bool created = !found && session.exists();
  note_use(session, command, context, created);
  const bool expired = std::ranges::find(events, event_expired, &Event::kind) != events.end();
  return {.value_changed = session.revision() != revision,
          .expiry_changed = session.expires_at_ms() != expires_at_ms,
          .created = created,
          .deleted = was_there && !session.exists(),
          .expired = expired,
          .hit = found,
          .events = events};
}

}  // namespace greenroom
