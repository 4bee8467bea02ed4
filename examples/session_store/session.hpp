// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A session as a process. In the course it is never saved, and ends up to a second late or early,
// because it counts whole seconds of the calendar's clock; here each change is on disk before it is
// acknowledged, and the server's own timeout is the expiry.
#pragma once

#include <optional>
#include <string>

#include "database.hpp"
#include "stats.hpp"

namespace session_store {

struct Session : GenServer<Session> {
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  struct Put {
    std::string key, value;
    using Reply = Done;
  };
  struct AllData {
    using Reply = Data;
  };
  struct Touch {};
  struct Restore {};

  Session(std::string id, Duration ttl) : id_{std::move(id)}, ttl_{ttl} {}
  Async<Init> init(Process&) { co_return continue_with(Restore{}); }
  Async<Next> handle_continue(Process& self, Restore) {
    auto saved = co_await call(self, worker_of(id_), DatabaseWorker::Load{id_});
    if (saved) data_ = std::move(*saved);
    co_return Next::timeout(ttl_);  // counted anew from every use: sliding expiry
  }
  Answer<std::optional<std::string>> handle_call(Get m) {
    record(Stats::Event::access);
    const auto at = data_.find(m.key);
    return {at == data_.end() ? std::optional<std::string>{} : at->second, Next::timeout(ttl_)};
  }
  Async<Answer<Done>> handle_call(Process& self, Put m) {  // answered when it is on disk
    record(Stats::Event::access);
    data_[std::move(m.key)] = std::move(m.value);
    co_await call(self, worker_of(id_), DatabaseWorker::Save{id_, data_});
    co_return {Done{}, Next::timeout(ttl_)};
  }
  Answer<Data> handle_call(AllData) { return {data_, Next::timeout(ttl_)}; }
  Next handle_cast(Touch) { return Next::timeout(ttl_); }
  Async<Next> handle_timeout(Process& self) {  // expired: gone from the disk too
    co_await call(self, worker_of(id_), DatabaseWorker::Delete{id_});
    co_return Next::stop(ExitReason{});
  }

 private:
  std::string id_;
  Duration ttl_;
  Data data_;
};

}  // namespace session_store
