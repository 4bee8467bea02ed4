// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/glob.hpp"

#include <cstddef>
#include <utility>

#include "resp/letters.hpp"

namespace greenroom {
namespace {

constexpr std::size_t mismatch = static_cast<std::size_t>(-1);

// Compares bytes as the pattern wants them compared.
struct Letters {
  LetterCase letters;
  unsigned char operator()(char c) const {
    return static_cast<unsigned char>(letters == LetterCase::ignored ? lower(c) : c);
  }
};

// Matches one byte against the class that begins behind its '[': where the pattern goes on, or
// `mismatch`. The order of the cases is Redis': "[]" is an empty class, and in "[a-]" the ']' is a
// range's end.
std::size_t match_class(std::string_view pattern, std::size_t at, unsigned char byte,
                        Letters fold) {
  bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size()) {
    std::size_t left = pattern.size() - at;
    if (pattern[at] == '\\' && left >= 2) {
      found |= fold(pattern[at + 1]) == byte;
      at += 2;
    } else if (pattern[at] == ']') {
      ++at;
      return found != negated ? at : mismatch;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      auto low = fold(pattern[at]);
      auto high = fold(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      found |= low <= byte && byte <= high;
      at += 3;
    } else {
      found |= fold(pattern[at]) == byte;
      ++at;
    }
  }
  return found != negated ? at : mismatch;
}

// Matches the pattern's element at `at`, which is no star, against one byte.
std::size_t match_one(std::string_view pattern, std::size_t at, unsigned char byte, Letters fold) {
  switch (pattern[at]) {
    case '?':
      return at + 1;
    case '[':
      return match_class(pattern, at + 1, byte, fold);
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return fold(pattern[at]) == byte ? at + 1 : mismatch;
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, LetterCase letters) {
  Letters fold{letters};
  std::size_t at = 0;
  std::size_t in_text = 0;
  std::size_t after_star = mismatch;  // The pattern behind the last star, and the first byte
  std::size_t star_text = 0;          // of the text that star has not swallowed yet.
  while (in_text < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      star_text = in_text;
      continue;
    }
    std::size_t next =
        at < pattern.size() ? match_one(pattern, at, fold(text[in_text]), fold) : mismatch;
    if (next != mismatch) {
      at = next;
      ++in_text;
    } else if (after_star != mismatch) {
      at = after_star;
      in_text = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace greenroom
