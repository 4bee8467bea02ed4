// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include <troupe/gen_server.hpp>

namespace troupe::test {

// What a Worker writes to its journal, in the order in which it happened.
struct Line {
  std::string text;
};

// A child for the tests of supervisors: traps exits, has its id as its name, and writes `start ID`
// and `stop ID REASON` to the process it is told.
class Worker : public GenServer<Worker> {
 public:
  struct Leave {
    ExitReason reason;
  };
  struct Hello {
    using Reply = std::string;
  };

  Worker(Process& self, std::string id, Pid journal) : id_{std::move(id)}, journal_{journal} {
    self.trap_exits();
    send(journal_, Line{"start " + id_});
  }
  void handle_cast(Process& self, Leave m) { self.exit(std::move(m.reason)); }
  std::string handle_call(Hello) { return id_; }
  void terminate(ExitReason reason) {
    send(journal_, Line{"stop " + id_ + " " + reason.to_string()});
  }

 private:
  std::string id_;
  Pid journal_;
};

inline void append(std::string& lines, const Line& line) {
  if (!lines.empty()) lines += "; ";
  lines += line.text;
}

// The next `count` lines of the journal of this process: `start a; start b`. One text, because a
// list in braces beside a `co_await` is more than GCC can compile.
inline Async<std::string> journal(Process& self, int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) append(lines, co_await self.receive<Line>());
  co_return lines;
}

// The lines that are there already.
inline Async<std::string> journal(Process& self) {
  std::string lines;
  while (const auto line = co_await self.receive<Line>(Duration::zero())) append(lines, *line);
  co_return lines;
}

}  // namespace troupe::test
