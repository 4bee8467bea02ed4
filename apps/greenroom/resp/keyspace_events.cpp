// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/keyspace_events.hpp"

namespace greenroom {
namespace {

constexpr struct {
  char letter;
  std::uint32_t flag;
} kinds[] = {{'g', event_generic}, {'$', event_string}, {'l', event_list},    {'s', event_set},
             {'h', event_hash},    {'z', event_zset},   {'x', event_expired}, {'e', event_evicted},
             {'t', event_stream},  {'d', event_module}};
constexpr struct {
  char letter;
  std::uint32_t flag;
} others[] = {{'K', event_keyspace}, {'E', event_keyevent}, {'m', event_missed}, {'n', event_new}};

constexpr std::uint32_t all_kinds() {
  std::uint32_t flags = 0;
  for (const auto& kind : kinds) flags |= kind.flag;
  return flags;
}

std::uint32_t flag_of(char letter) {
  if (letter == 'A') return all_kinds();
  for (const auto& kind : kinds)
    if (kind.letter == letter) return kind.flag;
  for (const auto& other : others)
    if (other.letter == letter) return other.flag;
  return 0;
}

}  // namespace

std::optional<std::uint32_t> parse_event_flags(std::string_view letters) {
  std::uint32_t flags = 0;
  for (char letter : letters) {
    const std::uint32_t flag = flag_of(letter);
    if (flag == 0) return std::nullopt;
    flags |= flag;
  }
  return flags;
}

std::string event_letters(std::uint32_t flags) {
  std::string letters;
  if ((flags & all_kinds()) == all_kinds()) {
    letters.push_back('A');
  } else {
    for (const auto& kind : kinds)
      if ((flags & kind.flag) != 0) letters.push_back(kind.letter);
  }
  for (const auto& other : others)
    if ((flags & other.flag) != 0) letters.push_back(other.letter);
  return letters;
}

}  // namespace greenroom
