// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A program that is stopped in order, by SIGTERM or Ctrl-C: what started last stops first, the
// worker finishes what it is at, and the journal, which the worker needs, ends after it. The
// courses' programs end with whatever they are at.
#include <cstdio>

#include <troupe/application.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

struct Journal : GenServer<Journal> {
  struct Write {
    int piece;
    using Reply = void;
  };
  explicit Journal(Process& self) { self.trap_exits(); }  // so that terminate runs
  void handle_call(Write m) { last_ = m.piece; }
  void terminate(ExitReason) { std::printf("journal closed after piece %d\n", last_); }

 private:
  int last_ = 0;
};

struct Worker : GenServer<Worker> {
  struct Work {
    int piece;
  };
  using Info = troupe::Messages<Work>;
  explicit Worker(Process& self) {
    self.trap_exits();
    send(self.pid(), Work{1});
  }
  // Stopped in the middle of this, it is stopped when this is over.
  Async<> handle_info(Process& self, Work m) {
    if (m.piece == 1) say("working");
    co_await self.sleep(300ms);
    co_await call(self, named<Journal>("journal"), Journal::Write{m.piece});
    send(self.pid(), Work{m.piece + 1});
  }
  void terminate(ExitReason reason) {
    std::printf("worker stops: %s\n", reason.to_string().c_str());
  }
};

int main() {
  Application app{.name = "graceful_stop"};
  app.tree =
      supervisor("top", children(child<Journal>().named("journal"), child<Worker>().shutdown(10s)),
                 {.strategy = rest_for_one});
  const int code = run_application(std::move(app));
  say("everything is stopped");
  return code;
}
