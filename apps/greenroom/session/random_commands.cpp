// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Members and fields chosen at random. Where the order does not matter to Redis it does not here
// either: the distinct ones come in the order in which they are kept.
#include <algorithm>
#include <optional>
#include <vector>

#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "session/command_call.hpp"

namespace greenroom {
namespace {

// With repetition allowed the client chooses how long the reply is; beyond this it is an error, as
// what would be sent is bounded by nothing else.
constexpr std::int64_t max_repeated = 1'000'000;

struct Chosen {
  std::string_view field;
  std::string_view value;
};

// SplitMix64, begun anew for each command from the context's random bits.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_{seed} {}
  std::size_t below(std::size_t limit) {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    mixed ^= mixed >> 31;
    return static_cast<std::size_t>(static_cast<Wide>(mixed) * limit >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t state_;
};

std::vector<Chosen> all_of(const HashValue& pairs) {
  std::vector<Chosen> all;
  pairs.for_each(
      [&](std::string_view field, std::string_view value) { all.push_back(Chosen{field, value}); });
  return all;
}

// `count` different ones (all, if there are no more), or with a negative count so many, the same
// one possibly more than once.
std::vector<Chosen> choose(const HashValue& pairs, std::int64_t count, std::uint64_t seed) {
  std::vector<Chosen> all = all_of(pairs);
  Draw draw{seed};
  if (count < 0) {
    std::vector<Chosen> chosen;
    for (std::int64_t i = count; i < 0 && !all.empty(); ++i)
      chosen.push_back(all[draw.below(all.size())]);
    return chosen;
  }
  const auto wanted = std::min(static_cast<std::size_t>(count), all.size());
  if (wanted == all.size()) return all;
  // A partial Fisher-Yates shuffle.
  for (std::size_t i = 0; i < wanted; ++i) std::swap(all[i], all[i + draw.below(all.size() - i)]);
  all.resize(wanted);
  return all;
}

// The count behind SRANDMEMBER and HRANDFIELD; nothing if an error was answered.
std::optional<std::int64_t> repeated_count(CommandCall& call, std::string_view word) {
  const auto count = parse_integer(word);
  if (!count) {
    call.reply.error(error_text::not_an_integer);
    return std::nullopt;
  }
  if (*count < -max_repeated) {
    call.reply.error("ERR value is out of range");
    return std::nullopt;
  }
  return count;
}

}  // namespace

void apply_spop(CommandCall& call) {
  if (call.words.size() > 3) return call.reply.error(error_text::syntax);
  std::int64_t count = 1;
  const bool has_count = call.words.size() == 3;
  if (has_count) {
    const auto asked = parse_integer(call.word(2));
    if (!asked || *asked < 0)
      return call.reply.error("ERR value is out of range, must be positive");
    count = *asked;
  }
  if (call.refuses_type(ValueType::set)) return;
  if (!call.session.exists()) return has_count ? call.reply.set(0) : call.reply.null();
  std::vector<std::string> taken;
  for (const Chosen& one : choose(call.session.set(), count, call.context.random))
    taken.emplace_back(one.field);
  if (has_count) call.reply.set(taken.size());
  for (const std::string& member : taken) {
    call.session.change_set().erase(member);
    call.reply.bulk(member);
  }
  if (!taken.empty()) call.tell(event_set, "spop");
}

void apply_srandmember(CommandCall& call) {
  if (call.words.size() > 3) return call.reply.error(error_text::syntax);
  const bool has_count = call.words.size() == 3;
  const auto count = has_count ? repeated_count(call, call.word(2)) : 1;
  if (!count || call.refuses_type(ValueType::set)) return;
  if (!call.session.exists()) return has_count ? call.reply.array(0) : call.reply.null();
  const auto chosen = choose(call.session.set(), *count, call.context.random);
  if (has_count) call.reply.array(chosen.size());
  for (const Chosen& one : chosen) call.reply.bulk(one.field);
}

// HRANDFIELD key [count [WITHVALUES]]: pairs are pairs in RESP3, and flat in RESP2.
void apply_hrandfield(CommandCall& call) {
  const std::size_t words = call.words.size();
  const bool has_count = words > 2;
  const auto count = has_count ? repeated_count(call, call.word(2)) : 1;
  if (!count) return;
  const bool with_values = words == 4;
  if (words > 4 || (with_values && !same_word(call.word(3), "withvalues")))
    return call.reply.error(error_text::syntax);
  if (call.refuses_type(ValueType::hash)) return;
  if (!call.session.exists()) return has_count ? call.reply.array(0) : call.reply.null();
  const auto chosen = choose(call.session.hash(), *count, call.context.random);
  const bool is_flat = call.context.version == RespVersion::resp2;
  if (has_count) call.reply.array(chosen.size() * (with_values && is_flat ? 2 : 1));
  for (const Chosen& one : chosen) {
    if (with_values && !is_flat) call.reply.array(2);
    call.reply.bulk(one.field);
    if (with_values) call.reply.bulk(one.value);
  }
}

}  // namespace greenroom
