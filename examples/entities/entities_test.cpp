// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>

#include "entities/game_match.hpp"
#include "entities/shared_document.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace entities;
using enum GameMatch::Verdict;

Async<> absent(Process& self) { co_await self.receive<MatchOver>(); }

Async<ServerRef<GameMatch>> begin(Process& self, Pid other) {
  const std::array<Pid, 2> players{self.pid(), other};
  co_return co_await GameMatch::start(self, players);
}

TEST(GameMatch, players_move_in_turn_and_three_in_a_row_win) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid other = spawn(absent);
    const auto match = co_await begin(self, other);
    const auto move = [&](Pid player, std::size_t field) {
      return call(self, match, GameMatch::Move{player, field});
    };
    EXPECT_EQ(co_await move(other, 0), not_your_turn);
    EXPECT_EQ(co_await move(self.pid(), 0), accepted);
    EXPECT_EQ(co_await move(self.pid(), 1), not_your_turn);
    EXPECT_EQ(co_await move(other, 0), taken);
    EXPECT_EQ(co_await move(other, 9), taken);
    EXPECT_EQ(co_await move(other, 3), accepted);
    EXPECT_EQ(co_await move(self.pid(), 1), accepted);
    EXPECT_EQ(co_await move(other, 4), accepted);
    EXPECT_EQ(co_await move(self.pid(), 2), accepted);
    EXPECT_EQ((co_await self.receive<MatchOver>()).winner, self.pid());
  });
}

TEST(GameMatch, who_does_not_move_in_time_or_leaves_has_lost) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await begin(self, spawn(absent));
    co_await self.sleep(31s);
    const auto lost = co_await self.receive<MatchOver>(1s);
    EXPECT_TRUE(lost && lost->winner != self.pid() && lost->why == "no move in time");
    const Pid other = spawn(absent);
    co_await begin(self, other);
    exit(other, atoms::kill);
    EXPECT_EQ((co_await self.receive<MatchOver>()).winner, self.pid());
  });
}

TEST(SharedDocument, an_edit_on_an_old_version_is_refused_with_the_new_text) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto document = co_await SharedDocument::start_link(self, "hello world");
    const Text first = co_await call(self, document, SharedDocument::Open{self.pid()});
    EXPECT_EQ(first, (Text{1, "hello world"}));
    co_await call(self, document, SharedDocument::Replace{1, 0, 5, "goodbye"});
    EXPECT_EQ(co_await self.receive<Text>(), (Text{2, "goodbye world"}));
    const auto late = co_await call(self, document, SharedDocument::Replace{1, 6, 5, "moon"});
    EXPECT_EQ(late.error(), (Text{2, "goodbye world"}));
  });
}

Async<> editor(Process& self, ServerRef<SharedDocument> document, int edits, Pid tell) {
  Text mine = co_await call(self, document, SharedDocument::Open{self.pid()});
  while (edits > 0) {
    const auto done =
        co_await call(self, document, SharedDocument::Replace{mine.version, 0, 0, "x"});
    if (done) --edits;
    mine = done ? *done : done.error();
  }
  send(tell, true);
}

TEST(SharedDocument, ten_editors_at_once_lose_no_edit) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto document = co_await SharedDocument::start_link(self, "");
    for (int i = 0; i < 10; ++i) spawn(editor, document, 20, self.pid());
    for (int i = 0; i < 10; ++i) co_await self.receive<bool>();
    const Text text = co_await call(self, document, SharedDocument::Open{self.pid()});
    EXPECT_EQ(text.text.size(), 200u);
    while (co_await call(self, document, SharedDocument::Editors{}) != 1) co_await self.yield();
  });
}

}  // namespace
