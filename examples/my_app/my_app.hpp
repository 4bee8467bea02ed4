// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A program as an OTP application: a database pool, a cache, two workers and an endpoint under one
// supervisor, a setting, and an orderly stop: what started last stops first. The course starts the
// endpoint first, which takes requests before there is anything to answer them with; here it comes
// last, and goes first.
#pragma once

#include <string>

#include <troupe/application.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace my_app {

// Says to `tell` when it starts and stops.
struct Part : GenServer<Part> {
  Part(Process& self, std::string name, Pid tell) : name_{std::move(name)}, tell_{tell} {
    self.trap_exits();  // so that terminate runs when the supervisor stops it
    send(tell_, "start " + name_);
  }
  void terminate(ExitReason) { send(tell_, "stop " + name_); }

 private:
  std::string name_;
  Pid tell_;
};

inline Application application(Pid tell) {
  const auto part = [tell](const char* name) {
    return child<Part>(std::string{name}, tell).named(name);
  };
  Application app{.name = "my_app"};
  app.tree =
      supervisor("my_app_supervisor",
                 children(supervisor("pool", children(part("connection_1"), part("connection_2"))),
                          part("cache"), part("worker_1"), part("worker_2"), part("endpoint")));
  app.environment = map({{atom("port"), 4'000}});
  return app;
}

}  // namespace my_app
