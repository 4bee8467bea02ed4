// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 13.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "todo/database.hpp"

using namespace std::chrono_literals;

namespace exercises {

// A to-do list that is saved once a second, however many changes come, and when it ends in order.
// One that is killed, or whose machine loses power, has lost the changes of its last second.
struct LazyList : GenServer<LazyList> {
  struct Add {
    todo::Entry entry;
  };
  struct Entries {
    std::string date;
    using Reply = std::vector<todo::Entry>;
  };
  struct Load {};
  struct Save {};
  using Info = troupe::Messages<Save>;

  // Who traps exits is asked to end, and may save first, when the supervisor stops it.
  LazyList(Process& self, std::string name) : name_{std::move(name)} { self.trap_exits(); }
  Async<Init> init(Process&) { co_return continue_with(Load{}); }
  Async<> handle_continue(Process& self, Load) {
    auto stored = co_await call(self, todo::worker_of(name_), todo::DatabaseWorker::Get{name_});
    list_ = std::move(stored).value_or(todo::List{});
  }
  void handle_cast(Process& self, Add m) {
    list_.add(std::move(m.entry));
    if (!std::exchange(has_changed_, true)) send_after(self.pid(), 1s, Save{});
  }
  std::vector<todo::Entry> handle_call(Entries m) { return list_.of_date(m.date); }
  Async<> handle_info(Process& self, Save) { co_await save(self); }
  Async<> terminate(Process& self, ExitReason) { co_await save(self); }

 private:
  Async<> save(Process& self) {
    if (!std::exchange(has_changed_, false)) co_return;
    const todo::DatabaseWorker::Store all{name_, list_};
    co_await call(self, todo::worker_of(name_), all);
  }
  std::string name_;
  todo::List list_;
  bool has_changed_ = false;
};

}  // namespace exercises
