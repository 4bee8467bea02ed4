// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A game lobby: a process for each player under one dynamic supervisor. A player who crashes starts
// again with a fresh state and harms nobody else; one who leaves is not started again. The course's
// damage heals when it is negative, and its players are mute, because the line that sends is a
// comment.
#pragma once

#include <algorithm>
#include <string>

#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace game_lobby {

struct PlayerState {
  std::string id;
  int x = 0, y = 0;
  int health = 100;
  friend bool operator==(const PlayerState&, const PlayerState&) = default;
};
struct ChatLine {
  std::string text;
};

struct Player : GenServer<Player> {
  struct GetState {
    using Reply = PlayerState;
  };
  struct Move {
    int dx, dy;
    using Reply = void;
  };
  struct Damage {
    int amount;
    using Reply = bool;  // whether the player lives
  };
  struct SendMessage {
    std::string message;
  };
  struct Leave {};

  // The connection is the process that talks to the player's client.
  Player(std::string id, Pid connection) : state_{std::move(id)}, connection_{connection} {}

  PlayerState handle_call(GetState) { return state_; }
  void handle_call(Move m) {
    state_.x += m.dx;
    state_.y += m.dy;
  }
  bool handle_call(Damage m) {
    if (m.amount < 0) throw std::invalid_argument("damage cannot heal");
    state_.health = std::max(0, state_.health - m.amount);
    return state_.health > 0;
  }
  void handle_cast(SendMessage m) { send(connection_, ChatLine{std::move(m.message)}); }
  Next handle_cast(Leave) { return Next::stop(ExitReason{}); }

 private:
  PlayerState state_;
  Pid connection_;
};

inline auto start(Process& self) {
  return Supervisor::start_link(
      self, children(Registry::spec({.name = "players"}),
                     dynamic_supervisor("lobby", {.max_restarts = 1'000, .name = "lobby"})));
}

inline Async<ServerRef<Player>> join(Process& self, std::string id, Pid connection) {
  auto player = child<Player>(id, connection).via(Registry::via("players", id)).restart(transient);
  (void)co_await DynamicSupervisor::start_child(self, named<DynamicSupervisor>("lobby"),
                                                std::move(player));
  co_return Registry::find<Player>("players", id);
}
inline ServerRef<Player> find(const std::string& id) {
  return Registry::find<Player>("players", id);
}

}  // namespace game_lobby
