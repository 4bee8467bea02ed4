// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <troupe/http_client.hpp>
#include <troupe/http_server.hpp>

// Server-sent events: a stream of events from a server that browsers and this client take up again
// after a break, from the id of the last event they had. Format: the HTML standard, section 9.2.
namespace troupe::http {

struct Event {
  std::string id = {};    // empty: none; the client's last id stays
  std::string type = {};  // empty: "message"
  std::string data = {};  // may have several lines
};

// Adds the event as it goes over the wire. Line breaks in id and type, which cannot be sent, end
// them.
void append_event(std::string& out, const Event& event);

// The server's side, in a handler of return type Async<>:
//
//     router.on("GET", "/events", [](Process& self, http::Exchange& exchange) -> Async<> {
//       auto events = co_await http::EventStream::begin(self, exchange);
//       while (events) {
//         auto news = co_await self.receive<News>(15s);
//         auto sent = news ? co_await events->send(self, {.data = news->text})
//                          : co_await events->ping(self);
//         if (!sent) co_return;                       // the client is gone
//       }
//     });
//
// A client that has gone shows at a write: send a ping every so often.
class EventStream {
 public:
  static Async<Result<EventStream>> begin(Process& self, Exchange& exchange);

  Async<Result<void>> send(Process& self, Event event);
  // A comment, which clients drop; keeps proxies from closing the connection.
  Async<Result<void>> ping(Process& self);
  // Asks the client to wait this long before it connects again.
  Async<Result<void>> retry(Process& self, Duration pause);

 private:
  explicit EventStream(ResponseStream stream) noexcept : stream_{stream} {}
  ResponseStream stream_;
};

// Takes a stream of events apart, from pieces of any size. Without I/O.
class EventParser {
 public:
  // An event with more data than this is a mistake or an attack.
  explicit EventParser(std::size_t max_event_bytes = 1024 * 1024) : limit_{max_event_bytes} {}

  // Forgets what is incomplete; ids go on from `last_id`, and what retry() says stays.
  void begin_connection(std::string_view last_id);
  void feed(std::string_view bytes);
  // The next whole event; nothing: feed more.
  std::optional<Event> next();
  // More was fed without an end of line or event than is allowed. Nothing more comes.
  bool is_too_large() const noexcept { return too_large_; }
  const std::string& last_id() const noexcept { return last_id_; }
  // What the server asked for with "retry:".
  std::optional<Duration> retry() const noexcept { return retry_; }

 private:
  void line(std::string_view text, std::optional<Event>& complete);

  std::size_t limit_;
  std::string pending_;
  std::size_t at_ = 0;  // how far of pending_ is used up
  Event event_;
  bool has_data_ = false;
  bool skip_line_feed_ = false;
  bool at_start_ = true;
  bool too_large_ = false;
  std::string last_id_;
  std::optional<Duration> retry_;
};

// The client's side. Connects when the first event is asked for, and again when the connection
// breaks, after the pause the server asked for (3 s unless told), with Last-Event-ID.
class EventSource {
 public:
  explicit EventSource(std::string_view url, ClientOptions options = {});

  // The next event. Errors: timed_out (ask again, nothing is lost), malformed (the answer was not
  // 200 with text/event-stream; asking again connects again), too_large, bad_url, tls. A broken
  // connection is not an error but a pause.
  Async<Result<Event>> next(Process& self, Duration timeout = infinity);

  // Where to take it up: sent as Last-Event-ID.
  void set_last_id(std::string id) { last_id_ = std::move(id); }
  const std::string& last_id() const noexcept { return last_id_; }

 private:
  Async<Result<void>> open(Process& self);

  Client client_;
  EventParser parser_;
  std::string last_id_;
  struct Body;
  std::shared_ptr<Body> body_;  // null: not connected
  bool was_open_ = false;
};

}  // namespace troupe::http
