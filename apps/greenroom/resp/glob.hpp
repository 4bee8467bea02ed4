// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string_view>

namespace greenroom {

enum class LetterCase { exact, ignored };

// Whether the whole of `text` matches a pattern as KEYS, SCAN MATCH and CONFIG GET know it:
// `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a-z]` one byte of a class, `\` makes the next
// byte plain. An unclosed class ends with the pattern. Both sides are plain bytes.
//
// Takes at most pattern x text steps: a mismatch goes back to the last star only, which suffices
// because everything else matches exactly one byte. A recursive matcher takes exponential time on
// "a*a*a*a*b".
bool glob_match(std::string_view pattern, std::string_view text,
                LetterCase letters = LetterCase::exact);

}  // namespace greenroom
