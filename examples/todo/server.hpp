// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A process per list. It answers its starter at once and loads in handle_continue, before anything
// else it is asked; every change is on disk before it is acknowledged, which the course's only
// casts. One that nobody asks for ten minutes ends; the course's stay for ever.
#pragma once

#include "database.hpp"

using namespace std::chrono_literals;

namespace todo {

struct Server : GenServer<Server> {
  struct Load {};
  struct AddEntry {
    Entry entry;
    using Reply = int;  // its id
  };
  struct UpdateEntry {
    Entry entry;
    using Reply = bool;
  };
  struct DeleteEntry {
    int id;
    using Reply = bool;
  };
  struct Entries {
    std::string date;
    using Reply = std::vector<Entry>;
  };
  static constexpr Duration idle_limit = 10min;

  explicit Server(std::string name) : name_{std::move(name)} {
    log::debug("starting the server of {}", name_);
  }
  Async<Init> init(Process&) { co_return continue_with(Load{}); }
  Async<Next> handle_continue(Process& self, Load) {
    auto stored = co_await call(self, worker_of(name_), DatabaseWorker::Get{name_});
    list_ = std::move(stored).value_or(List{});
    co_return Next::timeout(idle_limit);
  }

  Async<Answer<int>> handle_call(Process& self, AddEntry m) {
    const int id = list_.add(std::move(m.entry));
    co_await save(self);
    co_return {id, Next::timeout(idle_limit)};
  }
  Async<Answer<bool>> handle_call(Process& self, UpdateEntry m) {
    const bool found = list_.update(std::move(m.entry));
    if (found) co_await save(self);
    co_return {found, Next::timeout(idle_limit)};
  }
  Async<Answer<bool>> handle_call(Process& self, DeleteEntry m) {
    const bool found = list_.remove(m.id);
    if (found) co_await save(self);
    co_return {found, Next::timeout(idle_limit)};
  }
  Answer<std::vector<Entry>> handle_call(Entries m) {
    return {list_.of_date(m.date), Next::timeout(idle_limit)};
  }
  Next handle_timeout() { return Next::stop(ExitReason{}); }

 private:
  Async<> save(Process& self) {
    co_await call(self, worker_of(name_), DatabaseWorker::Store{name_, list_});
  }
  std::string name_;
  List list_;
};

}  // namespace todo
