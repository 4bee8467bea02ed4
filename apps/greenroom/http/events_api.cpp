// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/events_api.hpp"

#include <troupe/sse.hpp>

#include "http/admin_access.hpp"
#include "operation/log_lines.hpp"
#include "resp/glob.hpp"
#include "text/utc_time.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t page_size = 256;
// So often something is sent, so that proxies keep the connection and a client that has gone shows.
constexpr Duration ping_interval = 15s;
constexpr Duration retry_pause = 1s;

struct Wish {
  std::uint64_t after = 0;
  std::string pattern;
};

http::Event event_of(const EventRing& ring, const SessionEvent& event) {
  return http::Event{.id = ring.position(event.number),
                     .type = std::string{name_of(event.kind)},
                     .data = "{\"id\":" + json_string(key_in(event.key)) +
                             ",\"db\":" + std::to_string(database_of(event.key)) + ",\"at\":\"" +
                             time_text(event.at_ms) + "\"}"};
}

enum class Sent : std::uint8_t {
  nothing,
  something,
  failed,  // the client is gone, or reads too slowly for what is kept; it comes again and is told
};

Async<Sent> send_page(Process& self, EventRing& ring, http::EventStream& stream, Wish& wish) {
  const auto page = ring.read(wish.after, page_size);
  if (!page) co_return Sent::failed;
  Sent result = Sent::nothing;
  for (const SessionEvent& event : page->events) {
    if (!glob_match(wish.pattern, key_in(event.key))) continue;
    const auto sent = co_await stream.send(self, event_of(ring, event));
    if (!sent) co_return Sent::failed;
    result = Sent::something;
  }
  wish.after = page->last;
  co_return result;
}

// Until the client or the server ends.
Async<> stream_events(Process& self, EventRing& ring, http::EventStream stream, Wish wish) {
  // The position that the client has; it moves on without events when none of them fit, so that
  // it does not become too old.
  std::uint64_t told = wish.after;
  for (;;) {
    const Sent sent = co_await send_page(self, ring, stream, wish);
    if (sent == Sent::failed) co_return;
    if (sent == Sent::something) told = wish.after;
    if (!ring.wait(self.pid(), wish.after)) continue;
    const auto come = co_await self.receive<EventsCame>(ping_interval);
    if (come) continue;
    if (told == wish.after) {
      const auto pinged = co_await stream.ping(self);
      if (!pinged) co_return;
    } else {
      http::Event position{.id = ring.position(wish.after), .type = "position", .data = "{}"};
      const auto moved = co_await stream.send(self, std::move(position));
      if (!moved) co_return;
      told = wish.after;
    }
  }
}

http::Response gone(const EventRing& ring) {
  return http::Response::json(
      410, "{\"error\":\"events behind this position are not kept any more\",\"oldest\":" +
               json_string(ring.position(ring.oldest())) + "}");
}

Async<http::Response> answer(Process& self, OperationPtr operation, http::Exchange& exchange) {
  if (auto refusal = refuse_api(self, *operation, exchange)) co_return *refusal;
  EventRing& ring = operation->server.house.event_ring;
  const http::Request& request = exchange.request();
  const auto last_id = request.fields.find("last-event-id");
  const std::string after = last_id ? std::string{*last_id} : request.query("after").value_or("$");
  const auto place = ring.parse_position(after);
  if (!place) {
    co_return http::Response::json(400, R"({"error":"the position is none of this server's"})");
  }
  if (place->is_of_other_run || !ring.read(place->after, 0)) co_return gone(ring);
  auto stream = co_await http::EventStream::begin(self, exchange);
  if (!stream) co_return http::Response{};
  const auto begun = co_await stream->retry(self, retry_pause);
  if (!begun) co_return http::Response{};
  Wish wish{place->after, request.query("match").value_or("*")};
  co_await stream_events(self, ring, *stream, std::move(wish));
  co_return http::Response{};
}

}  // namespace

void add_events_api(http::Router& router, OperationPtr operation) {
  router.on("GET", "/v1/events", [operation](Process& self, http::Exchange& exchange) {
    return answer(self, operation, exchange);
  });
}

}  // namespace greenroom
