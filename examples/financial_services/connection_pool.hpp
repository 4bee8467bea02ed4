// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A pool with a process per connection, of which the course has the name only: who needs one checks
// it out and is watched meanwhile, so a borrower that dies gives it back, and a connection that
// dies is replaced. Who comes when all are out waits in line.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace financial_services {

struct Query {
  int value;
  using Reply = int;
};

// Stands for a connection to an exchange: it answers queries, one at a time.
struct Connection : GenServer<Connection> {
  int handle_call(Query query) { return 2 * query.value; }
};

struct ConnectionPool : GenServer<ConnectionPool> {
  struct CheckOut {
    using Reply = ServerRef<Connection>;
  };
  struct CheckIn {
    ServerRef<Connection> connection;
  };

  explicit ConnectionPool(int size) : size_{size} {}
  Async<Init> init(Process& self) {
    self.trap_exits();
    for (int i = 0; i < size_; ++i) free_.push_back(co_await Connection::start_link(self));
    co_return Init::ok();
  }
  void handle_call(Process& self, CheckOut, From<ServerRef<Connection>> from) {
    waiting_.push_back(std::move(from));
    serve(self);
  }
  void handle_cast(Process& self, CheckIn m) { give_back(self, m.connection.pid()); }
  void handle_info(Process& self, Down m) {
    for (const auto& [connection, ref] : lent_) {
      if (ref == m.ref) return give_back(self, connection);
    }
  }
  Async<> handle_info(Process& self, Exit m) {
    if (const auto at = lent_.find(m.from); at != lent_.end()) {
      self.demonitor(at->second, Flush::yes);
      lent_.erase(at);
    }
    std::erase_if(free_, [&](const auto& ref) { return ref.pid() == m.from; });
    free_.push_back(co_await Connection::start_link(self));
    serve(self);
  }

 private:
  void give_back(Process& self, Pid connection) {
    const auto at = lent_.find(connection);
    if (at == lent_.end()) return;
    self.demonitor(at->second, Flush::yes);
    lent_.erase(at);
    free_.push_back(ServerRef<Connection>{connection});
    serve(self);
  }
  void serve(Process& self) {
    while (!waiting_.empty() && !free_.empty()) {
      const auto connection = free_.front();
      lent_[connection.pid()] = self.monitor(waiting_.front().caller());
      free_.pop_front();
      reply(std::move(waiting_.front()), connection);
      waiting_.pop_front();
    }
  }

  int size_;
  std::deque<ServerRef<Connection>> free_;
  std::map<Pid, Ref> lent_;
  std::deque<From<ServerRef<Connection>>> waiting_;
};

}  // namespace financial_services
