// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "session/command_call.hpp"
#include "session/expiry_options.hpp"

namespace greenroom {
namespace {

// Strings up to this length are one allocation in Redis, and clients' diagnostics know the word.
constexpr std::size_t max_embedded_string = 44;

// Redis' word for the nearest to how the value is kept here; it goes by the value alone, not by how
// it came about, so a short string that was appended to is not "raw".
std::string_view encoding_of(const Session& session) {
  if (session.type() == ValueType::set) return session.set().is_packed() ? "listpack" : "hashtable";
  if (session.type() == ValueType::hash)
    return session.hash().is_packed() ? "listpack" : "hashtable";
  if (parse_integer(session.string())) return "int";
  return session.string().size() <= max_embedded_string ? "embstr" : "raw";
}

ExpiryWord deadline_word(const CommandCall& call) {
  switch (call.command.id) {
    case CommandId::expire:
      return {call.word(2), TimeUnit::seconds, TimeBase::from_now};
    case CommandId::pexpire:
      return {call.word(2), TimeUnit::milliseconds, TimeBase::from_now};
    case CommandId::expireat:
      return {call.word(2), TimeUnit::seconds, TimeBase::since_epoch};
    default:
      return {call.word(2), TimeUnit::milliseconds, TimeBase::since_epoch};
  }
}

// To the nearest second, as Redis rounds.
std::int64_t to_seconds(std::int64_t ms) { return ms / 1000 + (ms % 1000 >= 500 ? 1 : 0); }

}  // namespace

void apply_expire(CommandCall& call) {
  auto conditions = parse_expire_conditions(call.words.subspan(3));
  if (!conditions) return call.reply.error(conditions.error());
  auto deadline = parse_deadline(deadline_word(call), call.now_ms(), call.command.name);
  if (!deadline) return call.reply.error(deadline.error());
  if (!call.session.exists() || !conditions->allow(call.session.expires_at_ms(), *deadline))
    return call.reply.integer(0);
  if (*deadline <= call.now_ms()) {
    call.session.clear();
    call.tell(event_generic, "del");
  } else {
    call.session.set_expiry(*deadline);
    call.tell(event_generic, "expire");
  }
  call.reply.integer(1);
}

// -2 for no key, -1 for no expiry.
void apply_ttl(CommandCall& call) {
  if (!call.session.exists()) return call.reply.integer(-2);
  std::int64_t deadline = call.session.expires_at_ms();
  if (deadline == 0) return call.reply.integer(-1);
  switch (call.command.id) {
    case CommandId::ttl:
      return call.reply.integer(to_seconds(deadline - call.now_ms()));
    case CommandId::pttl:
      return call.reply.integer(deadline - call.now_ms());
    case CommandId::expiretime:
      return call.reply.integer(to_seconds(deadline));
    default:
      return call.reply.integer(deadline);
  }
}

void apply_persist(CommandCall& call) {
  bool had_expiry = call.session.exists() && call.session.expires_at_ms() != 0;
  if (had_expiry) {
    call.session.set_expiry(0);
    call.tell(event_generic, "persist");
  }
  call.reply.integer(had_expiry ? 1 : 0);
}

void apply_del(CommandCall& call) {
  bool existed = call.session.exists();
  call.session.clear();
  if (existed) call.tell(event_generic, "del");
  call.reply.integer(existed ? 1 : 0);
}

void apply_exists(CommandCall& call) { call.reply.integer(call.session.exists() ? 1 : 0); }

void apply_type(CommandCall& call) { call.reply.simple(type_name(call.session.type())); }

void apply_object(CommandCall& call) {
  if (!call.session.exists()) return call.reply.null();
  switch (call.command.id) {
    case CommandId::object_encoding:
      return call.reply.bulk(encoding_of(call.session));
    case CommandId::object_refcount:
      return call.reply.integer(1);
    case CommandId::object_idletime: {
      std::int64_t idle = call.now_ms() - call.session.last_access_at_ms();
      return call.reply.integer(std::max<std::int64_t>(idle, 0) / 1000);
    }
    default:
      return call.reply.error(
          "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
          "that when switching between policies at runtime LRU and LFU data will take some time to "
          "adjust.");
  }
}

// MEMORY USAGE key [SAMPLES count]: nothing is sampled here, the whole value is counted.
void apply_memory(CommandCall& call) {
  const auto options = call.words.subspan(3);
  if (!options.empty()) {
    if (options.size() != 2 || !same_word(options[0], "samples"))
      return call.reply.error(error_text::syntax);
    const auto samples = parse_integer(options[1]);
    if (!samples) return call.reply.error(error_text::not_an_integer);
    if (*samples < 0) return call.reply.error(error_text::syntax);
  }
  if (!call.session.exists()) return call.reply.null();
  call.reply.integer(static_cast<std::int64_t>(call.session.memory_bytes() + call.word(2).size()));
}

}  // namespace greenroom
