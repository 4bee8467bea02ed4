// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A game match as an entity process, which the course has in a table only: two players, moves in
// turn, a clock that decides when one does not move, and an end that both are told of.
#pragma once

#include <array>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace entities {

struct MatchOver {
  Pid winner;  // null: a draw
  std::string why;
};

// Noughts and crosses on nine fields.
struct GameMatch : GenServer<GameMatch> {
  enum class Verdict { accepted, not_your_turn, taken };
  struct Move {
    Pid player;
    std::size_t field;
    using Reply = Verdict;
  };
  static constexpr Duration time_to_move = 30s;

  explicit GameMatch(std::array<Pid, 2> players) : players_{players} {}
  Init init(Process& self) {
    for (const Pid player : players_) self.monitor(player);
    return Init::timeout(time_to_move);
  }
  Answer<Verdict> handle_call(Move m) {
    if (m.player != players_[turn_]) return {Verdict::not_your_turn, Next::timeout(time_to_move)};
    if (m.field >= board_.size() || board_[m.field] != 0) {
      return {Verdict::taken, Next::timeout(time_to_move)};
    }
    board_[m.field] = static_cast<int>(turn_) + 1;
    if (has_won()) return {Verdict::accepted, end(players_[turn_], "three in a row")};
    if (++moves_ == board_.size()) return {Verdict::accepted, end(Pid{}, "the board is full")};
    turn_ = 1 - turn_;
    return {Verdict::accepted, Next::timeout(time_to_move)};
  }
  Next handle_timeout() { return end(players_[1 - turn_], "no move in time"); }
  Next handle_info(Down m) { return end(players_[m.pid == players_[0] ? 1 : 0], "the other left"); }

 private:
  Next end(Pid winner, const char* why) {
    for (const Pid player : players_) send(player, MatchOver{winner, why});
    return Next::stop(ExitReason{});
  }
  bool has_won() const {
    constexpr std::size_t lines[8][3]{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6},
                                      {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6}};
    for (const auto& line : lines) {
      const int mark = board_[line[0]];
      if (mark != 0 && board_[line[1]] == mark && board_[line[2]] == mark) return true;
    }
    return false;
  }

  std::array<Pid, 2> players_;
  std::array<int, 9> board_{};
  std::size_t turn_ = 0;
  std::size_t moves_ = 0;
};

}  // namespace entities
