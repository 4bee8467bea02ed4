// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/error_text.hpp"
#include "resp/reply_writer.hpp"
#include "session/apply.hpp"
#include "session/session.hpp"

namespace greenroom {

// One command being applied: what every command function gets. Private to session/.
struct CommandCall {
  Session& session;
  const CommandSpec& command;
  std::span<const std::string_view> words;  // As many as the command accepts().
  const ApplyContext& context;
  ReplyWriter& reply;
  Events& events;

  std::string_view word(std::size_t index) const { return words[index]; }
  std::int64_t now_ms() const { return context.now_ms; }

  // Whether a value of another type is in the way, which is answered with WRONGTYPE.
  bool refuses_type(ValueType wanted) const {
    if (!session.exists() || session.type() == wanted) return false;
    reply.error(error_text::wrong_type);
    return true;
  }

  void tell(EventFlag kind, std::string_view name) { events.add(kind, name); }

  // The string that is there, empty if nothing is. Requires that its type was not refused.
  std::string_view string_or_empty() const {
    return session.exists() ? session.string() : std::string_view{};
  }
};

// Each answers the commands it names, completely.
void apply_get(CommandCall& call);    // GET, and MGET's element.
void apply_set(CommandCall& call);    // SET, MSET's part.
void apply_setex(CommandCall& call);  // SETEX, PSETEX.
void apply_setnx(CommandCall& call);
void apply_getex(CommandCall& call);
void apply_getdel(CommandCall& call);
void apply_getset(CommandCall& call);
void apply_append(CommandCall& call);
void apply_strlen(CommandCall& call);
void apply_getrange(CommandCall& call);  // GETRANGE, SUBSTR.
void apply_setrange(CommandCall& call);

void apply_incr(CommandCall& call);  // INCR, DECR, INCRBY, DECRBY.
void apply_incrbyfloat(CommandCall& call);

void apply_expire(CommandCall& call);  // EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.
void apply_ttl(CommandCall& call);     // TTL, PTTL, EXPIRETIME, PEXPIRETIME.
void apply_persist(CommandCall& call);
void apply_del(CommandCall& call);     // DEL, UNLINK.
void apply_exists(CommandCall& call);  // EXISTS, TOUCH.
void apply_type(CommandCall& call);
void apply_object(CommandCall& call);  // OBJECT ENCODING, FREQ, IDLETIME, REFCOUNT.
void apply_memory(CommandCall& call);  // MEMORY USAGE.

void apply_hset(CommandCall& call);  // HSET, HMSET.
void apply_hsetnx(CommandCall& call);
void apply_hget(CommandCall& call);
void apply_hmget(CommandCall& call);
void apply_hgetall(CommandCall& call);  // HGETALL, HKEYS, HVALS.
void apply_hdel(CommandCall& call);
void apply_hlook(CommandCall& call);  // HEXISTS, HSTRLEN, HLEN.
void apply_hincrby(CommandCall& call);
void apply_hincrbyfloat(CommandCall& call);

void apply_sadd(CommandCall& call);
void apply_srem(CommandCall& call);
void apply_smembers(CommandCall& call);
void apply_slook(CommandCall& call);  // SCARD, SISMEMBER, SMISMEMBER.

void apply_spop(CommandCall& call);
void apply_srandmember(CommandCall& call);
void apply_hrandfield(CommandCall& call);
void apply_field_scan(CommandCall& call);  // HSCAN, SSCAN.

void apply_script(CommandCall& call);  // A known script; see known_scripts.hpp.

}  // namespace greenroom
