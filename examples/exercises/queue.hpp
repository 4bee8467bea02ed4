// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 6.
#pragma once

#include <deque>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

// A queue whose Take waits until there is something: the server keeps the From and answers later.
struct WaitingQueue : GenServer<WaitingQueue> {
  struct Put {
    int item;
  };
  struct Take {
    using Reply = int;
  };
  void handle_cast(Put m) {
    items_.push_back(m.item);
    serve();
  }
  void handle_call(Take, From<int> from) {
    waiting_.push_back(std::move(from));
    serve();
  }

 private:
  void serve() {
    while (!items_.empty() && !waiting_.empty()) {
      reply(std::move(waiting_.front()), items_.front());
      waiting_.pop_front();
      items_.pop_front();
    }
  }
  std::deque<int> items_;
  std::deque<From<int>> waiting_;
};

}  // namespace exercises
