// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Bytes of a peer against everything in HTTP that takes bytes apart: requests, answers, events,
// URLs, queries, forms, cookies. The first byte chooses the kind, small limits or not, and how the
// rest is cut into pieces. Beside crashes, these would be bugs:
//
// - another message, or another number of messages, for other pieces;
// - a message beyond its limits, or one that does not survive being written and read again;
// - a parser that takes nothing and yet asks for more without end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/exit_reason.hpp>
#include <troupe/sse.hpp>

#include "net/http_parser.hpp"

namespace {

using namespace troupe::http;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Run {
  std::vector<std::string> messages;
  bool failed = false;
};

std::string text_of(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) text += field.name + "=" + field.value + ";";
  return text;
}

std::string text_of(MessageParser& parser, bool is_request) {
  if (is_request) {
    const Request& request = parser.request();
    return request.method + " " + request.target + " " + text_of(request.fields) + request.body;
  }
  const Response& response = parser.response();
  return std::to_string(response.status) + " " + text_of(response.fields) + response.body;
}

Run play(std::string_view bytes, MessageParser::Kind kind, MessageParser::Limits limits,
         unsigned cuts) {
  Run run;
  const bool is_request = kind == MessageParser::Kind::request;
  auto parser = std::make_unique<MessageParser>(kind, limits);
  std::string buffer;
  unsigned size = cuts;
  while (!bytes.empty() || !buffer.empty()) {
    const std::size_t before = buffer.size() + bytes.size();
    const std::size_t length = cuts == 0 ? bytes.size() : size % 37 + 1;
    size = size * 5 + 3;
    buffer += bytes.substr(0, length);
    bytes.remove_prefix(std::min(length, bytes.size()));
    buffer.erase(0, parser->feed(buffer));
    require(buffer.size() <= limits.header_bytes + 80 * 1024 + before);
    if (parser->state() == MessageParser::State::failed) {
      require(!parser->error().text.empty() && parser->status() >= 400);
      run.failed = true;
      return run;
    }
    if (parser->state() == MessageParser::State::complete) {
      run.messages.push_back(text_of(*parser, is_request));
      require(parser->response().body.size() <= limits.body_bytes);
      require(parser->request().body.size() <= limits.body_bytes);
      parser = std::make_unique<MessageParser>(kind, limits);
      continue;
    }
    if (bytes.empty()) break;
  }
  parser->end_of_stream();
  if (parser->state() == MessageParser::State::complete) {
    run.messages.push_back(text_of(*parser, is_request));
  }
  return run;
}

// A request that was understood is understood the same once more.
void write_and_read(std::string_view bytes, MessageParser::Limits limits) {
  MessageParser first{MessageParser::Kind::request, limits};
  first.feed(bytes);
  if (first.state() != MessageParser::State::complete) return;
  if (!first.request().fields.has("host")) return;  // HTTP/1.0; we write HTTP/1.1, which needs one
  std::string wire;
  try {
    wire = to_wire(first.request());
  } catch (const troupe::ErrorException&) {
    return;  // Beast lets through bytes that we do not write
  }
  limits.header_bytes += wire.size();  // a space behind each colon, and our own fields
  MessageParser second{MessageParser::Kind::request, limits};
  second.feed(wire);
  require(second.state() == MessageParser::State::complete);
  require(second.request().target == first.request().target);
  require(second.request().body == first.request().body);
}

std::vector<Event> events_in(std::string_view bytes, unsigned cuts) {
  EventParser parser{200};
  std::vector<Event> events;
  unsigned size = cuts;
  while (!bytes.empty() && !parser.is_too_large()) {
    const std::size_t length = cuts == 0 ? 1 : size % 37 + 1;
    size = size * 5 + 3;
    parser.feed(bytes.substr(0, length));
    bytes.remove_prefix(std::min(length, bytes.size()));
    while (auto event = parser.next()) {
      require(event->data.size() <= 400);
      events.push_back(std::move(*event));
    }
  }
  return events;
}

void take_texts_apart(std::string_view bytes) {
  const std::string text{bytes};
  if (auto url = parse_url(text)) {
    require(!url->host.empty() && url->port != 0 && url->target.starts_with('/'));
    auto again =
        parse_url((url->is_encrypted ? "https://" : "http://") + url->authority() + url->target);
    require(again && again->host == url->host && again->target == url->target);
  }
  require(percent_decode(percent_encode(text)) == text);
  require(escape_html(text).find_first_of("<>\"'") == std::string::npos);
  Request request{.target = text, .body = text};
  request.fields.add("Content-Type", "application/x-www-form-urlencoded");
  request.fields.add("Cookie", text);
  (void)request.query("a");
  (void)request.form("a");
  (void)request.cookie("a");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned how = data[0];
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto kind = static_cast<MessageParser::Kind>(how % 3);
  const MessageParser::Limits limits =
      (how & 4) != 0 ? MessageParser::Limits{128, 64} : MessageParser::Limits{4'096, 65'536};
  const Run whole = play(bytes, kind, limits, 0);
  const Run cut = play(bytes, kind, limits, (how >> 3) + 1);
  // Cut, an error may show later, but no message may differ.
  require(cut.messages.size() >= whole.messages.size() || !whole.failed || cut.failed);
  for (std::size_t i = 0; i < std::min(whole.messages.size(), cut.messages.size()); ++i) {
    require(whole.messages[i] == cut.messages[i]);
  }
  write_and_read(bytes, limits);
  const std::vector<Event> one = events_in(bytes, 0);
  const std::vector<Event> other = events_in(bytes, (how >> 3) + 1);
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
    require(one[i].data == other[i].data && one[i].id == other[i].id);
  }
  take_texts_apart(bytes);
  return 0;
}
