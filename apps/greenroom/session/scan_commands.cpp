// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// HSCAN and SSCAN. A small value is told in one go, as Redis does with its listpacks. A large one
// is gone through in the order of a hash of its fields, which does not change while fields come and
// go: so what is there during the whole scan is told exactly once, and the cursor is the hash to go
// on from. Each step looks at every field, which is the price of keeping no second order.
#include <algorithm>
#include <vector>

#include "resp/glob.hpp"
#include "resp/keyspace_request.hpp"
#include "session/command_call.hpp"

namespace greenroom {
namespace {

struct Found {
  std::uint64_t place;
  std::string_view field;
  std::string_view value;
};

// FNV-1a, never 0, which is the cursor of the beginning and of the end.
std::uint64_t place_of(std::string_view field) {
  std::uint64_t hash = 14695981039346656037u;
  for (char c : field) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash | 1;
}

// The first `count` fields from `cursor` on, and those that share the last one's place; moves the
// cursor.
std::vector<Found> step(const HashValue& pairs, std::uint64_t& cursor, std::size_t count) {
  std::vector<Found> found;
  pairs.for_each([&](std::string_view field, std::string_view value) {
    const std::uint64_t place = place_of(field);
    if (place >= cursor) found.push_back(Found{place, field, value});
  });
  cursor = 0;
  if (found.size() <= count) return found;
  std::ranges::sort(found, {}, &Found::place);
  std::size_t end = count;
  while (end < found.size() && found[end].place == found[end - 1].place) ++end;
  if (end < found.size()) cursor = found[end].place;
  found.resize(end);
  return found;
}

// Of what is not there.
void answer_end(CommandCall& call) {
  call.reply.array(2);
  call.reply.bulk("0");
  call.reply.array(0);
}

}  // namespace

void apply_field_scan(CommandCall& call) {
  const bool is_hash = call.command.id == CommandId::hscan;
  // The words behind the key are those of SCAN, but for TYPE. As in Redis, the cursor is looked at
  // first, then the value, then the options.
  const auto request = parse_scan(call.words.subspan(1));
  const bool is_bad_cursor = !request && request.error() == error_text::invalid_cursor;
  if (is_bad_cursor) return call.reply.error(request.error());
  if (call.refuses_type(is_hash ? ValueType::hash : ValueType::set)) return;
  if (!call.session.exists()) return answer_end(call);
  if (!request) return call.reply.error(request.error());
  if (!request->type.empty()) return call.reply.error(error_text::syntax);
  std::uint64_t cursor = request->cursor;
  const HashValue& pairs = is_hash ? call.session.hash() : call.session.set();
  const auto count = pairs.is_packed() ? SIZE_MAX : static_cast<std::size_t>(request->count);
  if (pairs.is_packed()) cursor = 0;
  std::vector<Found> found = step(pairs, cursor, count);
  std::erase_if(found, [&](const Found& one) { return !glob_match(request->pattern, one.field); });
  call.reply.array(2);
  call.reply.bulk(std::to_string(cursor));
  call.reply.array(found.size() * (is_hash ? 2 : 1));
  for (const Found& one : found) {
    call.reply.bulk(one.field);
    if (is_hash) call.reply.bulk(one.value);
  }
}

}  // namespace greenroom
