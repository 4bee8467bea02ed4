// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <vector>

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

// The next `count` lines of the journal of this process.
inline Async<std::vector<std::string>> journal(Process& self, std::size_t count) {
  std::vector<std::string> lines;
  while (lines.size() < count) lines.push_back((co_await self.receive<Line>()).text);
  co_return lines;
}

// The lines that are there already.
inline Async<std::vector<std::string>> journal(Process& self) {
  std::vector<std::string> lines;
  while (auto line = co_await self.receive<Line>(Duration::zero())) lines.push_back(line->text);
  co_return lines;
}

using Lines = std::vector<std::string>;

}  // namespace troupe::test
