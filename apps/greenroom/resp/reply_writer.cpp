// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/reply_writer.hpp"

#include "resp/number.hpp"

namespace greenroom {

void ReplyWriter::header(char type, std::size_t count) {
  out_.push_back(type);
  append_integer(out_, static_cast<std::int64_t>(count));
  out_.append("\r\n");
}

void ReplyWriter::simple(std::string_view text) {
  out_.push_back('+');
  out_.append(text);
  out_.append("\r\n");
}

void ReplyWriter::error(std::string_view text) {
  out_.push_back('-');
  for (char c : text) out_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_.append("\r\n");
}

void ReplyWriter::integer(std::int64_t value) {
  out_.push_back(':');
  append_integer(out_, value);
  out_.append("\r\n");
}

void ReplyWriter::bulk(std::string_view bytes) {
  header('$', bytes.size());
  out_.append(bytes);
  out_.append("\r\n");
}

void ReplyWriter::null() { out_.append(version_ == RespVersion::resp3 ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::null_array() {
  out_.append(version_ == RespVersion::resp3 ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::array(std::size_t elements) { header('*', elements); }

void ReplyWriter::map(std::size_t pairs) {
  if (version_ == RespVersion::resp3) {
    header('%', pairs);
  } else {
    header('*', 2 * pairs);
  }
}

void ReplyWriter::set(std::size_t elements) {
  header(version_ == RespVersion::resp3 ? '~' : '*', elements);
}

void ReplyWriter::push(std::size_t elements) {
  header(version_ == RespVersion::resp3 ? '>' : '*', elements);
}

void ReplyWriter::number(double value) {
  std::string text = format_double(value);
  if (version_ == RespVersion::resp2) return bulk(text);
  out_.push_back(',');
  out_.append(text);
  out_.append("\r\n");
}

void ReplyWriter::boolean(bool value) {
  if (version_ == RespVersion::resp2) return integer(value ? 1 : 0);
  out_.append(value ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::text(std::string_view utf8) {
  if (version_ == RespVersion::resp2) return bulk(utf8);
  header('=', utf8.size() + 4);
  out_.append("txt:");
  out_.append(utf8);
  out_.append("\r\n");
}

}  // namespace greenroom
