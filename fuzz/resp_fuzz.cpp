// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Bytes of a client against the parser, the connection state and all commands on keys, without
// processes: everything between a socket and the storage. The first byte chooses whether a password
// is needed, small limits or not, and how the rest is cut into chunks. Beside crashes, these would
// be bugs:
//
// - other replies for other chunks, or for a second run;
// - replies that are no RESP, or not one for each request;
// - a session that does not survive being stored, or whose stored form is out of date;
// - a parser that holds more memory than a small multiple of what arrived.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "greenroom/local_server.hpp"
#include "greenroom/reply_frames.hpp"
#include "session/codec.hpp"

namespace {

using greenroom::test::LocalConnection;
using greenroom::test::LocalServer;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Run {
  std::string replies;
  bool closed = false;
};

void check_stored(const LocalServer& server) {
  require(server.stored.size() == server.sessions.size());
  for (const auto& [key, state] : server.sessions) {
    auto stored = server.stored.find(key);
    require(stored != server.stored.end());
    auto decoded = greenroom::decode_key(stored->second);
    require(decoded.has_value());
    require(decoded->session.type() == state.session.type());
    require(decoded->session.revision() == state.session.revision());
    require(decoded->session.expires_at_ms() == state.session.expires_at_ms());
    require(encode_key(*decoded) == stored->second);
  }
}

// Plays the bytes in chunks whose sizes come from `cuts`: 0 is all at once.
Run play(std::string_view bytes, unsigned cuts, bool small, bool locked) {
  LocalServer server{locked ? "secret" : ""};
  server.max_string_bytes = 1 << 16;
  if (small)
    server.limits = {.max_arguments = 8,
                     .max_bulk_bytes = 64,
                     .max_inline_bytes = 128,
                     .max_request_bytes = 1 << 20};
  LocalConnection connection{server};
  Run run;
  unsigned size = cuts;
  while (!bytes.empty() && !connection.is_closed()) {
    std::size_t length = cuts == 0 ? bytes.size() : size % 37 + 1;
    size = size * 5 + 3;
    std::string chunk{bytes.substr(0, length)};
    bytes.remove_prefix(chunk.size());
    run.replies += connection.send(chunk);
    require(connection.parser().memory_bytes() <=
            64 * (chunk.size() + 1024) + 16 * connection.parser().pending_bytes());
  }
  run.closed = connection.is_closed();
  check_stored(server);
  return run;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  unsigned how = data[0];
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  bool small = (how & 1) != 0;
  bool locked = (how & 2) != 0;
  Run whole = play(bytes, 0, small, locked);
  Run cut = play(bytes, (how >> 2) + 1, small, locked);
  require(whole.replies == cut.replies);
  require(whole.closed == cut.closed);
  require(greenroom::test::split_replies(whole.replies).has_value());
  // Whatever the bytes are, they are no session, or one that is stored as these bytes.
  if (auto key = greenroom::decode_key(bytes)) require(encode_key(*key) == bytes);
  return 0;
}
