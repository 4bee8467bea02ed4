// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Bytes of a client against the parser of requests alone, which is quick enough for ten million
// inputs (resp_fuzz has all commands behind it, and is slower). The first byte chooses who asks,
// small limits or not, and how the rest is cut into chunks. Beside crashes, these would be bugs:
//
// - other requests, or another error, for other chunks;
// - an argument that is not in what was sent, or larger than the limits allow;
// - a parser that holds more memory than a small multiple of what arrived, or an idle one that
//   holds any.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "resp/parser.hpp"

namespace {

using greenroom::ParseStep;
using greenroom::RequestLimits;
using greenroom::RequestParser;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Run {
  std::string words;  // of all requests, each with its length, and an end mark behind each request
  std::string error;
  friend bool operator==(const Run&, const Run&) = default;
};

void take_request(const RequestParser& parser, const RequestLimits& limits, Run& run) {
  require(!parser.arguments().empty());
  require(parser.arguments().size() <= std::max(limits.max_arguments, limits.max_inline_bytes));
  for (const std::string_view word : parser.arguments()) {
    require(word.size() <= std::max(limits.max_bulk_bytes, limits.max_inline_bytes));
    run.words.append(std::to_string(word.size())).append(":").append(word);
  }
  run.words.append("\n");
}

// Plays the bytes in chunks whose sizes come from `cuts`: 0 is all at once. Each chunk is a piece
// of memory of its own, so that a view that outlives it is seen.
Run play(std::string_view bytes, unsigned cuts, const RequestLimits& limits, bool is_known) {
  RequestParser parser{limits};
  if (is_known) parser.set_peer(greenroom::Peer::authenticated);
  Run run;
  std::size_t arrived = 0;
  for (unsigned size = cuts; !bytes.empty();) {
    const std::size_t length =
        cuts == 0 ? bytes.size() : std::min<std::size_t>(size % 37 + 1, bytes.size());
    size = size * 5 + 3;
    const std::unique_ptr<char[]> chunk{new char[length]};
    bytes.copy(chunk.get(), length);
    bytes.remove_prefix(length);
    arrived += length;
    parser.feed(std::string_view{chunk.get(), length});
    ParseStep step = parser.next();
    for (; step == ParseStep::request; step = parser.next()) take_request(parser, limits, run);
    require(parser.memory_bytes() <= 64 * (length + 1024) + 16 * parser.pending_bytes());
    require(parser.pending_bytes() <= arrived);
    if (step == ParseStep::failed) {
      require(parser.error().starts_with("ERR Protocol error"));
      require(parser.next() == ParseStep::failed);
      run.error = parser.error();
      break;
    }
  }
  return run;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned how = data[0];
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  RequestLimits limits;
  if ((how & 1) != 0) {
    limits.max_arguments = 8;
    limits.max_bulk_bytes = 64;
    limits.max_inline_bytes = 128;
    limits.max_request_bytes = 256;
  }
  const bool is_known = (how & 2) != 0;
  const Run whole = play(bytes, 0, limits, is_known);
  const Run cut = play(bytes, (how >> 2) + 1, limits, is_known);
  // A request that is too large as a whole may be refused before or after its last words came.
  if (limits.max_request_bytes > bytes.size()) require(whole == cut);
  return 0;
}
