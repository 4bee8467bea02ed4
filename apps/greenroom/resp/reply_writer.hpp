// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace greenroom {

// The protocol a connection speaks: 2 until HELLO 3.
enum class RespVersion : std::uint8_t { resp2 = 2, resp3 = 3 };

// Appends replies to a byte string in the protocol version of the connection. Where RESP2 lacks a
// type, the reply is what Redis sends instead: a map is a flat array, null a null bulk string, and
// so on.
//
//   ReplyWriter reply{out, RespVersion::resp3};
//   reply.map(1);
//   reply.bulk("proto");
//   reply.integer(3);
//
// An aggregate's header is followed by its elements; that they are as many as announced is the
// caller's part of the contract. The writer keeps a reference to the string.
class ReplyWriter {
 public:
  ReplyWriter(std::string& out, RespVersion version) : out_{out}, version_{version} {}

  RespVersion version() const { return version_; }

  // Text must have no line ends; for error() they become blanks, because errors echo user bytes.
  void simple(std::string_view text);
  void ok() { simple("OK"); }
  void error(std::string_view text);  // The whole text, prefix included: "ERR syntax error".

  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  void null();        // RESP2: the null bulk string.
  void null_array();  // RESP2: the null array; RESP3 has one null only.

  void array(std::size_t elements);
  void map(std::size_t pairs);      // RESP2: an array of twice as many.
  void set(std::size_t elements);   // RESP2: an array.
  void push(std::size_t elements);  // RESP2: an array.

  void number(double value);         // RESP2: a bulk string.
  void boolean(bool value);          // RESP2: 1 or 0.
  void text(std::string_view utf8);  // Verbatim text (INFO, CLIENT LIST); RESP2: a bulk string.

 private:
  void header(char type, std::size_t count);

  std::string& out_;
  RespVersion version_;
};

}  // namespace greenroom
