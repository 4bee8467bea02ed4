// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <troupe/simulation.hpp>
#include <troupe/troupe.hpp>

#include "server/key_request.hpp"
#include "server/server.hpp"

// A server's sessions and their clients in simulated schedules and virtual time, without sockets.
namespace greenroom::test {

// Of a reply that is one.
inline std::int64_t integer_in(const std::string& reply) {
  EXPECT_EQ(reply.substr(0, 1), ":") << reply;
  return reply.starts_with(':') ? std::stoll(reply.substr(1)) : 0;
}

struct Ask {
  std::vector<std::string> words;
};
struct Answer {
  std::uint64_t client = 0;
  std::string reply;
};

inline troupe::Async<std::string> ask(troupe::Process& self, HouseRef house, std::uint64_t id,
                                      std::vector<std::string> words) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  KeyRequest::Asker asker;
  asker.client = id;
  KeyRequest request{house, *find_command(views[0]), views, 0, asker};
  co_await request.send(self);
  co_return co_await request.reply(self);
}

// A connection, as sessions see one: a process with a number.
inline troupe::Async<> client(troupe::Process& self, troupe::Pid owner, HouseRef house,
                              std::uint64_t id) {
  for (;;) {
    Ask question = co_await self.receive<Ask>();
    Answer answer;
    answer.client = id;
    answer.reply = co_await ask(self, house, id, std::move(question.words));
    troupe::send(owner, std::move(answer));
  }
}

class World {
 public:
  World(troupe::Process& self, ServerPtr server) : self_{self}, server_{server} {}

  SessionHouse& house() { return server_->house; }
  void rule(std::string_view prefix, std::string_view words) {
    house().rules.set(*parse_prefix_rule(prefix, words));
  }
  // Client number `id` begins to ask; the answer comes to whoever looks for it.
  void begin_to_ask(std::uint64_t id, std::vector<std::string> words) {
    troupe::Pid& pid = clients_[id];
    if (!pid) pid = troupe::spawn(client, self_.pid(), HouseRef{&house()}, std::uint64_t{id});
    troupe::send(pid, Ask{std::move(words)});
  }
  troupe::Async<std::string> answer_to(std::uint64_t id) {
    Answer answer = co_await self_.receive(
        troupe::when([id](const Answer& each) { return each.client == id; },
                     [](Answer each) { return each; }),
        troupe::after(std::chrono::hours{1}, [] { return Answer{0, "(nothing)"}; }));
    co_return answer.reply;
  }
  troupe::Async<std::string> operator()(std::uint64_t id, std::vector<std::string> words) {
    begin_to_ask(id, std::move(words));
    co_return co_await answer_to(id);
  }
  // Ends the client's process without a word, as a connection that is cut.
  troupe::Async<> cut(std::uint64_t id) {
    const troupe::Pid pid = std::exchange(clients_[id], troupe::Pid{});
    const troupe::Ref down = self_.monitor(pid);
    troupe::exit(pid, troupe::ExitReason{troupe::atoms::kill});
    (void)co_await self_.receive(
        troupe::when([&](const troupe::Down& each) { return each.ref == down; },
                     [](troupe::Down) { return true; }));
  }
  // Until so many commands wait for a lock.
  troupe::Async<> until_waiting(std::uint64_t count) {
    while (house().counters.lock_waits < count) co_await self_.sleep(std::chrono::milliseconds{1});
  }
  std::int64_t now_ms() const { return self_.system_time() / std::chrono::milliseconds{1}; }

 private:
  troupe::Process& self_;
  ServerPtr server_;
  std::map<std::uint64_t, troupe::Pid> clients_;
};

using Words = std::vector<std::string>;

template <class Body>
void in_every_schedule(Body body) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Server server;
    troupe::Simulation simulation{{.seed = seed}};
    auto result = simulation.runtime().try_run(body, ServerPtr{&server});
    EXPECT_TRUE(result.has_value())
        << "seed " << seed << ": " << troupe::to_erlang(result.error().term());
  }
}

}  // namespace greenroom::test
