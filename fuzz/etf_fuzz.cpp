// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <troupe/etf.hpp>
#include <troupe/term.hpp>

#include "base/assert.hpp"

namespace {

using namespace troupe;

void try_form(const Term& term, const EncodeOptions& form) {
  std::string encoded = term_to_binary(term, form);
  auto again = binary_to_term(encoded, {.limits = {.bytes = 64 << 20}, .version = form.version});
  TROUPE_ASSERT(again && *again == term, "what is encoded is decoded as the same term");
  TROUPE_ASSERT(phash2(*again) == phash2(term), "equal terms hash equally");
  TROUPE_ASSERT((*again <=> term) == 0, "equal terms are equivalent");
}

}  // namespace

// Any bytes: what is decoded must survive all that can be done with a term, and come back unchanged
// from every encoding.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  DecodeOptions options;
  options.limits = {.bytes = 1 << 16, .depth = 200, .items = 20'000, .new_atoms = 8};
  // Atoms are never collected: a long run would only find the table full.
  options.safe = Atom::count() > 200'000;
  auto decoded = decode_prefix(bytes, options);
  if (!decoded) {
    TROUPE_ASSERT(!to_string(decoded.error().code).empty(), "every error has a sentence");
    return 0;
  }
  const Term& term = decoded->term;
  TROUPE_ASSERT(decoded->used <= size, "no more bytes are used than there are");
  EncodeOptions form;
  form.minor_version = static_cast<int>(size % 3);
  form.version = size % 2 == 0;
  // Setting up zlib takes longer than all the rest together, so one input in 64 stands for all.
  form.compressed = phash2(term, 64) == 0 ? 1 : 0;
  try_form(term, form);
  TROUPE_ASSERT(!to_erlang(term).empty() && !to_elixir(term).empty(), "every term prints");
  TROUPE_ASSERT(term.compacted() == term, "a compacted term is the same");
  return 0;
}
