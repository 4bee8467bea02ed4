// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/session_events.hpp"

#include <algorithm>
#include <expected>
#include <vector>

#include "resp/error_text.hpp"
#include "resp/glob.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t max_count = 10'000;
constexpr std::int64_t max_block_ms = 60'000;

struct Question {
  std::string_view after = "0";
  std::string_view pattern = "*";
  std::size_t count = 100;
  Duration block{0};
};

std::expected<std::int64_t, std::string> number_to(std::string_view text, std::int64_t most) {
  const auto number = parse_integer(text);
  if (!number || *number < 0) return std::unexpected(std::string{error_text::not_an_integer});
  return std::min(*number, most);
}

std::expected<Question, std::string> parse(std::span<const std::string_view> words) {
  Question question;
  if (words.size() % 2 == 0) return std::unexpected(std::string{error_text::syntax});
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const std::string_view value = words[i + 1];
    if (same_word(words[i], "after")) {
      question.after = value;
    } else if (same_word(words[i], "match")) {
      question.pattern = value;
    } else if (same_word(words[i], "count")) {
      const auto count = number_to(value, max_count);
      if (!count) return std::unexpected(count.error());
      question.count = static_cast<std::size_t>(*count);
    } else if (same_word(words[i], "block")) {
      const auto block = number_to(value, max_block_ms);
      if (!block) return std::unexpected(block.error());
      question.block = std::chrono::milliseconds{*block};
    } else {
      return std::unexpected(std::string{error_text::syntax});
    }
  }
  return question;
}

// Until something may have happened. False: the time is over, or the server ends.
Async<bool> wait_for_more(Process& self, EventRing& ring, std::uint64_t after, Duration left) {
  if (left <= Duration::zero()) co_return false;
  if (!ring.wait(self.pid(), after)) co_return true;
  co_return co_await self.receive([](EventsCame) { return true; },
                                  [&](Exit exit) {
                                    // It is for whoever waits for input next.
                                    troupe::exit(self.pid(), exit.reason);
                                    return false;
                                  },
                                  troupe::after(left, [] { return false; }));
}

void write_page(const EventRing& ring, const EventRing::Page& page, ReplyWriter& reply) {
  reply.array(2);
  reply.bulk(ring.position(page.last));
  reply.array(page.events.size());
  for (const SessionEvent& event : page.events) {
    reply.array(5);
    reply.bulk(ring.position(event.number));
    reply.bulk(name_of(event.kind));
    reply.integer(database_of(event.key));
    reply.bulk(key_in(event.key));
    reply.integer(event.at_ms);
  }
}

}  // namespace

Async<std::string> answer_events(Process& self, HouseRef house,
                                 std::span<const std::string_view> words, RespVersion version,
                                 std::uint64_t client) {
  EventRing& ring = house->event_ring;
  std::string out;
  ReplyWriter reply{out, version};
  const auto question = parse(words);
  if (!question) {
    reply.error(question.error());
    co_return out;
  }
  const auto place = ring.parse_position(question->after);
  if (!place) {
    reply.error("ERR AFTER is a position, 0 or $");
    co_return out;
  }
  const Duration until = self.monotonic_time() + question->block;
  std::uint64_t after = place->after;
  for (;;) {
    auto page = ring.read(after, question->count);
    if (!page || place->is_of_other_run) {
      reply.error(
          "EVENTSGONE events behind this position are not kept any more; the oldest "
          "position is " +
          ring.position(ring.oldest()));
      co_return out;
    }
    const bool is_end = page->events.size() < question->count;
    std::erase_if(page->events, [&](const SessionEvent& event) {
      return !glob_match(question->pattern, key_in(event.key));
    });
    after = page->last;
    if (!page->events.empty() || question->count == 0) {
      write_page(ring, *page, reply);
      co_return out;
    }
    if (!is_end) continue;
    const Duration left = until - self.monotonic_time();
    WaitingClients::Wait wait{house->waiting_clients, client};
    const bool has_more = co_await wait_for_more(self, ring, after, left);
    if (has_more) continue;
    wait.end();
    write_page(ring, *page, reply);
    co_return out;
  }
}

}  // namespace greenroom
