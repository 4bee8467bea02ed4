// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <charconv>

#include <troupe/detail/caller_place.hpp>
#include <troupe/sse.hpp>

#include "net/deadline.hpp"
#include "net/http_client_wire.hpp"
#include "net/http_text.hpp"

namespace troupe::http {

using namespace std::chrono_literals;

namespace {

constexpr Duration default_pause = 3s;
constexpr Duration longest_pause = 5min;  // whatever a server asks for

std::string_view first_line(std::string_view text) noexcept {
  return text.substr(0, text.find_first_of(std::string_view{"\r\n\0", 3}));
}

}  // namespace

void append_event(std::string& out, const Event& event) {
  if (!event.id.empty()) {
    out += "id: ";
    out += first_line(event.id);
    out += '\n';
  }
  if (!event.type.empty()) {
    out += "event: ";
    out += first_line(event.type);
    out += '\n';
  }
  std::string_view rest = event.data;
  while (true) {
    const std::size_t end = rest.find_first_of("\r\n");
    out += "data: ";
    out += rest.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out += '\n';
}

// --- EventStream.

Async<Result<EventStream>> EventStream::begin(Process& self, Exchange& exchange) {
  const troupe::detail::CallerPlace place{self};
  Response head;
  head.fields.add("Content-Type", "text/event-stream");
  head.fields.add("Cache-Control", "no-store");
  auto stream = co_await place(exchange.begin(self, std::move(head)));
  if (!stream) co_return std::unexpected{std::move(stream.error())};
  exchange.mark_idle();
  co_return EventStream{*stream};
}

Async<Result<void>> EventStream::send(Process& self, Event event) {
  const troupe::detail::CallerPlace place{self};
  std::string bytes;
  append_event(bytes, event);
  co_return co_await place(stream_.write(self, bytes));
}

Async<Result<void>> EventStream::ping(Process& self) { return stream_.write(self, ":\n\n"); }

Async<Result<void>> EventStream::retry(Process& self, Duration pause) {
  const troupe::detail::CallerPlace place{self};
  const std::string bytes = "retry: " + std::to_string(pause / 1ms) + "\n\n";
  co_return co_await place(stream_.write(self, bytes));
}

// --- EventParser.

void EventParser::begin_connection(std::string_view last_id) {
  const auto retry = retry_;
  *this = EventParser{limit_};
  retry_ = retry;
  last_id_ = last_id;
}

void EventParser::feed(std::string_view bytes) {
  if (too_large_) return;
  pending_.erase(0, at_);
  at_ = 0;
  pending_ += bytes;
}

std::optional<Event> EventParser::next() {
  std::optional<Event> complete;
  while (!complete && !too_large_) {
    if (skip_line_feed_ && at_ < pending_.size()) {
      if (pending_[at_] == '\n') ++at_;
      skip_line_feed_ = false;
    }
    if (at_start_) {
      // A byte order mark may stand at the very beginning.
      const std::string_view start = std::string_view{pending_}.substr(at_);
      constexpr std::string_view mark = "\xEF\xBB\xBF";
      if (start.size() < mark.size() && mark.starts_with(start)) return std::nullopt;
      if (start.starts_with(mark)) at_ += mark.size();
      at_start_ = false;
    }
    const std::size_t end = pending_.find_first_of("\r\n", at_);
    if (end == std::string::npos) {
      if (pending_.size() - at_ > limit_) too_large_ = true;
      return std::nullopt;
    }
    skip_line_feed_ = pending_[end] == '\r';
    const std::string_view text = std::string_view{pending_}.substr(at_, end - at_);
    at_ = end + 1;
    line(text, complete);
  }
  return complete;
}

void EventParser::line(std::string_view text, std::optional<Event>& complete) {
  if (text.empty()) {
    if (has_data_) {
      event_.id = last_id_;
      complete = std::move(event_);
    }
    event_ = Event{};
    has_data_ = false;
    return;
  }
  std::string_view value = text;
  const std::string_view field = take_until(value, ':');
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (event_.data.size() + value.size() > limit_) {
      too_large_ = true;
      return;
    }
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) last_id_ = value;
  } else if (field == "retry") {
    std::uint32_t milliseconds = 0;
    const auto [last, error] =
        std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (error == std::errc{} && last == value.data() + value.size()) {
      retry_ = std::chrono::milliseconds{milliseconds};
    }
  }
}

// --- EventSource.

struct EventSource::Body {
  Body(net::Channel connected, std::size_t max_header_bytes)
      : channel{std::move(connected)},
        parser{MessageParser::Kind::event_stream, {max_header_bytes, 0}} {}
  net::Channel channel;
  MessageParser parser;
  std::string buffer;
};

EventSource::EventSource(std::string_view url, ClientOptions options)
    : client_{url, std::move(options)} {}

Async<Result<void>> EventSource::open(Process& self) {
  const troupe::detail::CallerPlace place{self};
  if (!client_.url_) co_return std::unexpected{client_.url_.error()};
  client_.close();
  auto connected = co_await place(client_.connect(self));
  if (!connected) co_return std::unexpected{std::move(connected.error())};
  Request request{.method = "GET", .target = client_.url_->target};
  request.fields.set("Host", client_.url_->authority());
  request.fields.set("Accept", "text/event-stream");
  request.fields.set("Cache-Control", "no-store");
  if (!last_id_.empty()) request.fields.set("Last-Event-ID", last_id_);
  const std::string bytes = to_wire(request);
  net::Deadline deadline{client_.options_.timeout};
  auto written = co_await place(client_.channel_.write(self, bytes, deadline.left(self)));
  if (!written) co_return std::unexpected{error_from(written.error())};
  auto body =
      std::make_shared<Body>(std::move(client_.channel_), client_.options_.max_header_bytes);
  MessageParser& parser = body->parser;
  while (!parser.has_header()) {
    auto count = read_some(body->channel, body->buffer);
    if (count && *count > 0) {
      body->buffer.erase(0, parser.feed(body->buffer));
      if (parser.state() == MessageParser::State::failed) {
        co_return std::unexpected{parser.error()};
      }
    } else if (count) {
      co_return std::unexpected{Error{ErrorKind::closed, "closed before an answer"}};
    } else if (count.error().kind != net::ErrorKind::would_block) {
      co_return std::unexpected{error_from(count.error())};
    } else {
      const bool ready = co_await place(body->channel.readable(self, deadline.left(self)));
      if (!ready) co_return std::unexpected{Error{ErrorKind::timed_out, "no answer in time"}};
    }
  }
  const Response& head = parser.response();
  const std::string_view type = head.fields.find("content-type").value_or("");
  if (head.status != 200 || !type.starts_with("text/event-stream")) {
    co_return std::unexpected{Error{ErrorKind::malformed, "no stream of events but status " +
                                                              std::to_string(head.status) + ", " +
                                                              std::string{type}}};
  }
  body_ = std::move(body);
  co_return Result<void>{};
}

Async<Result<Event>> EventSource::next(Process& self, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  net::Deadline deadline{timeout};
  const auto timed_out = [] {
    return std::unexpected{Error{ErrorKind::timed_out, "no event in time"}};
  };
  for (;;) {
    if (auto event = parser_.next()) {
      last_id_ = event->id;
      co_return std::move(*event);
    }
    if (parser_.is_too_large()) {
      body_ = nullptr;
      parser_ = EventParser{};
      co_return std::unexpected{Error{ErrorKind::too_large, "an event is larger than allowed"}};
    }
    if (!body_) {
      if (std::exchange(was_open_, true)) {
        const Duration pause = std::min(parser_.retry().value_or(default_pause), longest_pause);
        const Duration left = deadline.left(self);
        co_await place(self.sleep(std::min(pause, left)));
        if (left < pause) co_return timed_out();
      }
      auto opened = co_await place(open(self));
      if (!opened) {
        const ErrorKind kind = opened.error().kind;
        const bool is_broken =
            kind == ErrorKind::network || kind == ErrorKind::closed || kind == ErrorKind::timed_out;
        if (is_broken) continue;
        co_return std::unexpected{std::move(opened.error())};
      }
      parser_.begin_connection(last_id_);
    }
    Body& body = *body_;
    body.buffer.erase(0, body.parser.feed(body.buffer));
    const std::string text = body.parser.take_body();
    if (!text.empty()) {
      parser_.feed(text);
      continue;
    }
    if (body.parser.state() != MessageParser::State::incomplete) {
      body_ = nullptr;
      continue;
    }
    auto count = read_some(body.channel, body.buffer);
    if (count && *count > 0) continue;
    if (!count && count.error().kind == net::ErrorKind::would_block) {
      const bool ready = co_await place(body.channel.readable(self, deadline.left(self)));
      if (!ready) co_return timed_out();
      continue;
    }
    body_ = nullptr;
  }
}

}  // namespace troupe::http
