// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The tree of the chapter: a web endpoint with a live session per visitor, a database pool whose
// connections reconnect, and a cache. The course makes three claims about crashes and shows none;
// each is a test here: a session that crashes concerns one visitor, the cache comes back and the
// others do not notice, and the pool reconnects. Its sessions stand in the picture like fixed
// children; here they come and go.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace supervision_tree {

struct Break {};  // every server here crashes on it

// A visitor's live session.
struct LiveSession : GenServer<LiveSession> {
  struct Click {
    using Reply = int;  // clicks so far
  };
  explicit LiveSession(std::string visitor) : visitor_{std::move(visitor)} {}
  int handle_call(Click) { return ++clicks_; }
  void handle_cast(Break) { throw std::runtime_error("session of " + visitor_); }

 private:
  std::string visitor_;
  int clicks_ = 0;
};

// Opens sessions; a visitor who comes again gets the one that runs.
struct Endpoint : GenServer<Endpoint> {
  struct Visit {
    std::string visitor;
    using Reply = ServerRef<LiveSession>;
  };
  Async<ServerRef<LiveSession>> handle_call(Process& self, Visit m) {
    const auto running = Registry::find<LiveSession>("live", m.visitor);
    if (running.pid() && co_await is_alive(self, running.pid())) co_return running;
    auto session = child<LiveSession>(m.visitor).via(Registry::via("live", m.visitor));
    const auto started = co_await DynamicSupervisor::start_child(
        self, named<DynamicSupervisor>("live_sessions"), std::move(session.restart(temporary)));
    co_return ServerRef<LiveSession>{started.value().pid};
  }
};

// A connection of the pool: its start is the connecting, so its restart is the reconnecting.
struct Connection : GenServer<Connection> {
  struct Query {
    int value;
    using Reply = int;
  };
  int handle_call(Query m) { return m.value * m.value; }
  void handle_cast(Break) { throw std::runtime_error("the database hung up"); }
};

struct Cache : GenServer<Cache> {
  struct Put {
    std::string key, value;
    using Reply = void;
  };
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  void handle_call(Put m) { entries_[m.key] = std::move(m.value); }
  std::optional<std::string> handle_call(Get m) {
    const auto at = entries_.find(m.key);
    return at == entries_.end() ? std::optional<std::string>{} : at->second;
  }
  void handle_cast(Break) { throw std::runtime_error("cache"); }

 private:
  std::map<std::string, std::string> entries_;
};

inline auto start(Process& self) {
  return Supervisor::start_link(
      self,
      children(supervisor("web",
                          children(Registry::spec({.name = "live"}),
                                   dynamic_supervisor("live_sessions", {.name = "live_sessions"}),
                                   child<Endpoint>().named("endpoint")),
                          {.strategy = rest_for_one}),
               supervisor("database", children(child<Connection>().named("connection_1"),
                                               child<Connection>().named("connection_2"))),
               child<Cache>().named("cache")),
      {.strategy = one_for_one, .name = "app"});
}

inline auto visit(Process& self, std::string visitor) {
  return call(self, named<Endpoint>("endpoint"), Endpoint::Visit{std::move(visitor)});
}

// The tree as text, walked through which_children.
inline Async<std::string> draw(Process& self, Pid supervisor, std::string indent) {
  std::string text;
  for (const ChildInfo& c :
       co_await Supervisor::which_children(self, ServerRef<Supervisor>{supervisor})) {
    text = indent + c.id.as_text().value_or(to_erlang(c.id)) + "\n" +
           (c.type == ChildType::supervisor && to_erlang(c.id) != "live_sessions" &&
                    to_erlang(c.id) != "live"
                ? co_await draw(self, c.pid, indent + "  ")
                : "") +
           text;
  }
  co_return text;
}

}  // namespace supervision_tree
