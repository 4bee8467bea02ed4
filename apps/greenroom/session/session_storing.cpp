// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// How a session's changes reach the disk: one value at a time is under way to the writer of its
// shard, whoever waits for it is answered when it has arrived, and what changed meanwhile follows.
#include <algorithm>
#include <utility>

#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;

// Sends the newest value to the writer, unless one is under way already: that one's answer does.
void SessionServer::store(Process& self) {
  if (house_->writers.empty()) return;
  if (under_way_ != 0 || stored_revision_ == state_.session.revision()) return;
  under_way_ = state_.session.revision();
  if (behind_since_ms_ == 0) behind_since_ms_ = std::max<std::int64_t>(monotonic_ms(self), 1);
  StoreValue request{self.pid(), state_.session.revision(), storage_key_, std::nullopt};
  if (state_.session.exists() || state_.dead_until_ms() != 0) request.value = packed();
  const Pid writer = whereis(house_->writer_for(storage_key_));
  if (!writer) {
    under_way_ = 0;  // between two incarnations of the writer; the next says WriterStarted
    return;
  }
  send(writer, std::move(request));
}

// Answers those who waited for this revision or an earlier one.
void SessionServer::release(std::uint64_t revision, const std::string* error) {
  if (!company_) return;
  std::list<LateReply>& late = company_->late;
  while (!late.empty() && late.front().revision <= revision) {
    LateReply reply = std::move(late.front());
    late.pop_front();
    std::move(reply.from)
        .reply(error ? "-MISCONF Errors writing to disk, the change is not durable: " + *error +
                           "\r\n"
                     : std::move(reply.reply));
  }
}

// Sends the reply when what it reports is as durable as was asked for. That holds for a write that
// has changed nothing too: that a key is gone already, or has that member, is a promise, and what
// it is founded on may be on its way to the disk yet.
void SessionServer::answer(Process& self, bool is_promise, std::string reply,
                           From<std::string> from) {
  const bool is_stored = house_->writers.empty() || stored_revision_ == state_.session.revision();
  if (is_stored || !is_promise) {
    std::move(from).reply(std::move(reply));
    return;
  }
  store(self);
  const bool overdue =
      behind_since_ms_ != 0 && monotonic_ms(self) - behind_since_ms_ >= relaxed_limit_ms;
  if (house_->durability == storage::Durability::relaxed && !overdue) {
    std::move(from).reply(std::move(reply));
  } else {
    company().late.push_back(
        LateReply{state_.session.revision(), std::move(from), std::move(reply)});
  }
}

Next SessionServer::handle_info(Process& self, Stored message) {
  if (message.revision == under_way_) {
    under_way_ = 0;
    behind_since_ms_ = 0;
    stored_revision_ = message.revision;
    release(message.revision, nullptr);
    store(self);
  }
  return next(self);
}

Next SessionServer::handle_info(Process& self, StoreFailed message) {
  if (message.revision != under_way_) return next(self);
  under_way_ = 0;
  release(message.revision, &message.text);
  // The value in memory stands. Whoever changed it since waits for an attempt of their own;
  // otherwise there is one every now and then.
  if (company_ && !company_->late.empty()) {
    store(self);
  } else {
    send_after(self.pid(), retry_interval, StoreAgain{});
  }
  return next(self);
}

Next SessionServer::handle_info(Process& self, WriterStarted) {
  under_way_ = 0;
  store(self);
  return next(self);
}

Next SessionServer::handle_info(Process& self, StoreAgain) {
  store(self);
  return next(self);
}

}  // namespace greenroom
