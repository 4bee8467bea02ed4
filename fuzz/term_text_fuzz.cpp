// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <troupe/term.hpp>

#include "base/assert.hpp"

// Any text: what parses must print as a text that parses to the same term.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  ParseLimits limits{.bytes = 1 << 16, .depth = 200, .items = 20'000};
  limits.existing_atoms_only = Atom::count() > 200'000;
  auto term = parse_term({reinterpret_cast<const char*>(data), size}, limits);
  if (!term) {
    TROUPE_ASSERT(!term.error().expected.empty(), "every error says what was expected");
    TROUPE_ASSERT(term.error().offset <= size, "every error is within the text");
    return 0;
  }
  std::string printed = to_erlang(*term);
  auto again = parse_term(printed);
  TROUPE_ASSERT(again && *again == *term, "what is printed parses to the same term");
  TROUPE_ASSERT(!to_elixir(*term).empty(), "every term prints");
  return 0;
}
