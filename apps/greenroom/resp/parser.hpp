// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace greenroom {

// What one request may be at most. The bulk and inline words a client sees are Redis' own, because
// clients match on them.
struct RequestLimits {
  std::size_t max_arguments = 1'048'576;       // Redis: the same, until 7.0 raised it to INT_MAX.
  std::size_t max_bulk_bytes = 64u << 20;      // Redis: proto-max-bulk-len, 512 MiB.
  std::size_t max_inline_bytes = 64u << 10;    // Redis: PROTO_INLINE_MAX_SIZE.
  std::size_t max_request_bytes = 256u << 20;  // All of one request; Redis: 1 GiB, and no words.
  std::size_t max_anonymous_arguments = 10;    // Before AUTH; Redis: the same two.
  std::size_t max_anonymous_bulk_bytes = 16384;
};

// Whether the peer still has to authenticate; a stranger's requests are kept small.
enum class Peer : std::uint8_t { anonymous, authenticated };

// Turns the bytes of one connection into requests: arrays of bulk strings, or inline lines with
// Redis' quoting rules. It does no I/O and owns no socket.
//
//   parser.feed(chunk);
//   for (;;) {
//     switch (parser.next()) {
//       case ParseStep::request: handle(parser.arguments()); continue;
//       case ParseStep::incomplete: break;       // `chunk` may go now; read more
//       case ParseStep::failed: send(parser.error()), close();
//     }
//     break;
//   }
//
// Bytes are not copied while whole requests are found in the chunk: arguments are views into it.
// What is left over when next() answers `incomplete` is copied into the parser, so an idle
// connection holds nothing. Each byte is looked at a bounded number of times however the chunks are
// cut, and memory is bounded by a small multiple of what arrived: a length that was only announced
// reserves nothing.
//
// A protocol error is final: the stream is out of step, so next() answers `failed` for ever.
// Empty lines and arrays of no or negative length are skipped, as Redis does. Unlike Redis, the two
// bytes after a bulk string must be CR LF, because a wrong length is better refused than guessed
// at.
class RequestParser {
 public:
  enum class Step : std::uint8_t { request, incomplete, failed };

  explicit RequestParser(const RequestLimits& limits = {}) : limits_{limits} {}

  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Adds bytes that arrived. They must stay alive and unchanged until next() answers `incomplete`
  // or `failed`, or until the next feed().
  void feed(std::string_view bytes);

  // A temporary string would be gone before next() looks at it.
  template <std::same_as<std::string> Temporary>
  void feed(Temporary&&) = delete;

  // Finds the next request. Views of the request before stay valid, until the next feed() or the
  // answer `incomplete`, unless that request was inline.
  Step next();

  // The request that next() found: never empty, the command word first.
  std::span<const std::string_view> arguments() const { return arguments_; }

  // After `failed`: the words for the client, "ERR Protocol error: ...".
  std::string_view error() const { return error_; }

  // Applies to requests not yet found; strangers' limits hold until told otherwise.
  void set_peer(Peer peer) { peer_ = peer; }

  // Bytes copied aside for an unfinished request.
  std::size_t pending_bytes() const { return pending_.size() - start_in_pending(); }

  // Memory allocated, for limits and for CLIENT LIST.
  std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t no_length = static_cast<std::size_t>(-1);

  enum class Found : std::uint8_t { yes, no, wrong };

  Step fail(std::string words);
  Step keep_rest();
  Found read_length_line(char first, std::string_view too_long, std::string_view& digits);
  Step parse_inline();
  Step parse_array();
  Found parse_count();
  Found parse_bulk();
  void begin_request();
  std::size_t start_in_pending() const { return external_ ? 0 : start_; }

  RequestLimits limits_;
  Peer peer_ = Peer::anonymous;
  bool failed_ = false;
  bool external_ = false;  // input_ is the caller's chunk, not pending_.

  std::string pending_;
  std::string_view input_;
  std::size_t start_ = 0;    // Where the current request begins in input_.
  std::size_t at_ = 0;       // The first byte not yet taken.
  std::size_t scanned_ = 0;  // No line end lies in [at_, scanned_).

  std::size_t arguments_left_ = 0;       // 0: no array begun.
  std::size_t bulk_length_ = no_length;  // no_length: the next thing is a '$' line.
  std::vector<std::pair<std::size_t, std::size_t>> found_;  // Offset from start_, length.

  std::vector<std::string_view> arguments_;
  std::string inline_text_;
  std::string error_;
};

using ParseStep = RequestParser::Step;

}  // namespace greenroom
