// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "game_match.hpp"
#include "shared_document.hpp"

using namespace entities;

Async<> absent(Process& self) { co_await self.receive<MatchOver>(); }

int main() {
  return run([](Process& self) -> Async<> {
    const Pid other = spawn(absent);
    const std::array<Pid, 2> players{self.pid(), other};
    const auto match = co_await GameMatch::start_link(self, players);
    for (const std::size_t field : {0u, 1u, 2u}) {
      co_await call(self, match, GameMatch::Move{self.pid(), field});
      if (field < 2) co_await call(self, match, GameMatch::Move{other, field + 6});
    }
    const MatchOver over = co_await self.receive<MatchOver>();
    std::printf("%s: %s\n", over.winner == self.pid() ? "won" : "lost", over.why.c_str());

    const auto document = co_await SharedDocument::start_link(self, "hello world");
    const Text text = co_await call(self, document, SharedDocument::Open{self.pid()});
    co_await call(self, document, SharedDocument::Replace{text.version, 0, 5, "goodbye"});
    const Text now = co_await self.receive<Text>();
    std::printf("version %d: %s\n", now.version, now.text.c_str());
    const auto late = co_await call(self, document, SharedDocument::Replace{1, 0, 5, "HELLO"});
    std::printf("an edit of version 1: %s\n", late ? "accepted" : "refused");
  });
}
